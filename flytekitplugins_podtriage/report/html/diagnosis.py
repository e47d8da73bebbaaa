"""The diagnosis of a message as an HTML page."""

from __future__ import annotations

from collections.abc import Iterator

from flytekitplugins_podtriage.core.model import Category, Diagnosis
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook
from flytekitplugins_podtriage.report.html.document import badge, capitalized, document, element, fix, text
from flytekitplugins_podtriage.report.text.rule_text import fault_label, rule_title

_MAX_QUOTES = 5


def page(diagnosis: Diagnosis, rules: RuleBook | None = None) -> str:
    """Return a page about a diagnosis."""
    return document("podtriage: a message", element("article", "\n".join(_parts(diagnosis, rules))))


def _parts(diagnosis: Diagnosis, rules: RuleBook | None) -> Iterator[str]:
    yield element("p", capitalized(rule_title(diagnosis, rules)), "cause")
    fault = fault_label(diagnosis.kind, diagnosis.category is Category.UNKNOWN)
    registry = f' <span class="soft">{text(diagnosis.registry)}</span>' if diagnosis.registry else ""
    yield f"<p>{badge(fault)} <code>{text(diagnosis.category.value)}</code>{registry}</p>"
    for item in diagnosis.evidence[:_MAX_QUOTES]:
        yield f'<blockquote><span class="mono">{text(item.text)}</span></blockquote>'
    if diagnosis.remedy:
        yield fix(diagnosis.remedy)
    if diagnosis.notes:
        yield element("ul", "".join(element("li", text(note), "soft") for note in diagnosis.notes))
    yield f'<p class="soft">Rule <code>{text(diagnosis.rule)}</code>.</p>'
