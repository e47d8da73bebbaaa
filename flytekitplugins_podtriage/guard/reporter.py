"""What the guard reports about its work: metrics, audit lines, and log lines about pods that it leaves alone.

It is handed in through constructors. Nothing depends on what it does: it decides nothing, and raises nothing.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from datetime import datetime
from typing import Final

from flytekitplugins_podtriage.core.guard.values import Outcome, Report
from flytekitplugins_podtriage.core.model import Verdict
from flytekitplugins_podtriage.guard.audit_log import AuditLog, audit_line
from flytekitplugins_podtriage.guard.metrics import GuardMetrics
from flytekitplugins_podtriage.telemetry.log_fields import LogFields

_log = logging.getLogger("flytekitplugins_podtriage")
_REMEMBERED: Final = 20_000
"""Of how many pods the last verdict is remembered, to count those that change."""
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
        self._verdicts: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def observed(self, uid: str, verdict: Verdict, lag: float) -> None:
        """Note a decision on a pod: its verdict, and how many seconds it came after the bytes of the pod."""
        self._metrics.decision_lag(lag)
        if verdict.kind is None:
            self._verdicts.pop(uid, None)
            return
        shown = (str(verdict.category or "unknown"), str(verdict.kind))
        if self._verdicts.get(uid) != shown:
            self._metrics.verdict(*shown)
        self._verdicts[uid] = shown
        self._verdicts.move_to_end(uid)
        if len(self._verdicts) > _REMEMBERED:
            self._verdicts.popitem(last=False)

    def gone(self, uid: str) -> None:
        """Forget a pod."""
        self._verdicts.pop(uid, None)

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
        line = audit_line(act, outcome, now, why=report.why, detail=report.detail, cluster=self._cluster)
        self._audit.write(line)

    def rescue(self, *, won: bool) -> None:
        """Note whether FlytePropeller read a corrected reason, or what stood there before."""
        self._metrics.rescue(won=won)
