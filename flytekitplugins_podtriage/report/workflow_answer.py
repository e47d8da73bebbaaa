"""The answer of a rehearsal in sentences: where a workflow fails on stock Flyte and with podtriage, and who pays."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.task_runs import AttemptRecord
from flytekitplugins_podtriage.report import run_summary
from flytekitplugins_podtriage.report.text.humanize import format_duration
from flytekitplugins_podtriage.report.text.rule_text import rule_title
from flytekitplugins_podtriage.report.text.sanitize import one_line
from flytekitplugins_podtriage.report.workflow_summary import BackendSummary, Result, TaskCall, WorkflowSummary

_STOCK: Final = "flyte-1.16"
_MAX_NAMES: Final = 8
_MAX_ALIKE: Final = 3
_OWN: Final = ("connector", "guard")
_FAULTS: Final = {"SYSTEM": "a failure of the platform", "USER": "the task's own failure"}


def answer(summary: WorkflowSummary) -> str:
    """Return how the workflow ends on stock Flyte 1.16 and with podtriage's connector or guard, in a sentence."""
    if not summary.calls:
        return run_summary.NO_RUNS
    subject = f"task {summary.calls[0].task}" if summary.is_task else "this workflow"
    stock, own = _compared(summary)
    if not summary.troubled:
        return _untroubled(summary, subject)
    if stock is None or own is None:
        alone = own or stock or summary.backends[0]
        return f"On {alone.label} {subject} {_ending(alone, summary)}."
    on_stock, with_podtriage = _ending(stock, summary), _ending(own, summary)
    if on_stock == with_podtriage:
        return f"On stock Flyte 1.16 and with {own.label} {subject} {on_stock}."
    return f"On stock Flyte 1.16 {subject} {on_stock}; with {own.label} it {with_podtriage}."


def cause(summary: WorkflowSummary) -> str:
    """Return what went wrong first, whose fault it is and who pays for it, in sentences; nothing if all went well."""
    call = _decisive(summary)
    if call is None:
        return ""
    record = next(one for run in call.runs for one in run.attempts if run_summary.fault_of(one) or one.failure)
    fault = _FAULTS.get(run_summary.fault_of(record), "")
    happened = one_line(_what_went_wrong(record), 160).rstrip(".")
    sentences = [f"{happened}: {fault}." if fault else f"{happened}."]
    stock, own = _compared(summary)
    if stock is not None and own is not None:
        fault_kind = run_summary.fault_of(record)
        by_stock, by_own = (_payers(call, one.backend, fault_kind) for one in (stock, own))
        if by_stock == by_own:
            sentences.append(f"Stock Flyte 1.16 and {own.label} charge it to {by_stock}.")
        else:
            wrongly = "wrongly " if stock.wrongly_charged else ""
            sentences.append(f"Stock Flyte 1.16 {wrongly}charges it to {by_stock}, {own.label} to {by_own}.")
    return " ".join(sentences)


def notes(summary: WorkflowSummary) -> tuple[str, ...]:
    """Return which user retries were spent on the platform's behalf, and which were not used, in sentences."""
    sentences = []
    unused: dict[str, list[str]] = {}
    for backend in summary.backends:
        if backend.reason not in ("", run_summary.NO_RETRIES) and not summary.is_task:
            unused.setdefault(backend.reason, []).append(backend.label)
    for reason, labels in unused.items():
        sentences.append(f"{' and '.join(labels)} {'fails' if len(labels) == 1 else 'fail'}: {reason}.")
    for backend in summary.backends:
        count = backend.paid_for_platform
        if count:
            retries = f"{count} user {'retry' if count == 1 else 'retries'}"
            sentences.append(f"{backend.label} spent {retries} instead of system retries, so that the task goes on.")
    return tuple(sentences)


