"""Runs of tasks as HTML: a page, and a frame for a Flyte Deck."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.task_runs import AttemptRecord, TaskRun
from flytekitplugins_podtriage.report import run_summary
from flytekitplugins_podtriage.report.attempts import WRONGLY_CHARGED
from flytekitplugins_podtriage.report.html.document import badge, document, element, fix, table, text
from flytekitplugins_podtriage.report.text.humanize import format_duration
from flytekitplugins_podtriage.report.text.sanitize import one_line

_MAX_ATTEMPTS = 100
_ATTEMPT_HEADS = (
    "attempt",
    "what happened",
    "fault",
    "took",
    "charged to",
    "user retries left",
    "system retries left",
)
_BACKEND_HEADS = ("backend", "attempts", "user retries", "system retries", "time lost", "outcome")


def page(runs: Sequence[tuple[TaskRun, Sequence[TaskRun]]], error: str | None = None) -> str:
    """Return a page about runs, each with those of the other backends, and why their workflow failed."""
    parts = [element("article", "\n".join(_parts(run, others))) for run, others in runs]
    if not runs:
        parts.append(element("p", text(run_summary.NO_RUNS)))
    if error is not None:
        parts.append(element("p", text(one_line(error, 300)), "bad"))
    return document("podtriage: rehearsal", "\n".join(parts))


def framed(run: TaskRun, others: Sequence[TaskRun] = ()) -> str:
    """Return the page of one run as an iframe for another page, such as a Flyte Deck, including its style."""
    return framed_page([(run, others)])


def framed_page(runs: Sequence[tuple[TaskRun, Sequence[TaskRun]]], error: str | None = None) -> str:
    """Return :func:`page` as an iframe, for a notebook."""
    srcdoc = escape(page(runs, error), quote=True)
    return f'<iframe title="podtriage" srcdoc="{srcdoc}" style="width:100%;height:60rem;border:0"></iframe>'


def _parts(run: TaskRun, others: Sequence[TaskRun]) -> Iterator[str]:
    backend = f"on {run_summary.backend_label(run)}"
    yield element("header", f'{element("h1", text(run.task))}<span class="soft">{text(backend)}</span>')
    yield element("p", text(run_summary.outcome(run)), "cause" if run.succeeded else "cause bad")
    yield table(_ATTEMPT_HEADS, (_attempt_row(record, run) for record in run.attempts[:_MAX_ATTEMPTS]))
    if len(run.attempts) > _MAX_ATTEMPTS:
        yield element("p", f"and {len(run.attempts) - _MAX_ATTEMPTS} more", "soft")
    if others:
        runs = (run, *others)
        yield element("h3", "The same faults on other backends")
        yield table(_BACKEND_HEADS, map(_backend_row, runs))
        if any(map(run_summary.count_wrongly_charged, runs)):
            yield element("p", text(f"In red: {WRONGLY_CHARGED}."), "soft")
    remedy = run_summary.remedy_of(run)
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
        text(format_duration(record.duration)),
        element("strong", payer, "bad") if run_summary.is_wrongly_charged(record) else payer,
        str(user_left),
        str(system_left),
    )


def _backend_row(run: TaskRun) -> Sequence[str]:
    user_paid = str(run.paid[ErrorKind.USER])
    return (
        text(run_summary.backend_label(run)),
        str(len(run.attempts)),
        element("strong", user_paid, "bad") if run_summary.count_wrongly_charged(run) else user_paid,
        str(run.paid[ErrorKind.SYSTEM]),
        text(format_duration(run.time_lost)),
        text(run_summary.outcome(run)),
    )
