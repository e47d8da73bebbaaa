"""How fast the sandbox's kubelets go: chance in reality, and the plan's to say here."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import pytest

from flytekitplugins_podtriage import Policy
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from tests.builders import manifest
from tests.sandbox.observing import collapsed, judged, watch

HELD = manifest(finalizers=["flyte.org/finalizer-k8s"])


def tries(plan: str, what: str = "pull: absent", seconds: float = 250) -> list[datetime]:
    """Return when the kubelet has said that it cannot start a container, from the second time on.

    The first two come of the pod's beginning. An image that is never pulled takes no time.
    """
    moments = set()
    pod = manifest(container={"imagePullPolicy": "Never"})
    for snapshot in watch(f"{what}\n{plan}", pod, seconds=seconds, repeated=True):
        moments |= {event.last_timestamp for event in snapshot.events if event.type == "Warning"}
    return sorted(moment for moment in moments if moment is not None)[1:]


def gaps(plan: str, what: str = "pull: absent") -> list[float]:
    """Return the times between those."""
    return [(later - earlier).total_seconds() for earlier, later in pairwise(tries(plan, what))]


def reasons(snapshot: PodSnapshot) -> tuple[str | None, bool]:
    """Return why the container waits, and whether an event says that the pull has failed."""
    statuses = snapshot.pod.status.container_statuses if snapshot.pod.status is not None else None
    waiting = statuses[0].state.waiting if statuses and statuses[0].state is not None else None
    return waiting.reason if waiting is not None else None, any(event.reason == "Failed" for event in snapshot.events)


@pytest.mark.parametrize(
    ("plan", "every"), [("", 12), ("kubelet: syncs every 10s", 10), ("kubelet: syncs every 15s", 15)]
)
def test_what_cannot_be_started_is_tried_again_every_so_often(plan: str, every: int) -> None:
    assert set(gaps(plan)) == {every}


@pytest.mark.parametrize("what", ["sandbox: no runtime runsc", "start: no command"])
def test_a_sandbox_or_container_that_cannot_be_created_is_tried_at_the_same_pace(what: str) -> None:
    assert set(gaps("kubelet: syncs every 15s", what)) == {15.0}


def test_drawn_syncs_come_after_eleven_to_fifteen_seconds_each_as_likely() -> None:
    seen = [gap for seed in range(40) for gap in gaps(f"kubelet: syncs drawn seed {seed}")]
    assert set(seen) == {11, 12, 13, 14, 15}
    for gap in set(seen):
        assert abs(seen.count(gap) / len(seen) - 1 / 5) < 0.05


def test_the_same_seed_draws_the_same_and_another_another() -> None:
    drawn = "kubelet: syncs drawn seed {}"
    assert tries(drawn.format(7)) == tries(drawn.format(7)) != tries(drawn.format(8))


def test_a_pace_may_be_said_of_a_time() -> None:
    times = gaps("kubelet: syncs every 15s at 40s for 60s")
    assert times[:3] == [12] * 3
    assert times[3:7] == [15] * 4
    assert set(times[7:]) == {12}


def test_a_late_status_is_seen_after_the_events_of_its_moment() -> None:
    both = [reasons(snapshot) for snapshot in watch("sandbox: no runtime runsc", seconds=5)]
    assert ("ContainerCreating", False) in both
    late = [reasons(snapshot) for snapshot in watch("pull: 429\nkubelet: status 300ms late", seconds=5)]
    assert (None, True) in late
    assert ("ContainerCreating", False) not in late


def test_of_several_statuses_that_wait_the_last_is_seen() -> None:
    """A body of 700 ms has ended before the status that tells of its beginning is written."""
    at_once, late = (
        [judged(snapshot, Policy()) for snapshot in watch(f"body: 700ms\n{plan}", seconds=30)]
        for plan in ("", "kubelet: status 500ms late")
    )
    assert ("running",) in [seen[2] for seen in at_once]
    assert ("running",) not in [seen[2] for seen in late]
    assert late[-1] == at_once[-1]


@pytest.mark.parametrize(
    "plan",
    [
        "body: 2s",
        "body: oom at 2s",
        "pull: 429 x2\nbody: 1s",
        "pull: not found",
        "pod: evicted at 3s\nbody: 1m",
        "pod: evicted by api at 3s\nbody: 1m",
        "pull: 429\npod: deleted at 15s",
        "node: lost at 4s\nbody: 1m",
        "node: shutdown at 4s\nbody: 1m",
        "pod: rejected OutOfcpu",
    ],
)
@pytest.mark.parametrize("late", ["1ms", "40ms", "500ms"])
def test_late_statuses_change_no_end(plan: str, late: str) -> None:
    known = watch(plan, HELD, seconds=400)[-1]
    snapshot = watch(f"{plan}\nkubelet: status {late} late", HELD, seconds=400)[-1]
    assert judged(snapshot, Policy()) == judged(known, Policy())
    assert snapshot.pod.status is not None and known.pod.status is not None

    def conditions(of: PodSnapshot) -> set[tuple[str | None, str | None, str | None]]:
        assert of.pod.status is not None
        return {(item.type, item.status, item.reason) for item in of.pod.status.conditions or ()}

    assert conditions(snapshot) == conditions(known)


def test_a_story_at_another_pace_is_told_twice_the_same() -> None:
    plan = "pull: 429 x3\nkubelet: syncs drawn\nkubelet: status 20ms late"
    stories = [collapsed(judged(snapshot, Policy()) for snapshot in watch(plan, seconds=400)) for _ in range(2)]
    assert stories[0] == stories[1]
    assert stories[0][-1][0] == "Succeeded"
