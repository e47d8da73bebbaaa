"""Explanations, audits and runs as JSON, for programs. A ``schema`` number grows when a field changes its meaning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from flytekitplugins_podtriage.core.accounting import Failure
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.task_runs import AttemptRecord, TaskRun
from flytekitplugins_podtriage.core.text.redact import mask
from flytekitplugins_podtriage.report.audit import Audit
from flytekitplugins_podtriage.report.explanation import Explanation
from flytekitplugins_podtriage.report.history import FROM_TEXT, History
from flytekitplugins_podtriage.report.rules import Row
from flytekitplugins_podtriage.report.run_summary import category, fault, happened, left, outcome, remedy, wronged
from flytekitplugins_podtriage.report.text.sanitize import masked, shown

SCHEMA = 1

_ENCODER = msgspec.json.Encoder()


def explanation_json(told: Explanation) -> bytes:
    """Return an explanation as one line of JSON, times in RFC 3339."""
    return _ENCODER.encode(
        {
            "schema": SCHEMA,
            "pod": told.name,
            "namespace": told.namespace,
            "task": told.task,
            "execution": told.execution,
            "node": told.node,
            "attempt": told.attempt,
            "attempts": told.attempts,
            "now": told.now,
            "state": told.state,
            "since": told.since,
            "failing": told.failing,
            "cause": told.cause,
            "verdict": masked(told.verdict),
            "story": told.story,
            "next_try": told.next_try,
            "who_pays": [
                {
                    "backend": bill.charge.backend,
                    "at": bill.charge.at,
                    "kind": bill.charge.kind,
                    "code": _masked(bill.charge.code),
                    "message": _masked(bill.charge.message),
                    "permanent": bill.charge.permanent,
                    "budget": bill.budget,
                    "then": bill.then,
                    "ends": bill.ends,
                    "wrong": bill.wrong,
                    "rule": bill.charge.rule,
                    "note": bill.charge.note,
                }
                for bill in told.bills
            ],
            "notes": told.notes,
        }
    )


def _masked(text: str | None) -> Any:
    return None if text is None else shown(text)


def audit_json(answer: Audit) -> bytes:
    """Return an audit as one line of JSON."""
    return _ENCODER.encode(
        {
            "schema": SCHEMA,
            "headline": answer.headline,
            "also": answer.other_lines,
            "source": answer.source,
            "from_text": answer.from_text,
            "not_failed": answer.not_failed,
            "total": answer.total,
            "by_category": answer.categories,
            "by_task": answer.tasks,
            "by_registry": answer.registries,
            "examples": answer.examples,
        }
    )


def history_json(told: History) -> bytes:
    """Return an execution's attempts as one line of JSON."""
    return _ENCODER.encode(
        {
            "schema": SCHEMA,
            "execution": told.name,
            "where": told.where,
            "failing": told.failing,
            "headline": told.headline,
            "evidence": FROM_TEXT,
            "attempts": [
                {
                    "node": one.attempt.node_path or None,
                    "task": one.attempt.task,
                    "attempt": one.attempt.retry_attempt,
                    "phase": one.attempt.phase or None,
                    "started_at": one.attempt.started_at or one.attempt.created_at,
                    "updated_at": one.attempt.updated_at,
                    "retries": one.attempt.retries,
                    "charged": one.charged,
                    "code": _masked(one.attempt.code),
                    "message": _masked(one.attempt.message or ""),
                    "wrong": one.wrongly_charged,
                    "diagnosis": masked(one.diagnosis) if one.attempt.failed else None,
                }
                for one in told.attempts
            ],
        }
    )


def runs_json(runs: Sequence[TaskRun], error: str | None = None) -> bytes:
    """Return runs of tasks as one line of JSON; times in RFC 3339, durations in seconds.

    Args:
        runs: of all tasks, on all backends.
        error: why the workflow failed, if it did.
    """
    told = None if error is None else mask(error)
    return _ENCODER.encode({"schema": SCHEMA, "error": told, "runs": [_run(run) for run in runs]})


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
        "lost_seconds": run.time_lost.total_seconds(),
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
        "seconds": record.duration.total_seconds(),
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
        "met": None if record.recovered_from is None else masked(record.recovered_from),
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


def rules_json(found: Iterable[Row]) -> bytes:
    """Return the rules as lines of JSON, one a rule."""
    return b"\n".join(_ENCODER.encode(row) for row in found)
