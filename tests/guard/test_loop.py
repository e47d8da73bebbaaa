"""The loop with decisions that a test scripts: what reaches them, and what becomes of their plans."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, cast

import attrs
import pytest

from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.guard.policy import Caps, GuardPolicy, Mode
from flytekitplugins_podtriage.core.guard.values import (
    NOT_LEADER,
    OBSERVED_ONLY,
    OPTED_OUT,
    Act,
    Admission,
    Confirmed,
    Due,
    Facts,
    Gone,
    GuardEvent,
    Observed,
    Outcome,
    Plan,
    Propose,
    Read,
    ReadFailed,
    Report,
    Step,
    WakeAt,
    Write,
    WriteFailed,
    Written,
)
from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy, ClusterDenied, ClusterUnreachable
from flytekitplugins_podtriage.guard.admission import Admissions, PastAct
from flytekitplugins_podtriage.guard.decisions import Decisions
from flytekitplugins_podtriage.guard.facts import FactReader
from flytekitplugins_podtriage.guard.loop import GuardLoop
from flytekitplugins_podtriage.guard.writer import Writer
from flytekitplugins_podtriage.guard.writes import Postponed
from tests.builders import NAME, NAMESPACE, NOW
from tests.guard.acts import act
from tests.guard.cluster import KEY, FakeCluster, snapshot

TIMEOUT = 10.0
ENFORCE = GuardPolicy(mode=Mode.ENFORCE)


@attrs.frozen
class FakeState:
    """What the scripted decisions keep: the events so far."""

    events: tuple[GuardEvent, ...] = ()
    idle: bool = False


class Script:
    """Decisions: for each sort of event the plans that answer it."""

    def __init__(self) -> None:
        self.answers: dict[type, Callable[[Any], Sequence[Plan]]] = {}
        self.events: list[GuardEvent] = []
        self.leads: list[float | None] = []
        self.idle_after: set[type] = set()
        self.early: Callable[[Sequence[datetime]], int] = lambda _: 0
        self._arrived = asyncio.Event()

    def on(self, event: type, *plans: Plan) -> None:
        """Answer an event with plans."""
        self.answers[event] = lambda _: plans

    def step(
        self, state: FakeState, event: GuardEvent, policy: GuardPolicy, now: datetime, *, lead: float | None
    ) -> tuple[FakeState, Sequence[Plan]]:
        self.events.append(event)
        self.leads.append(lead)
        self._arrived.set()
        plans = self.answers.get(type(event), lambda _: ())(event)
        return FakeState((*state.events, event), idle=type(event) in self.idle_after), plans

    async def until(self, so: Callable[[], object]) -> None:
        """Wait until the events fulfil a condition."""

        async def wait() -> None:
            while not so():
                self._arrived.clear()
                await self._arrived.wait()

        await asyncio.wait_for(wait(), TIMEOUT)

    async def until_event(self, kind: type, count: int = 1) -> Any:
        """Wait for an event of this sort."""

        def those() -> list[GuardEvent]:
            return [event for event in self.events if isinstance(event, kind)]

        await self.until(lambda: len(those()) >= count)
        return those()[count - 1]


class FakeFacts:
    """Facts that are at hand."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster
        self.read_pods: list[Read] = []
        self.error: Exception | None = None
        self.opt_outs: dict[str, bool] = {NAMESPACE: False}
        self.cached = True

    async def read(self, plan: Read, limits: object) -> Confirmed:
        self.read_pods.append(plan)
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        cached = self._cluster.get_cached(plan.namespace, plan.name)
        return Confirmed(Facts(snapshot=cached, freshness=Freshness.current(self._cluster.now())))

    def cached_record(self, pod: object, limits: object) -> None:
        return None

    def cached_opt_out(self, name: str) -> bool | None:
        return self.opt_outs.get(name) if self.cached else None

    async def opted_out(self, name: str) -> bool:
        if self.error is not None:
            raise self.error
        return self.opt_outs[name]


class FakeLedger:
    """Counts, and refuses what a test wants to be refused."""

    def __init__(self) -> None:
        self.admitted: list[str] = []
        self.past: list[list[PastAct]] = []
        self.refusal = ""

    def admit(self, act: Act, caps: Caps, now: datetime) -> str:
        if not self.refusal:
            self.admitted.append(act.name)
        return self.refusal

    def rebuild(self, acts: Iterable[PastAct], now: datetime) -> None:
        self.past.append(list(acts))


