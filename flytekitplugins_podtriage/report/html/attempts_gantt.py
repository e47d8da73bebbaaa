"""A task's attempts over time on each backend, as a Gantt picture.

It consists of boxes with a share of the width instead of an SVG, so that its words keep their size on a narrow page.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.task_runs import AttemptRecord, TaskRun
from flytekitplugins_podtriage.report import run_summary
from flytekitplugins_podtriage.report.html.document import element, text
from flytekitplugins_podtriage.report.text.humanize import format_duration
from flytekitplugins_podtriage.report.workflow_summary import BackendSummary, TaskCall, WorkflowSummary

_STEPS: Final = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400, 172800)
_MAX_TICKS: Final = 5
_MAX_BARS: Final = 100
_KEY: Final = {
    "succeeded": "succeeded",
    "waited": "waited, and got over it",
    "to-system": "failed, charged to system retries",
    "to-user": "failed, charged to user retries",
    "wrong": "failed, wrongly charged to user retries",
}
"""The classes of bars, and what they stand for."""


def gantt(call: TaskCall, summary: WorkflowSummary) -> str:
    """Return the attempts of a call on each backend, as HTML."""
    reached = [(backend, call.on(backend.backend)) for backend in summary.backends]
    span = max((_elapsed(run) for backend, run in reached if run is not None and _is_reached(call, backend)), default=1)
    lanes = [element("div", "".join(_lane(call, backend, run, span)), "lane-row") for backend, run in reached]
    shown = [run for backend, run in reached if run is not None and _is_reached(call, backend)]
    used = {cls for run in shown for record in run.attempts for cls in _classes(record)}
    key = "".join(
        f'<span><i class="bar-key {cls}"></i>{text(words)}</span>' for cls, words in _KEY.items() if cls in used
    )
    axis = element("div", "".join(_ticks(span)), "axis")
    return element("div", "".join(lanes) + axis, "gantt") + element("p", key, "key soft")


def _is_reached(call: TaskCall, backend: BackendSummary) -> bool:
    return any(one is call for one in backend.reached)


def _elapsed(run: TaskRun) -> float:
    return max((run.attempts[-1].ended - run.attempts[0].began).total_seconds(), 1.0) if run.attempts else 1.0


def _classes(record: AttemptRecord) -> Iterator[str]:
    """Yield the classes of an attempt's bars."""
    if record.failure is None:
        if record.waited > timedelta():
            yield "waited"
        yield "succeeded"
    elif run_summary.is_wrongly_charged(record):
        yield "wrong"
    else:
        yield "to-user" if record.charged is ErrorKind.USER else "to-system"


def _lane(call: TaskCall, backend: BackendSummary, run: TaskRun | None, span: float) -> Iterator[str]:
    yield element("div", text(backend.label), "lane-name")
    if run is None or not _is_reached(call, backend):
        yield element("div", element("span", "not reached", "soft"), "track")
        return
    begin = run.attempts[0].began if run.attempts else None
    bars: list[str] = []
    for record in run.attempts[:_MAX_BARS]:
        if begin is None:
            break
        left = (record.began - begin).total_seconds() / span
        width = record.duration.total_seconds() / span
        title = f"attempt {record.number}, {format_duration(record.duration)}: {run_summary.what_happened(record)}; "
        title += f"charged to {run_summary.charged_to(record)}"
        bars += _bars(record, left, width, text(title))
    yield element("div", "".join(bars), "track")
    yield element("div", text(f"{run_summary.outcome(run)} after {format_duration(_elapsed(run))}"), "lane-end")


def _bars(record: AttemptRecord, left: float, width: float, title: str) -> Iterator[str]:
    *waited, last = _classes(record)
    share = min(record.waited / record.duration, 1.0) if waited and record.duration else 0.0
    for cls, begin, size in (
        (waited[0] if waited else last, left, width * share),
        (last, left + width * share, width * (1 - share)),
    ):
        if size:
            style = f"left:min({begin:.2%},calc(100% - 3px));width:{size:.2%}"
            yield f'<i class="bar {cls}" style="{style}" title="{title}"></i>'


def _ticks(span: float) -> Iterator[str]:
    step = next((step for step in _STEPS if span / step <= _MAX_TICKS), _STEPS[-1])
    for number in range(_MAX_TICKS + 1):
        at = number * step
        if at > span * 0.93:  # the label would stick out
            return
        label = format_duration(at) if number else "0"
        yield f'<span style="left:{at / span:.2%}">{label}</span>'
