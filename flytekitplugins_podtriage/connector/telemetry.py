"""What a connector reports about its work: log lines, and metrics if it is served with Prometheus's client.

It is handed in through constructors. Nothing depends on what it does: it decides nothing, and raises nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

import msgspec

from flytekitplugins_podtriage.connector.attempt_log import log_end, log_verdict
from flytekitplugins_podtriage.connector.attempt_record import Record
from flytekitplugins_podtriage.connector.metrics import Hold, Metrics
from flytekitplugins_podtriage.connector.output_prefix import OutputPrefix
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.connector.settlement import AttemptEnd
from flytekitplugins_podtriage.core.model import Phase, Verdict
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.telemetry.repeated_warnings import RepeatedWarnings

_FORGOTTEN: Final = 300.0
"""After how many seconds without an answer an attempt that has no pod is forgotten."""


class _Attempt(msgspec.Struct, gc=False):
    """What was reported of one attempt; there is one for each live task, so values are shared where they can be."""

    verdict: tuple[str, str, str] | None = None
    """Phase, category and rule of the verdict that was logged last."""
    podless_at: float | None = None
    """When it was last answered that there is no pod yet, by the monotonic clock; None: there is one."""
    held_for: str = ""
    """The category that the pod is held for; empty: it is not."""
    held_since: float = 0.0


class Telemetry:
    """Logs and counts.

    Args:
        metrics: None: nothing exports any.
        repeated: the filter of the log's repeated warnings, which is asked now and then what is over; None: no filter.
        clock: a monotonic clock, in seconds.
    """

    def __init__(
        self,
        metrics: Metrics | None = None,
        *,
        repeated: RepeatedWarnings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metrics = metrics
        self._repeated = repeated
        self._clock = clock
        self._attempts: dict[str, _Attempt] = {}
        self._verdicts: dict[tuple[str, str, str], tuple[str, str, str]] = {}  # as many as there are rules and phases
        self._lock = threading.Lock()  # ends are recorded by threads of the store, and scrapes come from another
        if metrics is not None:
            metrics.export_holds(self.holds)

    def answer_took(self, operation: str, seconds: float) -> None:
        """Note how long the answer to a request of FlytePropeller took: ``create`` or ``get``."""
        if self._metrics is not None:
            self._metrics.answer_took(operation, seconds)

    def answered(self, meta: PodMeta, verdict: Verdict | None, snapshot: PodSnapshot | None = None) -> None:
        """Note the verdict that FlytePropeller gets about an attempt whose end is not on record."""
        if verdict is None:
            return
        now, shown = self._clock(), _shown(verdict)
        with self._lock:
            attempt = self._attempts.setdefault(meta.prefix, _Attempt())
            attempt.podless_at = now if snapshot is None else None
            changed = attempt.verdict != shown
            attempt.verdict = self._verdicts.setdefault(shown, shown)
            self._hold(attempt, verdict, now)
        if changed:
            log_verdict(OutputPrefix(meta.prefix), verdict, snapshot, pod=(meta.namespace, meta.pod))
            self._count(verdict)

    def observed(self, meta: PodMeta, verdict: Verdict | None) -> None:
        """Note the verdict on a pod that nobody asked about: whether it is held, another replica may have answered."""
        with self._lock:
            attempt = self._attempts.get(meta.prefix)
            if attempt is not None and verdict is not None:
                self._hold(attempt, verdict, self._clock())

    def keep_only(self, prefixes: set[str]) -> None:
        """Forget the attempts whose pods are gone; ``prefixes`` are the output prefixes of those that have one."""
        if self._repeated is not None:
            self._repeated.expire()
        now = self._clock()
        with self._lock:
            for prefix, attempt in list(self._attempts.items()):
                at = attempt.podless_at
                if prefix not in prefixes and (at is None or now - at >= _FORGOTTEN):
                    self._release(attempt, now)
                    del self._attempts[prefix]

    def recorded(self, end: AttemptEnd, record: Record) -> None:
        """Note an end that this process has just put on record, from whichever thread."""
        verdict = record.verdict or end.verdict
        with self._lock:
            attempt = self._attempts.pop(end.prefix.path, None)
            if attempt is not None:
                self._release(attempt, self._clock())
        log_end(end, record)
        if attempt is None or attempt.verdict != _shown(verdict):
            self._count(verdict)
        if self._metrics is None:
            return
        if record.charged is None:
            self._metrics.success()
        else:
            kind = verdict.kind or record.charged
            self._metrics.charge(record.charged, kind, _reason(end, record), str(verdict.category or "unknown"))

    def unrecorded(self, end: AttemptEnd) -> None:
        """Note an end that could not be put on record."""
        if self._metrics is not None:
            self._metrics.settle_failure()

    def holds(self) -> dict[str, Hold]:
        """Return the pods that are held, by category."""
        now, held = self._clock(), dict[str, list[float]]()
        with self._lock:
            for attempt in self._attempts.values():
                if attempt.held_for:
                    held.setdefault(attempt.held_for, []).append(attempt.held_since)
        return {name: Hold(pods=len(since), oldest=now - min(since)) for name, since in held.items()}

    def _hold(self, attempt: _Attempt, verdict: Verdict, now: float) -> None:
        """Note whether an attempt is held; the lock is held too."""
        held = verdict.kind is not None and not verdict.phase.terminal and verdict.phase is not Phase.RUNNING
        category = str(verdict.category or "unknown") if held else ""
        if category != attempt.held_for:
            self._release(attempt, now)
            attempt.held_for, attempt.held_since = category, now

    def _release(self, attempt: _Attempt, now: float) -> None:
        if attempt.held_for and self._metrics is not None:
            self._metrics.hold_ended(attempt.held_for, now - attempt.held_since)
        attempt.held_for = ""

    def _count(self, verdict: Verdict) -> None:
        if self._metrics is not None and verdict.kind is not None:
            self._metrics.verdict(str(verdict.category or "unknown"), verdict.kind)


def _shown(verdict: Verdict) -> tuple[str, str, str]:
    return str(verdict.phase), str(verdict.category or ""), verdict.rule


def _reason(end: AttemptEnd, record: Record) -> str:
    """Return why an attempt was charged to this kind; see ``metrics.REASONS``."""
    if record.document is None and end.attempt.outputs:
        return "container"  # its document is left as it is
    if record.verdict is None or record.charged is (record.verdict.kind or record.charged):
        return "own"
    return "reserve" if end.attempt.outputs else "no_outputs"
