"""Runs as JSON: one document for one task on one or several backends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from flytekitplugins_podtriage.core.accounting import Failure
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.task_runs import AttemptRecord, TaskRun
from flytekitplugins_podtriage.core.text.redact import mask
from flytekitplugins_podtriage.report.masking import masked
from flytekitplugins_podtriage.report.run_summary import category, fault, happened, left, outcome, remedy, wronged

SCHEMA = 1


def runs_json(runs: Sequence[TaskRun], error: str | None = None) -> bytes:
    """Return runs of tasks as one line of JSON; times in RFC 3339, durations in seconds.

    Args:
        runs: of all tasks, on all backends.
        error: why the workflow failed, if it did.
    """
    told = None if error is None else mask(error)
    return msgspec.json.encode({"schema": SCHEMA, "error": told, "runs": [_run(run) for run in runs]})


def _run(run: TaskRun) -> dict[str, Any]:
    return {
        "task": run.task,
        "backend": run.backend,
        "succeeded": run.succeeded,
        "outcome": outcome(run),
        "retries": run.limits.retries,
        "max_system_failures": run.limits.max_system_failures,
        "user_paid": run.paid[ErrorKind.USER],
        "system_paid": run.paid[ErrorKind.SYSTEM],
        "user_wronged": wronged(run),
        "lost_seconds": run.lost.total_seconds(),
        "final": _failure(run.final),
        "remedy": remedy(run),
        "attempts": [_attempt(one, run) for one in run.attempts],
    }


def _attempt(record: AttemptRecord, run: TaskRun) -> dict[str, Any]:
    user, system = left(record, run.limits)
    return {
        "number": record.number,
        "pod": record.pod,
        "began": record.began,
        "ended": record.ended,
        "seconds": record.lasted.total_seconds(),
        "happened": happened(record),
        "fault": fault(record) or None,
        "category": category(record) or None,
        "failure": _failure(record.failure),
        "charged": record.charged,
        "retried": record.retried,
        "why": record.why,
        "user_left": user,
        "system_left": system,
        "states": record.states,
        "met": None if record.met is None else masked(record.met),
        "verdict": masked(record.verdict),
    }


def _failure(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    return {
        "kind": failure.kind,
        "code": mask(failure.code),
        "message": mask(failure.message),
        "recoverable": failure.recoverable,
    }
