"""Explanations as an HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flytekitplugins_podtriage.report.explanation import Explanation
from flytekitplugins_podtriage.report.html.document import badge, capitalized, document, element, fix, table, text
from flytekitplugins_podtriage.report.html.timeline_svg import NARROW_WIDTH, timeline_svg
from flytekitplugins_podtriage.report.text.humanize import format_clock, format_relative, format_rfc3339
from flytekitplugins_podtriage.report.text.rule_text import fault_label
from flytekitplugins_podtriage.report.who_pays import BackendCharge

_MAX_QUOTES = 5


def page(explanations: Sequence[Explanation]) -> str:
    """Return a page about some pods, those with problems first."""
    ordered = sorted(explanations, key=lambda explanation: explanation.all_clear)
    subject = explanations[0].name if len(explanations) == 1 else f"{len(explanations)} pods"
    return document(f"podtriage: {subject}", "\n".join(element("article", "\n".join(_parts(one))) for one in ordered))


def _parts(explanation: Explanation) -> Iterator[str]:
    verdict = explanation.verdict
    yield _header(explanation)
    yield element("p", capitalized(explanation.cause), "cause")
    if verdict.kind is not None or verdict.category is not None:
        category = text(verdict.category.value) if verdict.category is not None else ""
        registry = f' <span class="soft">{text(verdict.registry)}</span>' if verdict.registry else ""
        yield f"<p>{badge(fault_label(verdict.kind, explanation.cause_unknown))} <code>{category}</code>{registry}</p>"
    for item in verdict.evidence[:_MAX_QUOTES]:
        source = element("footer", text(explanation.source_of(item)))
        yield f'<blockquote><span class="mono">{text(item.text)}</span>{source}</blockquote>'
    if explanation.timeline:
        yield timeline_svg(explanation) + timeline_svg(explanation, NARROW_WIDTH)
    if explanation.next_try is not None and explanation.next_try > explanation.now:
        when = format_relative(explanation.next_try, explanation.now)
        yield element("p", f"The kubelet retries the pull {text(when)} or a few seconds later.", "soft")
    if explanation.charges:
        yield element("h3", capitalized(explanation.who_pays))
        heads = ("backend", "when", "charged to", "and then")
        yield table(heads, (_charge_row(charge, explanation) for charge in explanation.charges), "charges")
    if verdict.remedy and not explanation.healthy:
        yield fix(verdict.remedy)
    if explanation.notes:
        yield element("ul", "".join(element("li", text(note), "soft") for note in explanation.notes))
    yield _details(explanation)


def _header(explanation: Explanation) -> str:
    facts = [text(explanation.namespace)] if explanation.namespace else []
    if explanation.execution:
        facts.append(f"attempt {explanation.attempt} of {explanation.attempts}")
    cls = "state bad" if explanation.failing else "state good" if explanation.all_clear else "state"
    return element(
        "header",
        f'{element("h1", text(explanation.name))}<span class="soft">{" &middot; ".join(facts)}</span>'
        f"{element('span', text(explanation.state_with_age), cls)}",
    )


def _charge_row(charge: BackendCharge, explanation: Explanation) -> Sequence[str]:
    at, when, charged_to = charge.charge.at, text(explanation.charge_time(charge)), text(charge.charged_to)
    if not charge.is_charged:
        charged_to = element("span", charged_to, "soft")
    elif charge.wrong:
        charged_to = element("strong", charged_to, "bad")
    if at is None or not charge.is_charged:
        when = element("span", when, "soft")
    else:
        when = f'<span title="{format_rfc3339(at)}">{when}</span>'
    return text(charge.backend), when, charged_to, text(charge.consequence)


def _details(explanation: Explanation) -> str:
    """Return the timeline as a table, folded, and what the answer is based on."""
    rows = [
        (format_clock(entry.at, explanation.now), text(entry.counted_label()), text(entry.text))
        for entry in explanation.timeline
    ]
    entries = table(("time", "event", "message"), rows) if rows else ""
    basis = (
        f"As of {format_rfc3339(explanation.now)}. Rule <code>{text(explanation.verdict.rule)}</code>, "
        f"phase {text(explanation.verdict.phase.value)}."
    )
    return f'<details><summary>Full timeline</summary>{entries}<p class="soft">{basis}</p></details>'
