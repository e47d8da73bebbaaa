"""What the connector logs and counts of attempts: each verdict that changes, and each charge once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from flytekitplugins_podtriage.connector.attempt_log import FIELDS
from flytekitplugins_podtriage.connector.hook import TriageHook
from flytekitplugins_podtriage.connector.metrics import Metrics
from flytekitplugins_podtriage.connector.output_prefix import OutputPrefix, PrefixError
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.connector.service import PodTriageConnector
from flytekitplugins_podtriage.connector.telemetry import Telemetry
from flytekitplugins_podtriage.core.absent_pods import template_refused
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy, ClusterDenied
from flytekitplugins_podtriage.telemetry.log_fields import LogFields
from flytekitplugins_podtriage.telemetry.repeated_warnings import RepeatedWarnings
from tests.connector.faulty_cluster import NAMESPACE, Clock, FaultyCluster, advance
from tests.connector.world import World, run

Make = Callable[..., World]


class Lines(logging.Handler):
    """Keeps the lines that have fields."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.msg, LogFields):
            self.fields.append(dict(record.msg))

    def of(self, event: str) -> list[dict[str, Any]]:
        """Return the lines about an event."""
        return [fields for fields in self.fields if fields["event"] == event]


@pytest.fixture
def lines() -> Iterator[Lines]:
    logger, handler = logging.getLogger("flytekitplugins_podtriage"), Lines()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


class Replica:
    """A connector with metrics of its own."""

    def __init__(self, here: World, **options: Any) -> None:
        self.clock, self._registry = Clock(), CollectorRegistry()
        self.telemetry = Telemetry(Metrics(self._registry), clock=self.clock)
        hook = TriageHook(settings=here.settings, observer=self.telemetry)
        self.connector: PodTriageConnector = here.replica(hook=hook, telemetry=self.telemetry, **options)

    def value(self, name: str, **labels: str) -> float:
        """Return a sample; 0 if there is none."""
        return self._registry.get_sample_value(f"podtriage_{name}", labels) or 0.0


def phases(lines: Lines) -> list[tuple[str, str | None]]:
    return [(fields["phase"], fields.get("category")) for fields in lines.of("verdict")]


def test_every_verdict_that_changes_is_one_line_and_so_is_the_charge(world: Make, lines: Lines) -> None:
    async def test() -> None:
        here = world("docker.io: 429")
        replica = Replica(here)
        meta = await here.create(connector=replica.connector)
        await here.until_over(meta, replica.connector)
        held = ("Initializing", "registry_rate_limited")
        assert held in phases(lines) and len(phases(lines)) == len(set(phases(lines)))
        (charge,) = lines.of("charge")
        assert tuple(charge) == ("message", *FIELDS)
        assert charge == {
            "message": "attempt charged",
            "event": "charge",
            "execution": "f1a2",
            "node": "n0",
            "attempt": 0,
            "namespace": NAMESPACE,
            "pod": meta.pod,
            "output_prefix": meta.prefix,
            "phase": "RetryableFailure",
            "kind": "SYSTEM",
            "category": "registry_rate_limited",
            "rule": charge["rule"],
            "code": charge["code"],
            "charged": "SYSTEM",
            "why": "the failure is the platform's",
            "retryable": True,
        }
        labels = {"charged": "SYSTEM", "kind": "SYSTEM", "reason": "own", "category": "registry_rate_limited"}
        assert replica.value("charges_total", **labels) == 1
        assert replica.value("verdicts_total", category="registry_rate_limited", kind="SYSTEM") == 2  # held, then over
        assert replica.value("attempts_total", outcome="failed") == 1

    run(test())


def test_polls_between_which_nothing_changes_add_no_line(world: Make, lines: Lines) -> None:
    async def test() -> None:
        here = world("docker.io: 429")
        replica = Replica(here)
        meta = await here.create(connector=replica.connector)
        await advance(here, meta, timedelta(minutes=1))
        await here.get(meta, replica.connector)
        before = len(lines.fields)
        for _ in range(50):
            await here.get(meta, replica.connector)
        assert len(lines.fields) == before
        assert replica.value("request_duration_seconds_count", operation="get") == 51
        assert replica.value("request_duration_seconds_count", operation="create") == 1

    run(test())


