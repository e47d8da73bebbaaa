"""Settling an attempt that is over: which retries are charged, what is written, and what is answered.

The order makes it safe to be killed at any moment: first the record, which holds the whole decision, then ``error.pb``,
then the response; only after that may the pod be deleted. Whoever is asked again reads the record and answers the same.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

import attrs
import msgspec
from flyteidl.core.execution_pb2 import TaskLog

from flytekitplugins_podtriage.connector import idl
from flytekitplugins_podtriage.connector.attempt_record import Record, earlier_rules, read_record
from flytekitplugins_podtriage.connector.error_document import attempt_result, failure_of
from flytekitplugins_podtriage.connector.output_prefix import (
    ERROR,
    FUTURES,
    OUTPUTS,
    RECORD,
    OutputPrefix,
    PrefixError,
    counters,
)
from flytekitplugins_podtriage.connector.responses import Response, custom_info, flytekit_resource, message
from flytekitplugins_podtriage.connector.task_attempt import TaskAttempt
from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.accounting import Failure, Limits
from flytekitplugins_podtriage.core.model import ErrorKind, Phase, Verdict
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.core.spending import Budgets, repeated, spend
from flytekitplugins_podtriage.flyte.task import marker_outputs

_log = logging.getLogger("flytekitplugins_podtriage")
_NO_OUTPUTS: Final = (
    "Charged to: USER, because the task declares no outputs: FlytePropeller does not read the error kind of such tasks."
)


@attrs.frozen(slots=True, kw_only=True)
class AttemptEnd:
    """An attempt that is over, before that is on record."""

    verdict: Verdict
    attempt: TaskAttempt
    prefix: OutputPrefix
    now: datetime
    snapshot: PodSnapshot | None = None
    """The pod as it was observed last; None: there never was one."""
    logs: Sequence[TaskLog] = ()

    @property
    def recoverable(self) -> bool:
        """Whether another attempt may follow."""
        return self.verdict.phase is not Phase.PERMANENT_FAILURE

    @property
    def pod_gone(self) -> bool:
        """Whether the pod no longer exists, or never did."""
        return self.snapshot is None or self.snapshot.gone


class SettlementObserver(Protocol):
    """Is notified of ends that are put on record, and of those that cannot be; from any thread."""

    def recorded(self, end: AttemptEnd, record: Record) -> None:
        """Note an end that this process has just put on record: no other process or call does so again."""

    def unrecorded(self, end: AttemptEnd) -> None:
        """Note an end that could not be put on record now."""


class Settlement:
    """Settles the end of one attempt; ``reserve`` system retries are kept back while user retries are left."""

    def __init__(
        self, end: AttemptEnd, limits: Limits, reserve: int, observer: SettlementObserver | None = None
    ) -> None:
        self._end = end
        self._limits = limits
        self._reserve = reserve
        self._observer = observer

    def settle(self) -> Response:
        """Put the end on record unless it is, and return the response; or say that it cannot be put on record yet."""
        try:
            record = read_record(self._end.prefix) or self._write_record()
            return response_of_record(self._end, record)
        except PrefixError as error:
            return self._unrecorded(error)

    def _write_record(self) -> Record:
        """Decide how the attempt ended, and write that down."""
        end, attempt = self._end, self._end.attempt
        failure, why, document = self._charge()
        result = attempt_result(failure, outputs=attempt.outputs, at=end.now)
        if document is None and result.document is not None:
            document = result.document.SerializeToString(deterministic=True)
        elif document is not None:
            document = b""  # the container's own is kept
        metadata = (end.snapshot.pod.metadata if end.snapshot is not None else None) or wire.Metadata()
        record = Record(
            phase=result.phase,
            message=result.message,
            at=end.now,
            verdict=end.verdict,
            charged=None if failure is None else failure.kind if attempt.outputs else ErrorKind.USER,
            why=why,
            document=document or None,
            marker=failure is None and attempt.marker,
            namespace=metadata.namespace or "",
            pod=metadata.name or "",
        )
        end.prefix.write(RECORD, msgspec.json.encode(record))
        if self._observer is not None:
            self._observer.recorded(end, record)
        return record

    def _charge(self) -> tuple[Failure | None, str, bytes | None]:
        """Return the failure with the kind that is charged, why, and the error document that the container wrote."""
        end, attempt, prefix, verdict = self._end, self._end.attempt, self._end.prefix, self._end.verdict
        succeeded = verdict.phase is Phase.SUCCESS
        if succeeded and attempt.outputs and not attempt.marker:
            # FlytePropeller reads what the container wrote, an error document first (RemoteFileOutputReader).
            return None, "", None
        if not succeeded:
            # The body of a dynamic task that succeeded leaves its sub-workflow; FlytePropeller continues with that and
            # reads no error (nodes/dynamic/handler.go).
            finished = (FUTURES, OUTPUTS) if end.pod_gone else (FUTURES,)
            if any(prefix.exists(name) for name in finished) and not prefix.exists(ERROR):
                return None, "the pod is lost, but its work was done", None
        document = prefix.error()
        if document is not None:
            why = "the container wrote an error document of its own"
            return failure_of(document), why, document.SerializeToString()
        if succeeded:
            return None, "", None
        kind, why = self._kind()
        text = verdict.message or verdict.reason
        if kind is not verdict.kind:
            text = f"{text}\nCharged to: {kind}, because {why}."
        elif kind is ErrorKind.SYSTEM and not attempt.outputs:
            text = f"{text}\n{_NO_OUTPUTS}"
        return Failure(kind, verdict.code or "", text, end.recoverable), why, None

    def _kind(self) -> tuple[ErrorKind, str]:
        """Return the kind that is to be charged, and why."""
        verdict, prefix = self._end.verdict, self._end.prefix
        kind = verdict.kind or ErrorKind.SYSTEM
        if self._limits.ignore_retry_cause:
            return kind, "the backend counts both kinds together (ignore-retry-cause)"
        budgets = Budgets.left(counters(prefix.failures()), self._limits, system_reserve=self._reserve)
        spending = spend(verdict, budgets, repeated=repeated(earlier_rules(prefix), verdict.rule))
        return spending.kind or kind, spending.why

    def _unrecorded(self, error: PrefixError) -> Response:
        """Return the response while the record cannot be written: final if the user is charged anyway, else held."""
        end, verdict = self._end, self._end.verdict
        _log.warning("podtriage: attempt %s is over, but %s", end.prefix.path, error)
        if self._observer is not None:
            self._observer.unrecorded(end)
        if verdict.phase is Phase.SUCCESS and not end.attempt.marker:
            return Response(flytekit_resource(idl.SUCCEEDED, logs=end.logs), verdict)
        text = verdict.message or verdict.reason
        if verdict.phase.failing and (verdict.kind is ErrorKind.USER or not end.attempt.outputs):
            phase = idl.RETRYABLE_FAILED if end.recoverable else idl.FAILED
            text = f"{text}\n({error})"
        else:
            phase = idl.INITIALIZING
            text = f"{text}\nHeld until this can be recorded, so that the right retries are charged: {error}"
        return Response(flytekit_resource(phase, text, custom_info(verdict, end.snapshot), end.logs), verdict)


def response_of_record(end: AttemptEnd, record: Record) -> Response:
    """Return the response about an end that is on record, after making sure that ``error.pb`` is written."""
    # FlytePropeller takes nothing that cannot be parsed for a document either.
    if record.document and end.prefix.error() is None:
        end.prefix.write(ERROR, record.document)
    verdict = record.verdict or end.verdict
    info = custom_info(verdict, end.snapshot, record.charged, record.why)
    if record.pod:
        info.update(pod=record.pod, namespace=record.namespace)
    outputs = marker_outputs() if record.marker else None
    resource = flytekit_resource(record.phase, record.message or message(verdict), info, end.logs, outputs)
    return Response(resource, verdict, settled=True)
