"""A rehearsal as HTML: a page, and a frame for a Flyte Deck."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from html import escape

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.task_runs import AttemptRecord, TaskRun
from flytekitplugins_podtriage.report import run_summary
from flytekitplugins_podtriage.report.html.attempts_gantt import gantt
from flytekitplugins_podtriage.report.html.document import badge, document, element, fix, table, text
from flytekitplugins_podtriage.report.text.humanize import format_duration
from flytekitplugins_podtriage.report.text.sanitize import one_line
from flytekitplugins_podtriage.report.workflow_answer import answer, calls_label, cause, notes, without_trouble
from flytekitplugins_podtriage.report.workflow_summary import BackendSummary, Runs, TaskCall, WorkflowSummary

_MAX_ATTEMPTS = 100
_MAX_TASKS = 50
_ATTEMPT_HEADS = (
    "attempt",
    "what happened",
    "fault",
    "took",
    "charged to",
    "user retries left",
    "system retries left",
)
_BACKEND_HEADS = (
    "backend",
    "result",
    "attempts",
    "charged to user",
    "of those wrongly",
    "charged to system",
    "time lost",
)


def page(runs: Runs, error: str | None = None, *, is_task: bool = False) -> str:
    """Return a page about the runs of a workflow's tasks, or of a task by itself, and why the workflow failed."""
    summary = WorkflowSummary.of(runs, error, is_task=is_task)
    parts = [element("article", "\n".join(_summary(summary)))]
    troubled = summary.troubled_by_reach
    parts += [element("article", "\n".join(_task(calls, summary))) for calls in troubled[:_MAX_TASKS]]
    more = len({call.task for calls in troubled[_MAX_TASKS:] for call in calls})
    if more:
        parts.append(element("p", f"and {more} more tasks that met trouble", "soft"))
    return document("podtriage: rehearsal", "\n".join(parts))


def framed(run: TaskRun, others: Sequence[TaskRun] = ()) -> str:
    """Return the page of one run as an iframe for another page, such as a Flyte Deck, including its style."""
    return framed_page([(run, others)], is_task=True)


def framed_page(runs: Runs, error: str | None = None, *, is_task: bool = False) -> str:
    """Return :func:`page` as an iframe, for a notebook."""
    srcdoc = escape(page(runs, error, is_task=is_task), quote=True)
    return f'<iframe title="podtriage" srcdoc="{srcdoc}" style="width:100%;height:60rem;border:0"></iframe>'


def _summary(summary: WorkflowSummary) -> Iterator[str]:
    yield element("h1", text(answer(summary)))
    if summary.troubled:
        yield element("p", text(cause(summary)))
        if len(summary.backends) > 1:
            yield table(_BACKEND_HEADS, (_backend_row(one, summary) for one in summary.backends), "counts")
        yield from (element("p", text(note), "soft") for note in notes(summary))
        yield from (element("p", text(sentence), "soft") for sentence in [without_trouble(summary)] if sentence)
    if summary.unexplained_error is not None:
        yield element("p", text(one_line(summary.unexplained_error, 300)), "bad")


def _backend_row(backend: BackendSummary, summary: WorkflowSummary) -> Sequence[str]:
    ended = backend.ended_as_task if summary.is_task else backend.ended
    wrongly = str(backend.wrongly_charged)
    return (
        text(backend.label),
        element("span", text(ended), "good" if ended == "succeeds" else "bad"),
        str(backend.attempts),
        str(backend.charged(ErrorKind.USER)),
        element("strong", wrongly, "bad") if backend.wrongly_charged else wrongly,
        str(backend.charged(ErrorKind.SYSTEM)),
        _duration(backend.time_lost),
    )


def _task(calls: Sequence[TaskCall], summary: WorkflowSummary) -> Iterator[str]:
    call = calls[0]
    run = call.run
    yield element("header", element("h2", text(calls_label(tuple(calls)))))
    yield gantt(call, summary)
    yield element("h3", text(f"Attempts on {run_summary.backend_label(run)}: {run_summary.outcome(run)}"))
    yield table(_ATTEMPT_HEADS, (_attempt_row(record, run) for record in run.attempts[:_MAX_ATTEMPTS]))
    if len(run.attempts) > _MAX_ATTEMPTS:
        yield element("p", f"and {len(run.attempts) - _MAX_ATTEMPTS} more", "soft")
    remedy = next(filter(None, map(run_summary.remedy_of, call.runs)), "")
    if remedy:
        yield fix(remedy)


def _attempt_row(record: AttemptRecord, run: TaskRun) -> Sequence[str]:
    user_left, system_left = run_summary.retries_left(record, run.limits)
    category, fault = run_summary.category_of(record), run_summary.fault_of(record)
    payer = text(run_summary.charged_to(record))
    return (
        str(record.number),
        text(run_summary.what_happened(record)) + (f" <code>{text(category)}</code>" if category else ""),
        badge(fault) if fault else "",
        _duration(record.duration),
        element("strong", payer, "bad") if run_summary.is_wrongly_charged(record) else payer,
        str(user_left),
        str(system_left),
    )


def _duration(duration: timedelta) -> str:
    return element("span", text(format_duration(duration)), "time")