def test_an_attempt_that_succeeds_is_one_line_that_charges_nobody(world: Make, lines: Lines) -> None:
    async def test() -> None:
        here = world("body: 2s")
        replica = Replica(here)
        await here.until_over(await here.create(connector=replica.connector), replica.connector)
        (success,) = lines.of("success")
        assert success["execution"] == "f1a2" and "charged" not in success and "kind" not in success
        assert not lines.of("charge")
        assert replica.value("attempts_total", outcome="succeeded") == 1

    run(test())


def test_a_charge_is_logged_once_however_many_replicas_and_calls_ask(world: Make, lines: Lines) -> None:
    async def test() -> None:
        here = world("body: exit 3")
        replicas = [Replica(here) for _ in range(3)]
        meta = await here.create(connector=replicas[0].connector)
        await here.until_over(meta, replicas[0].connector)
        for replica in replicas:
            await asyncio.gather(*(here.get(meta, replica.connector) for _ in range(20)))
        assert len(lines.of("charge")) == 1
        assert sum(replica.value("attempts_total", outcome="failed") for replica in replicas) == 1

    run(test())


def test_a_user_retry_that_is_spent_on_the_platforms_failure_is_counted_as_that(world: Make, lines: Lines) -> None:
    async def test() -> None:
        here = world("pod: evicted at 30s\nbody: 5m")
        replica = Replica(here)
        for attempt in range(3):
            meta = await here.create(attempt, replica.connector, retries=5)
            await here.until_over(meta, replica.connector)
        assert [line["charged"] for line in lines.of("charge")] == ["SYSTEM", "SYSTEM", "USER"]
        assert "reserve" in lines.of("charge")[-1]["why"]
        labels = {"charged": "USER", "kind": "SYSTEM", "reason": "reserve"}
        assert replica.value("charges_total", **labels, category="evicted") == 1

    run(test())


def test_a_charge_that_a_task_without_outputs_leaves_no_choice_about_is_counted_as_that(world: Make) -> None:
    async def test() -> None:
        here = world("node: shutdown at 30s\nbody: 5m")
        replica = Replica(here)
        meta = await here.create(connector=replica.connector, outputs=())
        await here.until_over(meta, replica.connector)
        labels = {"charged": "USER", "kind": "SYSTEM", "reason": "no_outputs"}
        assert replica.value("charges_total", **labels, category="node_shutdown") == 1

    run(test())


def test_held_pods_are_counted_while_they_are_held_and_then_for_how_long_they_were(world: Make) -> None:
    async def test() -> None:
        here = world("docker.io: 429 for 2m")
        replica = Replica(here)
        meta = await here.create(connector=replica.connector)
        await advance(here, meta, timedelta(minutes=1))
        await here.get(meta, replica.connector)
        limited = {"category": "registry_rate_limited"}
        assert replica.telemetry.holds()["registry_rate_limited"].pods == 1
        replica.clock.now += 90
        assert replica.value("held_pods", **limited) == 1
        assert replica.value("oldest_hold_seconds", **limited) == 90
        await here.until_over(meta, replica.connector)
        assert replica.value("held_pods", **limited) == 0
        assert replica.value("hold_duration_seconds_count", **limited) == 1
        assert replica.value("hold_duration_seconds_sum", **limited) == 90

    run(test())


def test_a_pod_that_is_not_polled_here_any_more_does_not_stay_held_for_ever(world: Make) -> None:
    async def test() -> None:
        here = world("docker.io: 429 for 2m")
        asked, other = Replica(here), Replica(here)
        meta = await here.create(connector=asked.connector)
        await advance(here, meta, timedelta(minutes=1))
        await here.get(meta, asked.connector)
        await here.until_over(meta, other.connector)
        assert asked.value("held_pods", category="registry_rate_limited") == 1
        await asked.connector.garbage_collector.collect(here.cluster)
        assert asked.value("held_pods", category="registry_rate_limited") == 0

    run(test())


def test_what_is_reported_of_an_attempt_is_forgotten_with_its_pod(world: Make) -> None:
    async def test() -> None:
        here = world("docker.io: 429")
        replica = Replica(here)
        meta = await here.create(connector=replica.connector)
        await advance(here, meta, timedelta(minutes=1))
        await here.get(meta, replica.connector)
        assert replica.telemetry._attempts
        await here.cluster.delete(meta.namespace, meta.pod)
        await advance(here, meta, timedelta(minutes=2))
        await replica.connector.garbage_collector.collect(here.cluster)
        assert not replica.telemetry._attempts and not replica.telemetry.holds()

    run(test())


