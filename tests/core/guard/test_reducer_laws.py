"""What holds whatever happens, in whatever order, and wherever the guard is restarted."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import datetime, timedelta
from random import Random

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.guard.decision import decide
from flytekitplugins_podtriage.core.guard.owned_pod import OwnedPod
from flytekitplugins_podtriage.core.guard.pod_facts import is_deleting, main_ran
from flytekitplugins_podtriage.core.guard.pod_state import PodState, Stage
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.reducer import NEW, step
from flytekitplugins_podtriage.core.guard.signature import ended_as
from flytekitplugins_podtriage.core.guard.values import (
    NOT_LEADER,
    Act,
    Admission,
    Confirmed,
    Due,
    Gone,
    GuardEvent,
    Observed,
    Plan,
    Propose,
    Read,
    ReadFailed,
    Step,
    WakeAt,
    Write,
    WriteFailed,
    Written,
)
from tests.builders import NOW, running, terminated
from tests.core.guard import pods
from tests.core.guard.pods import MISSING, UNAVAILABLE, after, back_off, err_image_pull, policy

POLICIES = [policy(fail_fast=True, rescue=True), policy("flyte-2", fail_fast=True), policy(margin=0)]


def shapes(backend: str) -> list[OwnedPod]:
    """Return pods in every state that matters, of two uids."""
    made = [
        pods.pod("Pending", back_off(), backend=backend),
        pods.pod("Pending", back_off(UNAVAILABLE), backend=backend, age=178),
        pods.pod("Pending", err_image_pull(), backend=backend, age=400),
        pods.pod("Pending", back_off(MISSING), backend=backend, age=100),
        pods.pod("Pending", back_off("a new kind of failure"), backend=backend, age=170),
        pods.pod("Running", running(), backend=backend),
        pods.pod("Failed", terminated(1), backend=backend),
        pods.pod("Failed", backend=backend, reason="Evicted", message="The node was low on resource: memory."),
        pods.pod("Pending", back_off(), backend=backend, deleted=-20),
        pods.pod("Pending", back_off(), backend=backend, uid="another", age=100),
        pods.pod("Pending", back_off(), backend=backend, owners=[]),
    ]
    own = pods.with_status(made[0], "Terminated", "podtriage guard ended this pod: x\nSYSTEM: y", "30")
    deleting = pods.pod("Failed", backend=backend, deleted=-5, finalizers=[pods.FINALIZER])
    return [*made, own, pods.with_status(deleting, "Terminated", "podtriage guard ended this pod: x\nSYSTEM: y", "31")]


SHAPES = {backend: [pods.snapshot(pod) for pod in shapes(backend)] for backend in ("flyte-1.16", "flyte-2")}
STEPS = st.sampled_from(list(Step))


def events(backend: str) -> st.SearchStrategy[GuardEvent]:
    snapshots = st.sampled_from(SHAPES[backend])
    tasks = st.sampled_from(
        [None, *(pods.record(backend, **change) for change in ({}, {"over": True}, {"unsettled": True}))]
    )
    facts = st.builds(
        lambda snapshot, task, age, ready: attrs.evolve(
            pods.facts(snapshot), task=task, node_ready=ready, freshness=Freshness(as_of=age)
        ),
        st.one_of(st.none(), snapshots),
        tasks,
        st.sampled_from([None, NOW, after(60), after(300), after(3000)]),
        st.sampled_from([True, True, False, None]),
    )
    return st.one_of(
        st.builds(Observed, snapshots, tasks),
        st.builds(Due, snapshots),
        st.builds(Confirmed, facts),
        st.just(ReadFailed("x")),
        st.builds(Admission, st.sampled_from(["", "", "", "observe", NOT_LEADER, "cap-minute", "opted-out"])),
        st.builds(Written, STEPS, st.sampled_from(["", "40"])),
        st.builds(WriteFailed, STEPS, st.just("x"), st.booleans(), st.booleans()),
        st.just(Gone()),
    )


@pytest.mark.parametrize("settings_", POLICIES, ids=["1.16", "flyte-2", "without a margin"])
@settings(max_examples=40)
@given(data=st.data())
def test_every_event_has_an_answer_in_every_state(settings_: GuardPolicy, data: st.DataObject) -> None:
    """And an answer that nobody waits for changes nothing."""
    state, now = NEW, NOW
    for event in data.draw(st.lists(events(settings_.backend), max_size=15)):
        now += timedelta(seconds=data.draw(st.sampled_from([0, 0.3, 5, 60])))
        before = state
        state, plans = step(state, event, settings_, now)
        assert isinstance(state, PodState)
        assert all(
            plan.at >= now or isinstance(event, (Observed, Due, Confirmed))
            for plan in plans
            if isinstance(plan, WakeAt)
        )
        if isinstance(event, (Confirmed, ReadFailed)) and before.stage not in (Stage.READING, Stage.RELEASE_READING):
            assert (state, plans) == (before, ())
        if isinstance(event, Admission) and before.stage is not Stage.ASKING:
            assert (state, plans) == (before, ())
        if isinstance(event, (Written, WriteFailed)) and before.stage not in (Stage.WRITING, Stage.RELEASE_WRITING):
            assert (state, plans) == (before, ())
        if any(isinstance(plan, Write) and plan.step is Step.FINALIZER for plan in plans):
            assert settings_.backend == "flyte-1.16"


class World:
    """One pod, an API server that answers as it pleases, and a guard that is restarted now and then."""

    def __init__(self, settings: GuardPolicy) -> None:
        self.settings = settings
        self.now: datetime = NOW
        self.pod: OwnedPod | None = pods.pod("Pending", back_off(UNAVAILABLE), backend=settings.backend, age=170)
        self.version = 7
        self.state: PodState = NEW
        self.asked: list[Plan] = []
        self.woken: datetime | None = None
        self.patched = 0
        self.on_started: list[Act] = []
        self.deleted_unpatched = 0
        self.touched = False
        self.overwritten = 0
        self.under_way: list[Write] = []
        """Writes that were given up by the client, and that the API server still carries out."""

    def give(self, event: GuardEvent) -> None:
        self.state, plans = step(self.state, event, self.settings, self.now)
        for plan in plans:
            if isinstance(plan, WakeAt):
                self.woken = plan.at
            elif isinstance(plan, (Read, Propose, Write)):
                self.asked = [plan]

    def observe(self) -> None:
        self.give(Gone() if self.pod is None else Observed(pods.snapshot(self.pod)))

    def change(self, pod: OwnedPod | None) -> None:
        self.version += 1
        if pod is not None and pod.metadata is not None:
            metadata = pods.replace(pod.metadata, resource_version=str(self.version))
            pod = pods.replace(pod, metadata=metadata)
        self.pod = pod

    def restart(self) -> None:
        """The state is lost, and with it what was asked for."""
        self.state, self.asked, self.woken = NEW, [], None
        self.observe()

    def answer(self, how: str = "answer") -> None:
        """Answer what was asked, or refuse it, or lose the answer: of what was done, was not, or will be later."""
        if not self.asked:
            return
        plan = self.asked.pop()
        if isinstance(plan, Read):
            if how != "answer":
                self.give(ReadFailed(how))
                return
            snapshot = None if self.pod is None else pods.snapshot(self.pod)
            task = pods.record(self.settings.backend)
            self.give(Confirmed(pods.facts(snapshot, now=self.now, task=task)))
        elif isinstance(plan, Propose):
            self.give(Admission("" if how == "answer" else NOT_LEADER))
        elif isinstance(plan, Write):
            if how == "refuse":
                self.give(WriteFailed(plan.step, "500"))
                return
            if how == "delay":
                self.under_way.append(plan)
            event = self.write(plan) if how in ("answer", "lose") else None
            self.give(event if event is not None and how == "answer" else WriteFailed(plan.step, how, unanswered=True))

    def write(self, plan: Write) -> GuardEvent:
        if plan.step is Step.EVENT:
            return Written(plan.step)
        if self.pod is None:
            if plan.step is Step.DELETE:
                return Written(plan.step)
            return WriteFailed(plan.step, "404", conflict=True)
        if plan.step is Step.DELETE:
            if ended_as(self.pod) is None and not self.touched:
                self.deleted_unpatched += 1
            self.change(None)
            return Written(plan.step)
        if plan.resource_version != str(self.version):
            return WriteFailed(plan.step, "409", conflict=True)
        if plan.step is Step.STATUS:
            self.patched += 1
            self.touched = True
            if main_ran(self.pod, None) or is_deleting(self.pod):
                self.on_started.append(plan.act)
            self.change(pods.with_status(self.pod, plan.act.reason, plan.act.message, ""))
        else:
            self.change(self.pod)
        return Written(plan.step, str(self.version))

    def settle(self) -> None:
        """From now on everything is answered, and nothing else happens."""
        for write in self.under_way:
            self.write(write)
        self.observe()
        for _ in range(80):
            if self.asked:
                self.answer()
            elif self.woken is not None and self.pod is not None:
                self.now, self.woken = max(self.now, self.woken), None
                self.give(Due(pods.snapshot(self.pod)))
            else:
                return
        raise AssertionError(f"never comes to rest: {self.state}")


TROUBLES = "lose vanish delay refuse observe run touch overwrite carry-out restart".split()


def happenings(random: Random) -> list[str]:
    """Return a course with a few troubles in it."""
    course = [random.choice(["answer", "answer", "wake"]) for _ in range(random.randrange(4, 24))]
    for _ in range(random.randrange(1, 6)):
        course.insert(random.randrange(len(course)), random.choice(TROUBLES))
    return course


def happen(world: World, what: str) -> None:
    world.now += timedelta(seconds=0.2)
    if what in ("answer", "lose", "vanish", "delay", "refuse"):
        world.answer(what)
    elif what == "wake" and world.woken is not None and world.pod is not None:
        world.now, world.woken = max(world.now, world.woken), None
        world.give(Due(pods.snapshot(world.pod)))
    elif what == "observe":
        world.observe()
    elif what in ("run", "touch") and world.pod is not None and not world.touched:
        state = running() if what == "run" else back_off(UNAVAILABLE)
        world.change(pods.pod("Pending", state, backend=world.settings.backend, age=170))
    elif what == "overwrite" and world.pod is not None and ended_as(world.pod) is not None:
        world.overwritten += 1
        world.change(pods.pod("Pending", back_off(UNAVAILABLE), backend=world.settings.backend, age=170))
    elif what == "carry-out" and world.under_way:
        world.write(world.under_way.pop(0))
    elif what == "restart":
        world.restart()


@pytest.mark.parametrize("backend", ["flyte-1.16", "flyte-2"])
def test_however_it_goes_no_pod_is_acted_on_twice_and_none_is_patched_and_not_deleted(backend: str) -> None:
    """A patch that the kubelet has overwritten may be made once more after a restart."""
    ends: Counter[tuple[int, bool]] = Counter()
    for seed in range(400):
        world = World(policy(backend))
        world.observe()
        for what in happenings(Random(seed)):
            happen(world, what)
        world.settle()

        assert world.patched <= 1 + world.overwritten, seed
        assert world.on_started == [], seed
        assert world.deleted_unpatched == 0, seed
        assert world.pod is None or ended_as(world.pod) is None, seed
        ends[world.patched, world.pod is None] += 1
    assert ends[1, True] > 150
    assert ends[0, False] > 50


def test_with_no_trouble_at_all_the_pod_is_patched_and_deleted() -> None:
    for backend in ("flyte-1.16", "flyte-2"):
        world = World(policy(backend))
        world.settle()
        assert (world.patched, world.pod) == (1, None)


OLD_VIEWS = list(
    itertools.product(
        SHAPES["flyte-1.16"][:4] + SHAPES["flyte-2"][1:2],
        POLICIES,
        [0, 1, 58, 114, 115, 117, 119.9, 121],
        [None, 0, 0.5, 1.5, 3, 9, 11],
        [None, 60.0],
    )
)
"""A pod, settings, the moment, the age of the view and the lead: all of them together, around the moments that matter."""


def test_what_is_decided_on_an_old_view_would_be_decided_on_a_fresh_one() -> None:
    """And it was due already at the moment that the view reaches."""
    acted = stale = 0
    for snapshot, settings_, now, age, lead in OLD_VIEWS:
        moment = after(now)
        freshness = Freshness(as_of=None if age is None else after(now - age))
        task = pods.record(settings_.backend)
        old = decide(snapshot, freshness, settings_, moment, task=task, lead=lead)
        stale += old.stale
        if not old.due(moment) or old.stale:
            continue
        acted += 1
        fresh = decide(snapshot, Freshness.current(moment), settings_, moment, task=task, lead=lead)
        assert (fresh.kind, fresh.due(moment), fresh.stale) == (old.kind, True, False)
        reached = freshness.reach(moment)
        then = decide(snapshot, Freshness.current(reached), settings_, reached, task=task, lead=lead)
        assert (then.kind, then.due(reached)) == (old.kind, True)
        assert moment - reached <= timedelta(seconds=10)
    assert acted > 100
    assert stale > 100