class FakeObserver:
    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.error: Exception | None = None

    def report(self, report: Report, now: datetime) -> None:
        self.reports.append(report)
        if self.error is not None:
            raise self.error

    def decided(self, seconds: float) -> None:
        assert seconds >= 0


class World:
    """A loop, and everything that it is given."""

    def __init__(self, policy: GuardPolicy = ENFORCE) -> None:
        self.cluster = FakeCluster()
        self.script = Script()
        self.facts = FakeFacts(self.cluster)
        self.ledger = FakeLedger()
        self.observer = FakeObserver()
        self.leader = True
        self.results: dict[Step, list[Any]] = {}
        self.sent: list[Step] = []
        self.cluster.answer = self._answer
        self.listed: list[Any] = []

        def event_body(act: Act, now: datetime, *, made: bool) -> dict[str, Any]:
            return {"made": made}

        def count_due(charges: Sequence[datetime], policy: GuardPolicy, rate: float, now: datetime) -> int:
            assert rate > 0
            return self.script.early(charges)

        self.loop = GuardLoop(
            self.cluster,
            Decisions(step=self.script.step, new=FakeState(idle=True), count_due=count_due),
            cast("FactReader", self.facts),
            Admissions(self.ledger, lambda: self.leader),
            Writer(lambda: self.leader, event_body),
            policy,
            self.observer,
            concurrency=2,
        )

    def _answer(self, operation: Any) -> Any:
        if operation.verb == "list":
            self.listed.append(operation)
            return self.results.get(Step.RELEASE, [[]])[0]
        steps = {"create": Step.EVENT, "patch pods/status": Step.STATUS, "patch pods": Step.FINALIZER}
        step = steps.get(operation.verb) or steps.get(f"{operation.verb} {operation.resource}") or Step.DELETE
        self.sent.append(step)
        results = self.results.get(step)
        if not results:
            return Written(step, "8")
        return results.pop(0) if len(results) > 1 else results[0]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Script]:
        """Run the loop for the length of a block."""
        running = asyncio.ensure_future(self.loop.run())
        for _ in range(3):  # it has looked at what is there
            await asyncio.sleep(0)
        try:
            yield self.script
        finally:
            await self.loop.close(0.05)
            await asyncio.wait_for(running, TIMEOUT)

    def change(self, *snapshots: Any) -> None:
        """Have pods change."""
        self.cluster.put(*snapshots)
        for each in snapshots:
            metadata = each.pod.metadata
            self.loop.changed((metadata.namespace, metadata.name))


@pytest.fixture
def world() -> World:
    return World()


# Changes


async def test_pods_that_are_there_at_the_start_are_observed_if_they_do_not_run(world: World) -> None:
    world.cluster.put(snapshot(), snapshot("runs", phase="Running"), snapshot("failed", phase="Failed"))
    async with world.running() as script:
        await script.until_event(Observed, 2)
    observed = [event.snapshot.pod.metadata.name for event in script.events if isinstance(event, Observed)]
    assert observed == [NAME, "failed"]


async def test_a_change_reaches_the_decisions_from_any_thread(world: World) -> None:
    async with world.running() as script:
        thread = threading.Thread(target=lambda: world.change(snapshot()))
        thread.start()
        observed = await script.until_event(Observed)
        thread.join()
    assert observed.snapshot is world.cluster.pods[KEY]


async def test_a_pod_that_runs_concerns_nobody_unless_something_is_planned_for_it(world: World) -> None:
    async with world.running() as script:
        world.change(snapshot("other", phase="Running"), snapshot("gone", gone=True))
        world.change(snapshot())
        await script.until_event(Observed)
        world.change(snapshot(phase="Running", version=8))
        await script.until_event(Observed, 2)
    names = [event.snapshot.pod.metadata.name for event in script.events if isinstance(event, Observed)]
    assert names == [NAME, NAME]