def without_trouble(summary: WorkflowSummary) -> str:
    """Return which tasks met no trouble, beside those that did, in a sentence; nothing if there are none."""
    counts: dict[str, int] = {}
    for call in summary.untroubled:
        counts[call.task] = counts.get(call.task, 0) + 1
    if not counts or not summary.troubled:
        return ""
    shown = [f"{task} ({count}x)" if count > 1 else task for task, count in counts.items()]
    more = f" and {len(shown) - _MAX_NAMES} more" if len(shown) > _MAX_NAMES else ""
    return f"Without trouble: {', '.join(shown[:_MAX_NAMES])}{more}."


def calls_label(calls: tuple[TaskCall, ...]) -> str:
    """Return the name of calls that met the same: ``fetch[7] of 20 elements``, ``fetch: 19 of 20 elements alike``.

    They may be of several tasks: ``load, clean and 9 more tasks alike``.
    """
    first = calls[0]
    tasks = list(dict.fromkeys(call.task for call in calls))
    if len(tasks) > 1:
        shown, more = ", ".join(tasks[:_MAX_ALIKE]), len(tasks) - _MAX_ALIKE
        return (
            f"{shown} and {more} more {'task' if more == 1 else 'tasks'} alike" if more > 0 else f"{shown}: all alike"
        )
    if first.count == 1:
        return first.label
    what = "elements" if first.run.mapped else "calls"
    if len(calls) == 1:
        return f"{first.label} of {first.count} {what}"
    if len(calls) == first.count:
        return f"{first.task}: all {first.count} {what} alike"
    return f"{first.task}: {len(calls)} of {first.count} {what} alike, the first is {first.label}"


def _untroubled(summary: WorkflowSummary, subject: str) -> str:
    first = summary.backends[0]
    where = "on every backend" if len(summary.backends) > 1 else f"on {first.label}"
    if first.result is Result.SUCCEEDS:
        return f"No task met trouble: {subject} succeeds {where}."
    return f"No task with PodTriage() met trouble, but {subject} {first.ended} {where}."


def _compared(summary: WorkflowSummary) -> tuple[BackendSummary | None, BackendSummary | None]:
    """Return stock Flyte 1.16, and podtriage's connector or the backend of podtriage's that was chosen."""
    run_on = summary.run_on
    own = run_on if run_on is not None and run_on.backend in _OWN else summary.on("connector")
    return summary.on(_STOCK), own


def _ending(backend: BackendSummary, summary: WorkflowSummary) -> str:
    """Return the predicate of a sentence about a backend: ``fails at train``, ``succeeds, delayed by 4m``."""
    if backend.result is Result.UNKNOWN and backend.failed_at is not None:
        return f"gets past {backend.failed_at.label}; what follows was not run"
    if backend.result is Result.SUCCEEDS:
        return f"succeeds{_delay(backend)}"
    return backend.result.value if summary.is_task else backend.ended


def _delay(backend: BackendSummary) -> str:
    return f", delayed by {format_duration(backend.time_lost)}" if backend.time_lost.total_seconds() >= 1 else ""


def _decisive(summary: WorkflowSummary) -> TaskCall | None:
    """Return the call to explain: where a backend failed, or else the first that met trouble."""
    for backend in (*_compared(summary), *summary.backends):
        if backend is not None and backend.failed_at is not None and backend.failed_at.met_trouble:
            return backend.failed_at
    return summary.troubled[0][0] if summary.troubled else None


def _what_went_wrong(record: AttemptRecord) -> str:
    if record.failure is None and record.recovered_from is not None:
        return rule_title(record.recovered_from)
    return run_summary.what_happened(record)


def _payers(call: TaskCall, backend: str, fault: str) -> str:
    """Return what was charged for failures of a kind: ``user retries``, ``user and system retries``, ``nobody``."""
    run = call.on(backend)
    failed = [] if run is None else [one for one in run.attempts if one.failure and run_summary.fault_of(one) == fault]
    paid = {record.charged for record in failed}
    kinds = [kind.value.lower() for kind in (ErrorKind.USER, ErrorKind.SYSTEM) if kind in paid]
    return f"{' and '.join(kinds)} retries" if kinds else "nobody"
