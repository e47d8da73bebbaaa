"""The connector's Prometheus metrics, in the exporter of ``pyflyte serve connector`` (its ``--prometheus_port``).

:data:`METRICS` is the table of them; ``docs/observability.md`` and the chart's dashboard and alerts are tested against
it. Labels have few values: none names a pod, an execution, a namespace, an image or a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.telemetry.metric import BUILT_IN_CATEGORIES, BoundedLabel, Metric, code_label

VERDICTS: Final = Metric(
    "podtriage_verdicts_total",
    "counter",
    ("category", "kind"),
    "Verdicts that changed and name a cause, as answered by this replica.",
)
CHARGES: Final = Metric(
    "podtriage_charges_total",
    "counter",
    ("charged", "kind", "reason", "category"),
    "Failed attempts on record: the kind that was charged, whose fault it was, and why these differ.",
)
ATTEMPTS: Final = Metric("podtriage_attempts_total", "counter", ("outcome",), "Attempts whose end was put on record.")
SETTLE_FAILURES: Final = Metric(
    "podtriage_settle_failures_total",
    "counter",
    (),
    "Ends of attempts that could not be put on record because the store failed; each is tried again.",
)
HELD_PODS: Final = Metric("podtriage_held_pods", "gauge", ("category",), "Pods that are held now.")
OLDEST_HOLD: Final = Metric(
    "podtriage_oldest_hold_seconds", "gauge", ("category",), "For how long the oldest of them is held."
)
HOLD_DURATION: Final = Metric(
    "podtriage_hold_duration_seconds", "histogram", ("category",), "How long pods were held that are not any more."
)
VIEW_AGE: Final = Metric(
    "podtriage_view_age_seconds",
    "gauge",
    (),
    "Time since the API server last reported anything on the watch of pods; up to a good minute while nothing happens; "
    "absent until the cluster is opened.",
)
API_REQUESTS: Final = Metric(
    "podtriage_api_requests_total", "counter", ("verb", "resource", "code"), "Requests to the API server."
)
REQUEST_DURATION: Final = Metric(
    "podtriage_request_duration_seconds",
    "histogram",
    ("operation",),
    "Time that the connector takes to answer FlytePropeller.",
)
METRICS: Final = (
    VERDICTS,
    CHARGES,
    ATTEMPTS,
    SETTLE_FAILURES,
    HELD_PODS,
    OLDEST_HOLD,
    HOLD_DURATION,
    VIEW_AGE,
    API_REQUESTS,
    REQUEST_DURATION,
)

OPERATIONS: Final = ("create", "get")
OUTCOMES: Final = ("succeeded", "failed")
REASONS: Final = ("own", "reserve", "no_outputs", "container")
"""Why an attempt was charged to its kind: it is the true one (``own``); a user retry was spent on a failure of the
platform, so that a system retry is kept (``reserve``); the task has no outputs, so nothing else is possible
(``no_outputs``); the container wrote an error document of its own (``container``)."""
_REQUEST_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_HOLD_BUCKETS: Final = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)
_KINDS: Final = (ErrorKind.USER, ErrorKind.SYSTEM)


@attrs.frozen(slots=True)
class Hold:
    """The pods that are held for one category."""

    pods: int
    oldest: float
    """For how long the oldest is held, in seconds."""


class Metrics:
    """The metrics of one connector.

    Args:
        registry: a ``CollectorRegistry`` of prometheus_client; ``pyflyte serve connector`` exports ``REGISTRY``.
        view_age: returns the age of the view in seconds; None: the cluster has not been opened.

    Raises:
        ImportError: prometheus_client is not installed; it comes with the extra ``connector``.
    """

    def __init__(self, registry: Any, view_age: Callable[[], float | None] = lambda: None) -> None:
        import prometheus_client as prometheus

        def make(kind: Any, metric: Metric, **options: Any) -> Any:
            return kind(metric.name, metric.help, metric.labels, registry=registry, **options)

        self._verdicts = make(prometheus.Counter, VERDICTS)
        self._charges = make(prometheus.Counter, CHARGES)
        self._attempts = make(prometheus.Counter, ATTEMPTS)
        self._settle_failures = make(prometheus.Counter, SETTLE_FAILURES)
        self._hold_duration = make(prometheus.Histogram, HOLD_DURATION, buckets=_HOLD_BUCKETS)
        self._api_requests = make(prometheus.Counter, API_REQUESTS)
        durations = make(prometheus.Histogram, REQUEST_DURATION, buckets=_REQUEST_BUCKETS)
        self._observe = {operation: durations.labels(operation).observe for operation in OPERATIONS}
        # Prometheus sees no increase from an absent series to 1: what alerts count begins at 0.
        for outcome in OUTCOMES:
            self._attempts.labels(outcome)
        self._category = BoundedLabel(BUILT_IN_CATEGORIES)
        for category in BUILT_IN_CATEGORIES:
            for charged, kind, reason in _charge_labels():
                self._charges.labels(charged, kind, reason, category)
        self._gauges = Gauges(view_age)
        registry.register(self._gauges)

    def answer_took(self, operation: str, seconds: float) -> None:
        """Note how long the answer to a request of FlytePropeller took: ``create`` or ``get``."""
        self._observe[operation](seconds)

    def verdict(self, category: str, kind: str) -> None:
        """Count a verdict that changed."""
        self._verdicts.labels(self._category(category), kind).inc()

    def charge(self, charged: str, kind: str, reason: str, category: str) -> None:
        """Count a failed attempt that is on record."""
        self._charges.labels(charged, kind, reason, self._category(category)).inc()
        self._attempts.labels("failed").inc()

    def success(self) -> None:
        """Count an attempt that succeeded, and is on record."""
        self._attempts.labels("succeeded").inc()

    def settle_failure(self) -> None:
        """Count an end of an attempt that could not be put on record."""
        self._settle_failures.inc()

    def hold_ended(self, category: str, seconds: float) -> None:
        """Note how long a pod was held."""
        self._hold_duration.labels(self._category(category)).observe(seconds)

    def export_holds(self, holds: Callable[[], Mapping[str, Hold]]) -> None:
        """Export the pods that are held: ``holds`` returns them by category, and is called by each scrape."""
        self._gauges.holds = lambda: _merged((self._category(name), hold) for name, hold in holds().items())

    def api_request(self, verb: str, resource: str, status: int | None) -> None:
        """Count a request to the API server; without a status there was no response, or not all of it."""
        self._api_requests.labels(verb, resource, code_label(status)).inc()


class Gauges:
    """A collector of prometheus_client: what is read when Prometheus asks."""

    def __init__(self, view_age: Callable[[], float | None]) -> None:
        self._view_age = view_age
        self.holds: Callable[[], Mapping[str, Hold]] = dict
        self._categories: set[str] = set()

    def describe(self) -> Iterator[Any]:
        """Yield the metrics without samples: registering must not ask for any."""
        from prometheus_client.core import GaugeMetricFamily

        for metric in (VIEW_AGE, HELD_PODS, OLDEST_HOLD):
            yield GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)

    def collect(self) -> Iterator[Any]:
        """Yield the metrics."""
        view_age, held, oldest = self.describe()
        age = self._view_age()
        if age is not None:
            view_age.add_metric((), age)
        holds = self.holds()
        self._categories.update(holds)  # one that is over is 0, and does not vanish
        for category in sorted(self._categories):
            hold = holds.get(category, Hold(pods=0, oldest=0.0))
            held.add_metric((category,), hold.pods)
            oldest.add_metric((category,), hold.oldest)
        yield from (view_age, held, oldest)


def _charge_labels() -> Iterator[tuple[str, str, str]]:
    """Yield the labels of charges that can occur, but for those of containers' own documents."""
    for kind in _KINDS:
        yield kind, kind, "own"
    for reason in ("reserve", "no_outputs"):
        yield ErrorKind.USER, ErrorKind.SYSTEM, reason


def _merged(holds: Iterator[tuple[str, Hold]]) -> dict[str, Hold]:
    merged: dict[str, Hold] = {}
    for category, hold in holds:
        other = merged.get(category, Hold(pods=0, oldest=0.0))
        merged[category] = Hold(pods=hold.pods + other.pods, oldest=max(hold.oldest, other.oldest))
    return merged