async def test_nothing_is_kept_of_idle_pods_and_of_those_that_are_gone(world: World) -> None:
    world.script.idle_after = {Due}
    world.script.on(Observed, WakeAt(NOW, NOW))
    async with world.running() as script:
        world.change(snapshot())
        await script.until_event(Due)
        assert world.loop.kept == 0
        script.answers.clear()
        world.change(snapshot(version=8), snapshot("b"))
        await script.until_event(Observed, 3)
        assert world.loop.kept == 2
        world.change(snapshot(version=9, gone=True))
        await script.until_event(Observed, 4)
        del world.cluster.pods[NAMESPACE, "b"]
        world.loop.changed((NAMESPACE, "b"))
        world.loop._changes.add((NAMESPACE, "b"))
        await script.until_event(Gone)
        assert world.loop.kept == 0


async def test_a_pod_that_cannot_be_decided_on_is_left_alone_and_named_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Any) -> Sequence[Plan]:
        raise ValueError("not a pod")

    world.script.answers[Observed] = fail
    with caplog.at_level(logging.WARNING, "flytekitplugins_podtriage"):
        async with world.running() as script:
            for version in range(5):
                world.change(snapshot(version=version))
                await script.until_event(Observed, version + 1)
    assert world.loop.kept == 0
    assert [record.getMessage() for record in caplog.records] == [
        f"podtriage: guard: pod {NAMESPACE}/{NAME}: ValueError, such pods are left alone: not a pod"
    ]


# Waking


async def test_a_pod_is_woken_at_its_moment(world: World) -> None:
    world.script.on(Observed, WakeAt(NOW + timedelta(seconds=30), NOW + timedelta(seconds=37)))
    async with world.running() as script:
        world.change(snapshot())
        await script.until_event(Observed)
        assert world.loop.planned == 1
        world.cluster.pass_time(29.9)
        world.change(snapshot("other"))
        await script.until_event(Observed, 2)
        assert not [event for event in script.events if isinstance(event, Due)]
        world.cluster.pass_time(0.2)
        due = await script.until_event(Due)
    assert due.snapshot is world.cluster.pods[KEY]
    assert script.leads == [None] * len(script.leads)


async def test_an_act_begins_early_where_many_are_due_and_is_decided_with_that_lead(world: World) -> None:
    charge = NOW + timedelta(seconds=37)
    world.script.on(Observed, WakeAt(charge - timedelta(seconds=7), charge))
    async with world.running() as script:
        world.change(snapshot())
        await script.until_event(Observed)
        script.early = len
        await script.until_event(Due)
        assert script.leads[-1] == 37.0
        script.on(Observed, WakeAt(charge - timedelta(seconds=2), charge))
        world.change(snapshot(version=8))
        await script.until_event(Observed, 2)
        assert world.loop.planned == 0, "it was read once: it is not woken early again"


async def test_what_is_only_a_pause_is_never_woken_early(world: World) -> None:
    world.script.on(Observed, WakeAt(NOW + timedelta(seconds=9), NOW + timedelta(seconds=9)))
    async with world.running() as script:
        world.change(snapshot())
        await script.until_event(Observed)
        assert world.loop.planned == 0


# Reads


async def test_what_is_asked_for_is_read(world: World) -> None:
    plan = Read(NAMESPACE, NAME, f"uid-{NAME}")
    world.script.on(Observed, plan)
    async with world.running() as script:
        world.change(snapshot())
        confirmed = await script.until_event(Confirmed)
    assert world.facts.read_pods == [plan]
    assert confirmed.facts.snapshot is world.cluster.pods[KEY]


async def test_a_bug_while_reading_is_a_read_that_failed(world: World) -> None:
    world.script.on(Observed, Read(NAMESPACE, NAME, "u"))
    world.facts.error = ZeroDivisionError("oops")
    async with world.running() as script:
        world.change(snapshot())
        assert await script.until_event(ReadFailed) == ReadFailed("ZeroDivisionError: oops")


# Admission


async def admission(world: World) -> Admission:
    world.script.on(Observed, Propose(act()))
    async with world.running() as script:
        world.change(snapshot())
        answer: Admission = await script.until_event(Admission)
    return answer


async def test_an_act_is_admitted_after_the_acts_of_the_last_hour_were_counted(world: World) -> None:
    past = [
        PastAct(at=NOW - timedelta(minutes=minutes), namespace="ns", execution="f1", uid=f"u{minutes}")
        for minutes in (5, 59, 61)
    ]
    world.results[Step.RELEASE] = [past]
    assert await admission(world) == Admission("")
    assert world.ledger.past == [past[:2]]
    assert world.ledger.admitted == [NAME]


