"""What the guard reports about its work: metrics, audit lines, and log lines about pods that it leaves alone.

It is handed in through constructors. Nothing depends on what it does: it decides nothing, and raises nothing.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final

from flytekitplugins_podtriage.core.guard.values import Outcome, Report
from flytekitplugins_podtriage.guard.audit_log import AuditLog, audit_line
from flytekitplugins_podtriage.guard.metrics import GuardMetrics
from flytekitplugins_podtriage.telemetry.log_fields import LogFields

_log = logging.getLogger("flytekitplugins_podtriage")
_LOGGED: Final = frozenset({Outcome.REFUSED, Outcome.LATE, Outcome.FAILED})


class GuardReporter:
    """Counts, and writes audit lines. For one thread, that of the guard's loop.

    Args:
        metrics: where it counts.
        audit: where audit lines go.
        cluster: the cluster's name in them.
    """

    def __init__(self, metrics: GuardMetrics, audit: AuditLog, cluster: str = "") -> None:
        self._metrics = metrics
        self._audit = audit
        self._cluster = cluster

    def decided(self, seconds: float) -> None:
        """Note a decision that was made so many seconds after the change that it is about had arrived."""
        self._metrics.decision_lag(seconds)

    def report(self, report: Report, now: datetime) -> None:
        """Note what became of a pod that was planned for; ``now`` is the API server's time."""
        act, outcome = report.act, report.outcome
        charge_at = act.charge.at if act is not None and act.charge is not None else None
        margin_left = (charge_at - now).total_seconds() if charge_at is not None else None
        self._metrics.outcome(outcome, report.why, act, margin_left)
        if act is None:
            if outcome in _LOGGED:
                _log.warning(
                    LogFields(f"pod {outcome}", {"event": outcome, "why": report.why, "detail": report.detail})
                )
            return
        if act.verdict.kind is not None:
            self._metrics.verdict(str(act.verdict.category or "unknown"), act.verdict.kind)
        line = audit_line(act, outcome, now, why=report.why, detail=report.detail, cluster=self._cluster)
        self._audit.write(line)

    def rescue(self, *, won: bool) -> None:
        """Note whether FlytePropeller read a corrected reason, or what stood there before."""
        self._metrics.rescue(won=won)
