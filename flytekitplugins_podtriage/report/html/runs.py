"""Runs of tasks as HTML: the fragment, and a page of its own around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.task_runs import AttemptRecord, TaskRun
from flytekitplugins_podtriage.report.html.document import badge, document, element, table, text
from flytekitplugins_podtriage.report.run_summary import (
    NAMES,
    NONE_RUN,
    WRONGED,
    category,
    fault,
    happened,
    left,
    outcome,
    paid_by,
    remedy,
    wronged,
)
from flytekitplugins_podtriage.report.text.humanize import length
from flytekitplugins_podtriage.report.text.sanitize import line

_MOST_ROWS = 100


def page(runs: Sequence[tuple[TaskRun, Sequence[TaskRun]]], error: str | None = None) -> str:
    """Return a page about runs, each with those of other backends beside it, and why their workflow failed."""
    parts = [element("article", fragment(run, rest)) for run, rest in runs]
    if not runs:
        parts.append(element("p", text(NONE_RUN)))
    if error is not None:
        parts.append(element("p", text(line(error, 300)), "bad"))
    return document("podtriage: rehearsal", "\n".join(parts))


def framed(run: TaskRun, beside: Sequence[TaskRun] = ()) -> str:
    """Return the page of one run as an element that fits into another page, such as a Flyte Deck, style and all."""
    whole = escape(page([(run, beside)]), quote=True)
    return f'<iframe title="podtriage" srcdoc="{whole}" style="width:100%;height:60rem;border:0"></iframe>'


def fragment(run: TaskRun, beside: Sequence[TaskRun] = ()) -> str:
    """Return one run, and others of the same task beside it, as HTML without a frame."""
    return "\n".join(_parts(run, beside))


def _parts(run: TaskRun, beside: Sequence[TaskRun]) -> Iterator[str]:
    where = f"on {NAMES.get(run.backend, run.backend)}"
    yield element("header", f'{element("h1", text(run.task))}<span class="soft">{text(where)}</span>')
    yield element("p", text(outcome(run)), "cause" if run.succeeded else "cause bad")
    heads = ("attempt", "what happened", "fault", "took", "charged to", "user left", "platform left")
    yield table(heads, (_attempt(one, run) for one in run.attempts[:_MOST_ROWS]))
    if len(run.attempts) > _MOST_ROWS:
        yield element("p", f"and {len(run.attempts) - _MOST_ROWS} more", "soft")
    if beside:
        yield element("h3", "The same faults on")
        names = ("backend", "attempts", "user charged", "platform charged", "time lost", "and the task")
        yield table(names, (_compared(one) for one in (run, *beside)))
        if any(map(wronged, (run, *beside))):
            yield element("p", text(f"In red: {WRONGED}."), "soft")
    helps = remedy(run)
    if helps:
        yield element("p", f"{element('strong', 'What helps:')} {text(helps)}", "helps")


def _attempt(record: AttemptRecord, run: TaskRun) -> Sequence[str]:
    user, system = left(record, run.limits)
    kind = fault(record)
    paid = text(paid_by(record))
    if record.charged is ErrorKind.USER and record.verdict.kind is ErrorKind.SYSTEM:
        paid = element("strong", paid, "bad")
    name = category(record)
    what = text(happened(record)) + (f" <code>{text(name)}</code>" if name else "")
    return (
        str(record.number),
        what,
        badge(kind) if kind else "",
        text(length(record.duration)),
        paid,
        str(user),
        str(system),
    )


def _compared(run: TaskRun) -> Sequence[str]:
    paid = run.paid
    user = str(paid[ErrorKind.USER])
    return (
        text(NAMES.get(run.backend, run.backend)),
        str(len(run.attempts)),
        element("strong", user, "bad") if wronged(run) else user,
        str(paid[ErrorKind.SYSTEM]),
        text(length(run.time_lost)),
        text(outcome(run)),
    )