async def test_they_are_counted_once_in_each_term(world: World) -> None:
    world.script.on(Observed, Propose(act()))
    async with world.running() as script:
        for number in range(3):
            world.change(snapshot(version=number))
            await script.until_event(Admission, number + 1)
        assert len(world.listed) == 1
        world.loop.leads_changed(False)
        world.loop.leads_changed(True)
        world.change(snapshot(version=9))
        await script.until_event(Admission, 4)
        assert len(world.listed) == 2


@pytest.mark.parametrize(
    ("answer", "refusal"), [(ClusterBusy("etcd"), NOT_LEADER), (ClusterDenied("may not list events"), "")]
)
async def test_without_that_count_nothing_is_admitted_unless_it_may_never_be_made(
    world: World, answer: Any, refusal: str
) -> None:
    world.results[Step.RELEASE] = [answer]
    assert await admission(world) == Admission(refusal)


async def test_who_does_not_lead_does_not_act(world: World) -> None:
    world.leader = False
    assert await admission(world) == Admission(NOT_LEADER)
    assert world.ledger.admitted == []


async def test_a_namespace_that_is_observed_is_not_acted_in() -> None:
    world = World(GuardPolicy(mode=Mode.OBSERVE))
    assert await admission(world) == Admission(OBSERVED_ONLY)
    assert world.ledger.admitted == []


async def test_a_cap_is_named(world: World) -> None:
    world.ledger.refusal = "cap-minute"
    assert await admission(world) == Admission("cap-minute")


@pytest.mark.parametrize("cached", [True, False])
async def test_a_namespace_that_opted_out_is_not_acted_in(world: World, cached: bool) -> None:
    world.facts.cached = cached
    world.facts.opt_outs[NAMESPACE] = True
    assert await admission(world) == Admission(OPTED_OUT)


async def test_a_namespace_that_cannot_be_read_is_asked_for_again(world: World) -> None:
    world.facts.cached, world.facts.error = False, ClusterBusy("etcd")
    assert await admission(world) == Admission(NOT_LEADER)


# Writes


async def test_a_step_is_written_and_answered(world: World) -> None:
    world.script.on(Observed, Write(Step.STATUS, act(), "7"))
    async with world.running() as script:
        world.change(snapshot())
        assert await script.until_event(Written) == Written(Step.STATUS, "8")
    assert world.sent == [Step.STATUS]


async def test_what_the_server_postpones_is_sent_again(world: World) -> None:
    failure = WriteFailed(Step.STATUS, "429")
    world.results[Step.STATUS] = [Postponed(0.01, failure), Postponed(0.01, failure), Written(Step.STATUS, "9")]
    world.script.on(Observed, Write(Step.STATUS, act(), "7"))
    async with world.running() as script:
        world.change(snapshot())
        assert await script.until_event(Written) == Written(Step.STATUS, "9")
    assert world.sent == [Step.STATUS] * 3


async def test_what_the_server_postpones_for_ever_is_a_failure(world: World) -> None:
    failure = WriteFailed(Step.STATUS, "429")
    world.results[Step.STATUS] = [Postponed(0.001, failure)]
    world.script.on(Observed, Write(Step.STATUS, act(), "7"))
    async with world.running() as script:
        world.change(snapshot())
        assert await script.until_event(WriteFailed) == failure
    assert len(world.sent) == 5


async def test_no_thread_or_response_within_the_time_may_have_been_done(world: World) -> None:
    world.results[Step.STATUS] = [ClusterUnreachable("none within 12 s")]
    world.script.on(Observed, Write(Step.STATUS, act(), "7"))
    async with world.running() as script:
        world.change(snapshot())
        failed = await script.until_event(WriteFailed)
    assert failed.unanswered


@pytest.mark.parametrize("step", [Step.EVENT, Step.FINALIZER, Step.STATUS, Step.DELETE])
async def test_after_the_switch_to_observe_only_deletions_are_completed(world: World, step: Step) -> None:
    world.script.on(Observed, Write(step, act(), "7"))
    async with world.running() as script:
        world.loop.set_policy(GuardPolicy(mode=Mode.OBSERVE))
        world.change(snapshot())
        if step is Step.DELETE:
            await script.until_event(Written)
        else:
            assert await script.until_event(WriteFailed) == WriteFailed(step, OBSERVED_ONLY)
            assert world.sent == []


