"""Explanations, histories, audits, runs and rules as JSON, for programs.

The keys are the public interface (docs/json.md). ``schema`` grows when a key changes its meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import msgspec

from flytekitplugins_podtriage.core.accounting import Failure
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.task_runs import AttemptRecord, TaskRun
from flytekitplugins_podtriage.core.text.redact import mask
from flytekitplugins_podtriage.report import history, run_summary
from flytekitplugins_podtriage.report.attempts import DiagnosedAttempt
from flytekitplugins_podtriage.report.audit import Audit, Row
from flytekitplugins_podtriage.report.explanation import Explanation
from flytekitplugins_podtriage.report.rules import RuleRow
from flytekitplugins_podtriage.report.text.sanitize import masked, sanitize
from flytekitplugins_podtriage.report.who_pays import BackendCharge
from flytekitplugins_podtriage.report.workflow_answer import answer, cause
from flytekitplugins_podtriage.report.workflow_summary import BackendSummary, Runs, WorkflowSummary

SCHEMA = 1

_ENCODER = msgspec.json.Encoder()


def _encode(**members: Any) -> bytes:
    return _ENCODER.encode({"schema": SCHEMA, **members})


def _members(value: object, *names: str) -> dict[str, Any]:
    """Return the attributes of a value that are members of the same name."""
    return {name: getattr(value, name) for name in names}


def _sanitized(text: str | None) -> str | None:
    return None if text is None else sanitize(text)


def explanation_json(explanation: Explanation) -> bytes:
    """Return an explanation as one line of JSON; times in RFC 3339."""
    return _encode(
        pod=explanation.name,
        **_members(explanation, "namespace", "task", "execution", "node", "attempt", "attempts"),
        **_members(explanation, "now", "state", "since", "failing", "cause"),
        verdict=masked(explanation.verdict),
        story=explanation.timeline,
        next_try=explanation.next_try,
        who_pays=[_charge(charge) for charge in explanation.charges],
        notes=explanation.notes,
    )


def _charge(charge: BackendCharge) -> dict[str, Any]:
    forecast = charge.charge
    return {
        **_members(forecast, "backend", "at", "kind"),
        "code": _sanitized(forecast.code),
        "message": _sanitized(forecast.message),
        "permanent": forecast.permanent,
        "budget": charge.charged_to,
        "then": charge.consequence,
        "ends": charge.task_ends,
        "wrong": charge.wrong,
        **_members(forecast, "rule", "note"),
    }


def history_json(past: history.History) -> bytes:
    """Return an execution's attempts as one line of JSON."""
    return _encode(
        execution=past.name,
        where=past.scope,
        **_members(past, "failing", "headline"),
        evidence=history.BASIS,
        attempts=[_recorded_attempt(item) for item in past.attempts],
    )


def _recorded_attempt(item: DiagnosedAttempt) -> dict[str, Any]:
    attempt = item.attempt
    return {
        "node": attempt.node_path or None,
        "task": attempt.task,
        "attempt": attempt.retry_attempt,
        "phase": attempt.phase or None,
        "started_at": attempt.started_at or attempt.created_at,
        **_members(attempt, "updated_at", "retries"),
        "charged": item.charged,
        "code": _sanitized(attempt.code),
        "message": sanitize(attempt.message or ""),
        "wrong": item.wrongly_charged,
        "diagnosis": masked(item.diagnosis) if attempt.failed else None,
    }


def audit_json(audit: Audit) -> bytes:
    """Return an audit as one line of JSON."""
    return _encode(
        headline=audit.headline,
        also=audit.details,
        **_members(audit, "source", "from_text", "not_failed", "averted", "avertible"),
        total=_audit_row(audit.total),
        by_category=[_audit_row(row) for row in audit.categories],
        by_task=[_audit_row(row) for row in audit.tasks],
        by_registry=[_audit_row(row) for row in audit.registries],
        examples=[
            {"what": example.name, "category": example.category, "said": example.excerpt} for example in audit.examples
        ],
    )


def _audit_row(row: Row) -> dict[str, Any]:
    return {
        **_members(row, "name", "attempts", "user_paid", "system_paid"),
        "user_wronged": row.wrongly_user,
        "system_wronged": row.wrongly_system,
        "unknown": row.unknown,
    }


def runs_json(runs: Runs, error: str | None = None, warnings: Sequence[str] = (), *, is_task: bool = False) -> bytes:
    """Return runs of tasks, and why their workflow failed if it did, as one line of JSON; durations in seconds.

    ``warnings`` are about the plan: the faults that never occurred.
    """
    summary = WorkflowSummary.of(runs, error, is_task=is_task)
    return _encode(
        answer=answer(summary),
        cause=cause(summary) or None,
        error=None if error is None else mask(error),
        warnings=list(map(mask, warnings)),
        backends=[_backend(backend) for backend in summary.backends],
        runs=[_run(run) for first, others in runs for run in (first, *others)],
    )


def plan_json(source: str, faults: Sequence[str], errors: Sequence[str], warnings: Sequence[str]) -> bytes:
    """Return the result of the check of a fault plan, as one line of JSON."""
    return _encode(source=source, faults=faults, errors=errors, warnings=warnings)


def _backend(backend: BackendSummary) -> dict[str, Any]:
    return {
        "backend": backend.backend,
        "result": backend.result,
        "at": None if backend.failed_at is None else backend.failed_at.label,
        **_members(backend, "attempts"),
        "user_paid": backend.charged(ErrorKind.USER),
        "user_wronged": backend.wrongly_charged,
        "user_instead": backend.paid_for_platform,
        "system_paid": backend.charged(ErrorKind.SYSTEM),
        "delay_seconds": backend.time_lost.total_seconds(),
        "not_reached": [call.label for call in backend.not_reached],
    }


def _run(run: TaskRun) -> dict[str, Any]:
    return {
        **_members(run, "task", "backend", "succeeded"),
        "outcome": run_summary.outcome(run),
        **_members(run.limits, "retries", "max_system_failures"),
        "user_paid": run.paid[ErrorKind.USER],
        "system_paid": run.paid[ErrorKind.SYSTEM],
        "user_wronged": run_summary.count_wrongly_charged(run),
        "user_instead": run_summary.count_paid_for_platform(run),
        "delay_seconds": run.delay.total_seconds(),
        "lost_seconds": run.time_lost.total_seconds(),
        "final": _failure(run.final),
        "remedy": run_summary.remedy_of(run),
        "attempts": [_attempt(record, run) for record in run.attempts],
    }


def _attempt(record: AttemptRecord, run: TaskRun) -> dict[str, Any]:
    user_left, system_left = run_summary.retries_left(record, run.limits)
    return {
        **_members(record, "number", "pod", "began", "ended"),
        "seconds": record.duration.total_seconds(),
        "waited_seconds": record.waited.total_seconds(),
        "happened": run_summary.what_happened(record),
        "fault": run_summary.fault_of(record) or None,
        "category": run_summary.category_of(record) or None,
        "failure": _failure(record.failure),
        **_members(record, "charged", "retried", "why"),
        "user_left": user_left,
        "system_left": system_left,
        "states": record.states,
        "met": None if record.recovered_from is None else masked(record.recovered_from),
        "verdict": masked(record.verdict),
    }


def _failure(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    return {**attrs.asdict(failure), "code": mask(failure.code), "message": mask(failure.message)}


def rules_json(rows: Iterable[RuleRow]) -> bytes:
    """Return the rules as lines of JSON, one per rule."""
    return b"\n".join(map(_ENCODER.encode, rows))
