"""The guard's Prometheus metrics.

:data:`METRICS` is the table of them; ``docs/guard.md`` and the chart's dashboard and alerts are tested against it.
Labels have few values: none names a pod, an execution, a namespace, an image or a rule. Of two replicas both watch and
judge, and the one that holds the Lease acts: what is counted of acts may be summed over them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from flytekitplugins_podtriage.core.guard.values import Act, ActKind, Outcome
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.telemetry.metric import BUILT_IN_CATEGORIES, BoundedLabel, Metric, code_label

VERDICTS: Final = Metric(
    "podtriage_guard_verdicts_total",
    "counter",
    ("category", "kind"),
    "Verdicts on pods that the guard had planned for, once each.",
)
ACTS: Final = Metric(
    "podtriage_guard_acts_total", "counter", ("act", "category"), "Acts that were made: pods ended or corrected."
)
WOULD_ACTS: Final = Metric(
    "podtriage_guard_would_acts_total",
    "counter",
    ("act", "category"),
    "Acts that were not made because the mode of the namespace is observe.",
)
CHARGES_AVERTED: Final = Metric(
    "podtriage_guard_charges_averted_total",
    "counter",
    ("charged", "category"),
    "Charges that stock Flyte was about to make and an act averted, by the kind that would have paid.",
)
OUTCOMES: Final = Metric(
    "podtriage_guard_outcomes_total", "counter", ("outcome",), "What became of pods that the guard had planned for."
)
REFUSALS: Final = Metric(
    "podtriage_guard_refusals_total", "counter", ("cap",), "Acts that were refused, by the cap that was hit."
)
LEFT: Final = Metric(
    "podtriage_guard_left_total", "counter", ("why",), "Pods that were due and left to stock Flyte, by the reason."
)
RESCUES: Final = Metric(
    "podtriage_guard_rescues_total",
    "counter",
    ("result",),
    "Corrected reasons of failed pods: those that FlytePropeller read, and those that came too late.",
)
DECISION_LAG: Final = Metric(
    "podtriage_guard_decision_lag_seconds",
    "histogram",
    (),
    "Time from the arrival of a pod's bytes to the decision on it.",
)
MARGIN_LEFT: Final = Metric(
    "podtriage_guard_margin_left_seconds",
    "histogram",
    (),
    "How long before stock Flyte's charge an act was complete; 0: at that moment or later.",
)
API_REQUESTS: Final = Metric(
    "podtriage_guard_api_requests_total", "counter", ("verb", "resource", "code"), "Requests to the API server."
)
VIEW_AGE: Final = Metric(
    "podtriage_guard_view_age_seconds",
    "gauge",
    (),
    "Time since the API server last reported anything on the watch of pods; up to a good minute while nothing happens; "
    "absent until the pods are listed.",
)
LEADER: Final = Metric("podtriage_guard_leader", "gauge", (), "1 if this replica holds the Lease, otherwise 0.")
ENFORCING: Final = Metric(
    "podtriage_guard_enforcing",
    "gauge",
    (),
    "1 if acts may be made in some namespace, 0 if everything is observed only: by the mode, by the switch, or because "
    "the guard must not act here.",
)
SCHEDULED: Final = Metric("podtriage_guard_scheduled_acts", "gauge", (), "Pods on which an act is planned.")
METRICS: Final = (
    VERDICTS,
    ACTS,
    WOULD_ACTS,
    CHARGES_AVERTED,
    OUTCOMES,
    REFUSALS,
    LEFT,
    RESCUES,
    DECISION_LAG,
    MARGIN_LEFT,
    API_REQUESTS,
    VIEW_AGE,
    LEADER,
    ENFORCING,
    SCHEDULED,
)

RESULTS: Final = ("won", "lost")
CAPS: Final = ("cap-execution", "cap-namespace", "cap-minute")
_KINDS: Final = (ErrorKind.USER, ErrorKind.SYSTEM)
_LAG_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_MARGIN_BUCKETS: Final = (0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0)
_REASONS: Final = 60
"""How many reasons for leaving a pod alone are labels; there are fewer in the code."""


@attrs.frozen(kw_only=True)
class GuardState:
    """What the guard is like at one moment, for gauges and probes."""

    view_age: float | None = None
    """The age of the view in seconds; None: the pods were not listed yet."""
    leader: bool = False
    """Whether this replica holds the Lease."""
    enforcing: bool = False
    """Whether acts may be made in some namespace."""
    scheduled: int = 0
    """On how many pods an act is planned."""


class GuardMetrics:
    """The metrics of one guard.

    Args:
        registry: a ``CollectorRegistry`` of prometheus_client.
        state: returns the state of the guard; called by each scrape, from a thread of the server.

    Raises:
        ImportError: prometheus_client is not installed; it comes with the extra ``connector``.
    """

    def __init__(self, registry: Any, state: Callable[[], GuardState] = GuardState) -> None:
        import prometheus_client as prometheus

        def counter(metric: Metric) -> Any:
            return prometheus.Counter(metric.name, metric.help, metric.labels, registry=registry)

        def histogram(metric: Metric, buckets: tuple[float, ...]) -> Any:
            return prometheus.Histogram(metric.name, metric.help, metric.labels, registry=registry, buckets=buckets)

        self._verdicts, self._acts, self._would_acts = map(counter, (VERDICTS, ACTS, WOULD_ACTS))
        self._averted, self._outcomes, self._refusals = map(counter, (CHARGES_AVERTED, OUTCOMES, REFUSALS))
        self._left, self._rescues, self._api_requests = map(counter, (LEFT, RESCUES, API_REQUESTS))
        self.decision_lag: Callable[[float], None] = histogram(DECISION_LAG, _LAG_BUCKETS).observe
        """Notes how long a decision came after the bytes that it was made on, in seconds."""
        self._margin_left = histogram(MARGIN_LEFT, _MARGIN_BUCKETS)
        self._category = BoundedLabel(BUILT_IN_CATEGORIES)
        self._reason = BoundedLabel((), _REASONS)
        self._cap = BoundedLabel(CAPS)
        self._begin_at_zero()
        registry.register(_Gauges(state))

    def _begin_at_zero(self) -> None:
        """Make the series that alerts count: Prometheus sees no increase from an absent series to 1."""
        for outcome in Outcome:
            self._outcomes.labels(outcome)
        for result in RESULTS:
            self._rescues.labels(result)
        for cap in CAPS:
            self._refusals.labels(cap)
        for category in BUILT_IN_CATEGORIES:
            for act in ActKind:
                self._acts.labels(act, category)
                self._would_acts.labels(act, category)
            for kind in _KINDS:
                self._averted.labels(kind, category)

    def verdict(self, category: str, kind: str) -> None:
        """Count the verdict on a pod that was planned for."""
        self._verdicts.labels(self._category(category), kind).inc()

    def outcome(self, outcome: Outcome, why: str, act: Act | None, margin_left: float | None = None) -> None:
        """Count what became of a pod.

        Args:
            outcome: what became of it.
            why: one of a bounded set of words.
            act: what was done or would have been.
            margin_left: how many seconds before the charge an act was complete; None: nothing would have been charged.
        """
        self._outcomes.labels(outcome).inc()
        category = self._category(str(act.verdict.category or "unknown")) if act is not None else ""
        if outcome is Outcome.REFUSED:
            self._refusals.labels(self._cap(why)).inc()
        elif outcome is Outcome.LEFT:
            self._left.labels(self._reason(why)).inc()
        elif outcome is Outcome.WOULD_ACT and act is not None:
            self._would_acts.labels(act.kind, category).inc()
        elif outcome is Outcome.ACTED and act is not None:
            self._acts.labels(act.kind, category).inc()
            stock = act.charge.kind if act.charge is not None else None
            if stock is not None and stock is not act.kind.kind:
                self._averted.labels(stock, category).inc()
            if margin_left is not None:
                self._margin_left.observe(max(0.0, margin_left))

    def rescue(self, *, won: bool) -> None:
        """Count a corrected reason: whether FlytePropeller read it, or what stood there before."""
        self._rescues.labels(RESULTS[0] if won else RESULTS[1]).inc()

    def api_request(self, verb: str, resource: str, status: int | None) -> None:
        """Count a request to the API server; without a status there was no response, or not all of it."""
        self._api_requests.labels(verb, resource, code_label(status)).inc()


class _Gauges:
    """A collector of prometheus_client: what is read when Prometheus asks."""

    def __init__(self, state: Callable[[], GuardState]) -> None:
        self._state = state

    def describe(self) -> Iterator[Any]:
        """Yield the metrics without samples: registering must not ask for any."""
        from prometheus_client.core import GaugeMetricFamily

        for metric in (VIEW_AGE, LEADER, ENFORCING, SCHEDULED):
            yield GaugeMetricFamily(metric.name, metric.help)

    def collect(self) -> Iterator[Any]:
        """Yield the metrics."""
        state = self._state()
        values = (state.view_age, state.leader, state.enforcing, state.scheduled)
        for gauge, value in zip(self.describe(), values, strict=True):
            if value is not None:
                gauge.add_metric((), float(value))
            yield gauge