async def test_deletions_come_before_other_writes_and_those_before_reads(world: World) -> None:
    plans: list[Plan] = [
        Read(NAMESPACE, NAME, "u"),
        Write(Step.STATUS, act(), "7"),
        Write(Step.DELETE, act(), "7"),
    ]
    world.script.on(Observed, *plans)
    world.loop._dispatcher.concurrency = 1
    async with world.running() as script:
        world.loop._dispatcher.pause(0.02)
        world.change(snapshot())
        await script.until(lambda: sum(isinstance(each, Written) for each in script.events) == 2)
        await script.until_event(Confirmed)
    order = [type(event) for event in script.events if not isinstance(event, Observed)]
    assert order == [Written, Written, Confirmed]
    assert world.sent == [Step.DELETE, Step.STATUS]


async def test_whoever_is_charged_soonest_comes_first(world: World) -> None:
    def plans(event: Observed) -> Sequence[Plan]:
        name = str(event.snapshot.pod.metadata and event.snapshot.pod.metadata.name)
        charge = NOW + timedelta(seconds={"a": 30, "b": 10, "c": 20}[name])
        return WakeAt(charge, charge), Read(NAMESPACE, name, f"uid-{name}")

    world.script.answers[Observed] = plans
    world.loop._dispatcher.concurrency = 1
    async with world.running() as script:
        world.loop._dispatcher.pause(0.02)
        world.change(snapshot("a"), snapshot("b"), snapshot("c"))
        await script.until_event(Confirmed, 3)
    assert [plan.name for plan in world.facts.read_pods] == ["b", "c", "a"]


# Reports


async def test_a_report_is_passed_on_and_what_would_be_done_leaves_an_event(world: World) -> None:
    report = Report(Outcome.WOULD_ACT, "end-as-system", act=act())
    world.script.on(Observed, report)
    async with world.running() as script:
        world.change(snapshot())
        await script.until_event(Observed)
        for _ in range(10):
            await asyncio.sleep(0)
    assert world.observer.reports == [report]
    assert world.sent == [Step.EVENT]


async def test_an_observer_that_fails_stops_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.observer.error = OSError("disk full")
    world.script.on(Observed, Report(Outcome.LEFT, "node-not-ready"))
    with caplog.at_level(logging.WARNING, "flytekitplugins_podtriage"):
        async with world.running() as script:
            for version in range(3):
                world.change(snapshot(version=version))
                await script.until_event(Observed, version + 1)
    assert len(world.observer.reports) == 3
    assert len(caplog.records) == 1


# The end


async def test_closing_completes_the_act_that_was_begun(world: World) -> None:
    world.script.on(Observed, Write(Step.STATUS, act(), "7"))
    world.script.on(Due, Write(Step.DELETE, act(), ""))

    def written(event: Written) -> Sequence[Plan]:
        if event.step is Step.DELETE:
            return (Report(Outcome.ACTED, "end-as-system", act=act()),)
        return (WakeAt(NOW + timedelta(seconds=1), NOW + timedelta(seconds=1)),)

    world.script.answers[Written] = written
    async with world.running() as script:
        world.change(snapshot())
        await script.until_event(Written)
        closing = asyncio.ensure_future(world.loop.close(5.0))
        await asyncio.sleep(0)
        assert not closing.done()
        world.cluster.pass_time(2)
        await asyncio.wait_for(closing, TIMEOUT)
    assert world.sent == [Step.STATUS, Step.DELETE]
    assert [report.outcome for report in world.observer.reports] == [Outcome.ACTED]


async def test_no_act_begins_while_it_closes(world: World) -> None:
    world.script.on(Observed, Propose(act()))
    world.loop._closing = True
    async with world.running() as script:
        world.change(snapshot())
        assert await script.until_event(Admission) == Admission(NOT_LEADER)


async def test_a_loop_that_never_ran_can_be_closed(world: World) -> None:
    await world.loop.close(0.1)
    assert world.loop.turned_at is None
