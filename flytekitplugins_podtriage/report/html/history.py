"""An execution of the past as an HTML page."""

from __future__ import annotations

from collections.abc import Iterator

from flytekitplugins_podtriage.report.attempts import DiagnosedAttempt
from flytekitplugins_podtriage.report.history import FROM_TEXT, History
from flytekitplugins_podtriage.report.html.document import badge, document, element, table, text
from flytekitplugins_podtriage.report.text.humanize import stamp
from flytekitplugins_podtriage.report.text.rule_text import fault


def page(told: History) -> str:
    """Return a page about an execution's attempts."""
    return document(f"podtriage: {told.name}", element("article", "\n".join(_parts(told))))


def _parts(told: History) -> Iterator[str]:
    state = element("span", "failed" if told.failing else "not failed", "state bad" if told.failing else "state good")
    yield element("header", f'{element("h1", text(told.name))}<span class="soft">{text(told.where)}</span>{state}')
    yield element("p", text(told.headline[:1].upper() + told.headline[1:]), "cause")
    yield element("p", text(FROM_TEXT[:1].upper() + FROM_TEXT[1:]) + ".", "soft")
    if told.attempts:
        heads = ("node", "attempt", "ended", "charged to", "whose doing", "category")
        yield table(heads, (_row(one) for one in told.attempts))
    for case in told.cases:
        where = f"{case.node}, attempt {case.attempt}" if case.node else f"attempt {case.attempt}"
        yield element("h3", text(where))
        yield element("p", text(case.cause[:1].upper() + case.cause[1:]), "cause")
        yield f"<p>{badge(fault(case.whose, case.unknown))} <code>{text(case.category)}</code></p>"
        if case.said:
            yield f'<blockquote><span class="mono">{text(case.said)}</span></blockquote>'
        yield f'<div class="helps"><p><strong>What helps.</strong> {text(case.remedy)}</p></div>'


def _row(one: DiagnosedAttempt) -> tuple[str, ...]:
    attempt = one.attempt
    number = str((attempt.retry_attempt or 0) + 1)
    if attempt.retries is not None:
        number += f" of {attempt.retries + 1}"
    ended = stamp(attempt.updated_at) if attempt.updated_at is not None else ""
    if not attempt.failed:
        return text(attempt.node_path), number, ended, "-", "-", ""
    charged = text(one.charged.value if one.charged is not None else "-")
    return (
        text(attempt.node_path),
        number,
        ended,
        element("strong", charged, "bad") if one.wrongly_charged else charged,
        badge(fault(one.diagnosis.kind, one.unknown)),
        text(one.diagnosis.category.value),
    )