def test_a_pod_that_cannot_be_created_is_held_until_nobody_asks_any_more(world: Make, lines: Lines) -> None:
    async def test() -> None:
        cluster = FaultyCluster(create=ClusterDenied("create pods: forbidden"))
        here = world(cluster=cluster)
        replica = Replica(here)
        meta = await here.create_in_background(replica.connector)
        await here.get(meta, replica.connector)
        await here.get(meta, replica.connector)
        assert len(lines.of("verdict")) == 1 and sum(hold.pods for hold in replica.telemetry.holds().values()) == 1
        await replica.connector.garbage_collector.collect(here.cluster)
        assert replica.telemetry.holds()
        replica.clock.now += 600
        await replica.connector.garbage_collector.collect(here.cluster)
        assert not replica.telemetry.holds()
        await replica.connector.close()

    run(test())


def test_an_end_that_cannot_be_recorded_is_counted_and_charged_only_when_it_is(
    world: Make, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        here = world("pod: evicted at 30s\nbody: 5m")
        replica = Replica(here)
        meta = await here.create(connector=replica.connector)
        with monkeypatch.context() as broken:
            broken.setattr(OutputPrefix, "write", _refuse)
            await advance(here, meta, timedelta(minutes=2))
            for _ in range(3):
                await here.get(meta, replica.connector)
        assert replica.value("settle_failures_total") == 3
        assert not lines.of("charge")
        assert phases(lines).count(("RetryableFailure", "evicted")) == 1
        await here.get(meta, replica.connector)
        assert len(lines.of("charge")) == 1 and replica.value("settle_failures_total") == 3

    run(test())


def _refuse(prefix: OutputPrefix, name: str, data: bytes) -> None:
    raise PrefixError(f"cannot write {prefix.path}/{name}: Connection refused")


@pytest.mark.parametrize(
    ("path", "execution", "node"),
    [
        ("s3://b/metadata/propeller/p-d-f1a2/n0/data/0", "p-d-f1a2", "n0"),
        ("s3://b/metadata/propeller/p-d-f1a2/n0/data/0/n1/0", "p-d-f1a2", "n1"),
        ("s3://data/m/p-d-f1a2/n0/data/3/", "p-d-f1a2", "n0"),
        ("s3://b/elsewhere/0", None, None),
        ("data/0", None, None),
        ("", None, None),
    ],
)
def test_an_attempt_that_never_had_a_pod_is_named_by_its_output_prefix(
    lines: Lines, path: str, execution: str | None, node: str | None
) -> None:
    verdict = template_refused("no container", ErrorKind.USER)
    Telemetry().answered(PodMeta(namespace="ns", pod="p", prefix=path), verdict)
    (line,) = lines.of("verdict")
    assert (line.get("execution"), line.get("node")) == (execution, node)


@pytest.mark.parametrize(
    ("broken", "logged"),
    [
        ("store", {"is over, but cannot write"}),
        ("settings", {"no response about pod"}),
        ("delete", {"is not deleted yet"}),
    ],
)
def test_an_outage_that_every_poll_of_every_attempt_meets_is_logged_once(
    world: Make, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, broken: str, logged: set[str]
) -> None:
    logger = logging.getLogger("flytekitplugins_podtriage")
    repeated = RepeatedWarnings(logger)

    async def test() -> None:
        here = world("pod: evicted at 30s\nbody: 5m", FaultyCluster("pod: evicted at 30s\nbody: 5m"))
        replica = Replica(here)
        metas = [await here.create(attempt, replica.connector) for attempt in range(5)]
        if broken == "settings":
            monkeypatch.setattr(TriageHook, "evaluate", _invalid)
        if broken == "store":
            monkeypatch.setattr(OutputPrefix, "write", _refuse)
        if broken == "delete":
            here.cluster.failing["delete"] = ClusterBusy("delete pods 'f1-n0-0' in namespace 'ns': no response")
        await advance(here, metas[-1], timedelta(minutes=2))
        for _ in range(10):
            for meta in metas:
                if broken == "delete":
                    await replica.connector.delete(meta)  # it replies first, and deletes the pod in the background
                    await asyncio.gather(*replica.connector._background)
                else:
                    await here.get(meta, replica.connector)
        await replica.connector.close()

    logger.addFilter(repeated)
    try:
        run(test())
    finally:
        logger.removeFilter(repeated)
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    for text in logged:
        assert len([line for line in warnings if text in line]) == 1
    assert len(warnings) <= 3
    assert max(cause.again for cause in repeated._causes.values()) >= 9


def _invalid(*_: Any) -> None:
    raise ValueError("setting user-patience: invalid duration 'x'")
