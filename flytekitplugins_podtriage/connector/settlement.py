"""The end of an attempt: which budget pays, what is written, and what is answered.

The order is what makes it safe to be killed anywhere: first the record, which holds the whole decision, then
``error.pb``, then the answer; only then may the pod go. Whoever asks again finds the record and tells the same.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import attrs
from flyteidl.core.execution_pb2 import TaskLog

from flytekitplugins_podtriage.connector import idl
from flytekitplugins_podtriage.connector.attempt_record import Record, read_record, rules_of
from flytekitplugins_podtriage.connector.output_prefix import (
    ERROR,
    FUTURES,
    OUTPUTS,
    RECORD,
    OutputPrefix,
    PrefixError,
    counters,
)
from flytekitplugins_podtriage.connector.responses import Told, custom_info, message, resource
from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.accounting import Failure, Limits
from flytekitplugins_podtriage.core.model import ErrorKind, Phase, Verdict
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.core.spending import Budgets, repeated, spend
from flytekitplugins_podtriage.flyte.task import marker_outputs

_log = logging.getLogger("flytekitplugins_podtriage")
_NO_OUTPUTS: Final = (
    "Charged to: USER, because the task declares no outputs: of such a task Flyte does not read whose fault it was."
)


@attrs.frozen(slots=True)
class Ending:
    """An attempt that is over, before that is on record."""

    verdict: Verdict
    outputs: bool
    """Whether the task declares outputs."""
    marker: bool
    """Whether the answer holds the marker as its output."""
    retries: int
    prefix: OutputPrefix
    now: datetime
    snapshot: PodSnapshot | None = None
    """The pod as it was last seen; None: there never was one."""
    logs: Sequence[TaskLog] = ()


class Settlement:
    """Settles one ending."""

    def __init__(self, ending: Ending, limits: Limits, reserve: int) -> None:
        self._ending = ending
        self._limits = limits
        self._reserve = reserve

    def told(self) -> Told:
        """Return how the end is told, once it is on record; or that it could not be put on record yet."""
        ending = self._ending
        try:
            known = read_record(ending.prefix)
            return of_record(ending, known) if known is not None else self._decided()
        except PrefixError as error:
            return self._unwritten(error)

    def _decided(self) -> Told:
        """Decide, and write it down."""
        ending = self._ending
        failure, why, document = self._charge()
        answer = idl.answer(failure, outputs=ending.outputs, at=ending.now)
        if document is None and answer.document is not None:
            document = answer.document.SerializeToString(deterministic=True)
        elif document is not None:
            document = b""  # the container's own is kept
        record = Record(
            phase=answer.phase,
            message=answer.message,
            at=ending.now,
            verdict=ending.verdict,
            charged=None if failure is None else failure.kind if ending.outputs else ErrorKind.USER,
            why=why,
            document=document or None,
            marker=failure is None and ending.marker,
            namespace=_named(ending).namespace or "",
            pod=_named(ending).name or "",
        )
        ending.prefix.write(RECORD, record.to_json())
        return of_record(ending, record)

    def _charge(self) -> tuple[Failure | None, str, bytes | None]:
        """Return what the attempt failed of, who pays being its kind; why; and what the container left about it."""
        ending, prefix, verdict = self._ending, self._ending.prefix, self._ending.verdict
        succeeded = verdict.phase is Phase.SUCCESS
        if succeeded and ending.outputs and not ending.marker:
            # Propeller reads what the container left, an error document first (RemoteFileOutputReader).
            return None, "", None
        if not succeeded:
            # A dynamic task's body leaves its sub-workflow when it has ended well, and then propeller goes on with
            # that and looks for no error (nodes/dynamic/handler.go).
            finished = (FUTURES, OUTPUTS) if _is_gone(ending) else (FUTURES,)
            if any(prefix.exists(name) for name in finished) and not prefix.exists(ERROR):
                return None, "the pod is lost, but its work was done", None
        left = prefix.error()
        if left is not None:
            return idl.failure_of(left), "the container left an error document of its own", left.SerializeToString()
        if succeeded:
            return None, "", None
        kind, why = self._kind()
        text = verdict.message or verdict.reason
        if kind is not verdict.kind:
            text = f"{text}\nCharged to: {kind}, because {why}."
        elif kind is ErrorKind.SYSTEM and not ending.outputs:
            text = f"{text}\n{_NO_OUTPUTS}"
        recoverable = verdict.phase is not Phase.PERMANENT_FAILURE
        return Failure(kind, verdict.code or "", text, recoverable), why, None

    def _kind(self) -> tuple[ErrorKind, str]:
        """Return who is to be charged, and why."""
        verdict, prefix = self._ending.verdict, self._ending.prefix
        kind = verdict.kind or ErrorKind.SYSTEM
        if self._limits.ignore_retry_cause:
            return kind, "the backend keeps one budget for both kinds (ignore-retry-cause)"
        budgets = Budgets.left(counters(prefix.failures()), self._limits, system_reserve=self._reserve)
        spending = spend(verdict, budgets, repeated=repeated(rules_of(prefix), verdict.rule))
        return spending.kind or kind, spending.why

    def _unwritten(self, error: PrefixError) -> Told:
        """Tell an end that cannot be put on record: what is the user's own is told at once, all else later."""
        ending, verdict = self._ending, self._ending.verdict
        _log.warning("podtriage: attempt %s is over, but %s", ending.prefix.path, error)
        if verdict.phase is Phase.SUCCESS and not ending.marker:
            return Told(resource(idl.SUCCEEDED, logs=ending.logs), verdict)
        text = verdict.message or verdict.reason
        info = custom_info(verdict, ending.snapshot)
        if verdict.phase.failing and (verdict.kind is ErrorKind.USER or not ending.outputs):
            recoverable = verdict.phase is not Phase.PERMANENT_FAILURE
            phase = idl.RETRYABLE_FAILED if recoverable else idl.FAILED
            return Told(resource(phase, f"{text}\n({error})", info, ending.logs), verdict)
        said = f"{text}\nThis is held until it can be put on record, so that the right budget pays: {error}"
        return Told(resource(idl.INITIALIZING, said, info, ending.logs), verdict)


def of_record(ending: Ending, record: Record) -> Told:
    """Return how a recorded end is told, and see to it that ``error.pb`` says it.

    Raises:
        PrefixError: ``error.pb`` can neither be found nor written.
    """
    # What cannot be parsed is not taken for a document by propeller either.
    if record.document and ending.prefix.error() is None:
        ending.prefix.write(ERROR, record.document)
    verdict = record.verdict or ending.verdict
    info = custom_info(verdict, ending.snapshot, record.charged, record.why)
    if record.pod:
        info.update(pod=record.pod, namespace=record.namespace)
    outputs = marker_outputs() if record.marker else None
    return Told(
        resource(record.phase, record.message or message(verdict), info, ending.logs, outputs), verdict, settled=True
    )


def _named(ending: Ending) -> wire.Metadata:
    return (ending.snapshot.pod.metadata if ending.snapshot is not None else None) or wire.Metadata()


def _is_gone(ending: Ending) -> bool:
    return ending.snapshot is None or ending.snapshot.gone
