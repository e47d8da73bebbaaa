"""A past execution as an HTML page."""

from __future__ import annotations

from collections.abc import Iterator

from flytekitplugins_podtriage.report.attempts import DiagnosedAttempt
from flytekitplugins_podtriage.report.history import ATTEMPT_HEADS, BASIS, History
from flytekitplugins_podtriage.report.html.document import badge, capitalized, document, element, fix, table, text


def page(history: History) -> str:
    """Return a page about the attempts of an execution."""
    return document(f"podtriage: {history.name}", element("article", "\n".join(_parts(history))))


def _parts(history: History) -> Iterator[str]:
    failing = history.failing
    state = element("span", "failed" if failing else "not failed", "state bad" if failing else "state good")
    scope = element("span", text(history.scope), "soft")
    yield element("header", f"{element('h1', text(history.name))}{scope}{state}")
    yield element("p", capitalized(history.headline), "cause")
    yield element("p", f"{capitalized(BASIS)}.", "soft")
    if history.attempts:
        yield table(ATTEMPT_HEADS, map(_row, history.attempts))
    for failure in history.node_failures:
        node = f"{failure.node}, " if failure.node else ""
        yield element("h3", text(f"{node}attempt {failure.attempt}"))
        yield element("p", capitalized(failure.cause), "cause")
        yield f"<p>{badge(failure.fault)} <code>{text(failure.category)}</code></p>"
        if failure.excerpt:
            yield f'<blockquote><span class="mono">{text(failure.excerpt)}</span></blockquote>'
        yield fix(failure.remedy)


def _row(item: DiagnosedAttempt) -> tuple[str, ...]:
    is_failed = item.attempt.failed
    return (
        text(item.attempt.node_path),
        item.number,
        item.ended,
        element("strong", item.charged_to, "bad") if item.wrongly_charged else item.charged_to,
        badge(item.fault) if is_failed else item.fault,
        text(item.diagnosis.category.value) if is_failed else "",
    )
