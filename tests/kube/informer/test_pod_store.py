"""The store of pods and their events: what it keeps, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from flytekitplugins_podtriage.core.memory import remember
from flytekitplugins_podtriage.core.model import Category
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.core.triage import triage
from flytekitplugins_podtriage.kube.informer.pod_entry import Limits
from flytekitplugins_podtriage.kube.informer.pod_store import PodStore
from flytekitplugins_podtriage.kube.informer.resource_version import newer
from flytekitplugins_podtriage.kube.informer.watch_events import EVENTS, PODS
from tests.builders import NAMESPACE as NS
from tests.builders import condition, event, pod, waiting
from tests.recordings import rows

RATE_LIMITED = 'Failed to pull image "docker.io/acme/app:v1": 429 Too Many Requests - toomanyrequests: rate limit'


def read_pod(pod: dict[str, Any]) -> Any:
    return PODS.one(msgspec.json.encode(pod))


def read_event(event: dict[str, Any]) -> Any:
    return EVENTS.one(msgspec.json.encode(event))


class Driver:
    """Writes to a store what a test says."""

    def __init__(self, **limits: Any) -> None:
        self.time = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
        self.changed: list[tuple[str, str]] = []
        self.store = PodStore(lambda: self.time, Limits(**limits), self.changed.append)

    def pod(self, name: str, version: int | str, uid: str | None = None, *, listed: bool = False) -> PodSnapshot:
        self.store.put(read_pod(pod(name=name, version=version, uid=uid)), listed=listed)
        return self.get_cached(name)

    def event(self, uid: str, name: str, version: int, message: str, reason: str = "Failed", **more: Any) -> None:
        item = event(reason, message, uid=uid, name=name, version=version, **more)
        self.store.events.put(read_event(item), listed=False)

    def delete_event(self, uid: str, name: str) -> None:
        item = event("Failed", uid=uid, name=name)
        self.store.events.delete(item["metadata"]["uid"], read_event(item))

    def get_cached(self, name: str = "a") -> PodSnapshot:
        snapshot = self.store.get_cached(NS, name)
        assert snapshot is not None
        return snapshot

    def messages(self, name: str = "a") -> list[str]:
        return [str(event.message) for event in self.get_cached(name).events]


@pytest.fixture
def make() -> Callable[..., Driver]:
    return Driver


@pytest.fixture
def driver() -> Driver:
    return Driver()


def test_an_empty_store(driver: Driver) -> None:
    assert driver.store.get_cached(NS, "a") is None
    assert list(driver.store.list_cached()) == []


def test_every_change_is_notified_and_increases_the_version(driver: Driver) -> None:
    versions = [driver.pod("a", 1).version]
    for change in (
        lambda: driver.pod("a", 2),
        lambda: driver.event("uid-a", "e", 3, "one"),
        lambda: driver.event("uid-a", "e", 4, "two"),
        lambda: driver.event("uid-a", "n", 5, "fine", type="Normal"),
        lambda: driver.delete_event("uid-a", "e"),
        lambda: driver.store.events.end_list(set(), "9"),
        lambda: driver.store.delete("uid-a", None),
        lambda: driver.pod("a", 10),
        lambda: driver.pod("a", 11, "another-uid"),
    ):
        change()
        versions.append(driver.get_cached().version)
    assert versions == sorted(set(versions))
    assert driver.changed == [(NS, "a")] * len(versions)


def test_repeated_states_are_no_change(driver: Driver) -> None:
    driver.pod("a", 1)
    driver.event("uid-a", "e", 3, "one")
    version = driver.get_cached().version
    driver.pod("a", 1)
    driver.pod("a", 1, listed=True)
    driver.event("uid-a", "e", 3, "one")
    driver.delete_event("uid-a", "unknown")
    driver.store.end_list({"uid-a"}, "9")
    driver.store.events.end_list({"uid-e"}, "9")
    assert driver.get_cached().version == version
    assert len(driver.changed) == 2


def test_events_belong_to_the_pod_with_their_uid(driver: Driver) -> None:
    driver.pod("a", 1)
    driver.event("uid-a", "e", 3, "of this one")
    driver.event("uid-other", "f", 4, "of an earlier pod of this name")
    driver.event("", "g", 5, "without a pod")
    assert driver.messages() == ["of this one"]
    driver.pod("a", 9, "uid-other")
    assert driver.messages() == ["of an earlier pod of this name"], "it exists again"


def test_events_that_arrive_before_their_pod_are_kept_for_it(driver: Driver) -> None:
    reference = {"kind": "Pod", "uid": "uid-a", "fieldPath": "spec.containers{main}"}
    driver.event("uid-a", "e", 1, RATE_LIMITED, involvedObject=reference)
    driver.event("uid-a", "f", 2, "second")
    driver.delete_event("uid-a", "f")
    assert driver.pod("a", 3).memory.causes[0].message == RATE_LIMITED
    assert driver.messages() == [RATE_LIMITED]


def test_orphan_events_are_limited(make: Any) -> None:
    driver = make(orphans=3, events_of_pod=2)
    for number in range(5):
        for each in range(4):
            driver.event(f"uid-{number}", f"e{number}{each}", 1, f"{number} {each}")
    for number in range(5):
        driver.pod(f"{number}", 9)
    assert [driver.messages(f"{number}") for number in range(5)] == [[], []] + [
        [f"{number} 2", f"{number} 3"] for number in range(2, 5)
    ]


def test_the_last_changed_events_of_a_pod_are_kept(make: Any) -> None:
    driver = make(events_of_pod=3)
    driver.pod("a", 1)
    for name in "efg":
        driver.event("uid-a", name, 2, name)
    driver.event("uid-a", "e", 3, "e again")
    driver.event("uid-a", "h", 4, "h")
    assert driver.messages() == ["g", "e again", "h"]


def test_at_the_limit_a_new_event_replaces_an_old_one_of_its_pod(make: Any) -> None:
    driver = make(events=4)
    for name in "abc":
        driver.pod(name, 1)
    for name in "efgh":
        driver.event("uid-a", name, 2, name)
    driver.event("uid-a", "i", 3, "i")
    driver.event("uid-b", "j", 3, "j")
    driver.event("uid-b", "k", 3, "k")
    assert (driver.messages("a"), driver.messages("b")) == (["f", "g", "h", "i"], ["k"])


def test_a_cause_outlives_its_event(make: Any) -> None:
    driver = make(events_of_pod=1)
    driver.pod("a", 1)
    reference = {"kind": "Pod", "uid": "uid-a", "fieldPath": "spec.containers{main}"}
    driver.event("uid-a", "e", 2, RATE_LIMITED, involvedObject=reference, lastTimestamp="2026-03-01T11:59:00Z")
    driver.event("uid-a", "f", 3, "Back-off pulling image", type="Normal", reason="BackOff")
    assert driver.messages() == ["Back-off pulling image"]
    (cause,) = driver.get_cached().memory.causes
    assert (cause.container, cause.message) == ("main", RATE_LIMITED)


def test_a_deleted_pod_is_kept_with_its_last_state_and_events(driver: Driver) -> None:
    driver.pod("a", 1)
    driver.event("uid-a", "e", 2, "one")
    last = pod("Failed", name="a", version=3, reason="Evicted")
    driver.store.delete("uid-a", read_pod(last))
    driver.event("uid-a", "f", 4, "the last one")
    driver.delete_event("uid-a", "e")
    driver.store.events.end_list(set(), "9")
    snapshot = driver.get_cached()
    assert snapshot.gone and snapshot.pod.status.reason == "Evicted"
    assert driver.messages() == ["one", "the last one"]
    assert list(driver.store.list_cached()) == []
    driver.store.delete("uid-a", None)
    assert driver.get_cached().version == snapshot.version


def test_a_deletion_applies_to_its_uid_only(driver: Driver) -> None:
    driver.pod("a", 1)
    driver.pod("a", 5, "uid-next")
    driver.store.delete("uid-a", read_pod(pod(name="a", version=4)))
    assert not driver.get_cached().gone


def test_deleted_pods_are_removed_after_their_time(make: Any) -> None:
    driver = make(gone_for=60.0)
    driver.pod("a", 1)
    driver.store.delete("uid-a", None)
    driver.time += timedelta(seconds=59)
    driver.store.advance("5")
    assert driver.get_cached().gone
    driver.time += timedelta(seconds=2)
    driver.store.advance("6")
    assert driver.store.get_cached(NS, "a") is None


# Offers: responses to requests


def test_a_created_pod_is_cached_at_once(driver: Driver) -> None:
    driver.store.end_list(set(), "9")
    driver.store.offer(read_pod(pod(name="a", version=10)))
    version = driver.get_cached().version
    driver.pod("a", 10)
    assert driver.get_cached().version == version, "the watch says the same"


@pytest.mark.parametrize(
    ("watched", "offered", "expected"),
    [
        ([("a", 10)], ("a", 11), "11"),
        ([("a", 10)], ("a", 9), "10"),
        ([("a", 9)], ("a", 10), "10"),
        ([("a", "x1")], ("a", "x2"), "x1"),
    ],
)
def test_an_offered_state_is_stored_if_it_is_newer(driver: Driver, watched: Any, offered: Any, expected: str) -> None:
    for each in watched:
        driver.pod(*each)
    driver.store.offer(read_pod(pod(name=offered[0], version=offered[1])))
    assert driver.get_cached().pod.metadata.resource_version == expected


def test_the_watch_does_not_replace_a_newer_offered_state(driver: Driver) -> None:
    driver.pod("a", 5)
    driver.store.offer(read_pod(pod(name="a", version=9)))
    driver.pod("a", 7)
    assert driver.get_cached().pod.metadata.resource_version == "9"
    driver.pod("a", 12)
    assert driver.get_cached().pod.metadata.resource_version == "12"


def test_an_offered_state_older_than_the_watch_does_not_restore_a_pod(driver: Driver) -> None:
    driver.pod("a", 5)
    driver.store.delete("uid-a", read_pod(pod(name="a", version=8)))
    driver.store.offer(read_pod(pod(name="a", version=7)))
    assert driver.get_cached().gone
    driver.store.advance("20")
    driver.store.offer(read_pod(pod(name="b", version=15)))
    assert driver.store.get_cached(NS, "b") is None


def test_the_watch_wins_if_versions_cannot_be_compared(driver: Driver) -> None:
    driver.pod("a", "x5")
    driver.store.delete("uid-a", read_pod(pod(name="a", version="x8")))
    driver.store.offer(read_pod(pod(name="a", version="x7")))
    assert driver.get_cached().gone
    driver.store.offer(read_pod(pod(name="a", version="x9", uid="uid-next")))
    assert not driver.get_cached().gone


def test_a_pod_created_during_a_list_is_kept(driver: Driver) -> None:
    driver.store.begin_list()
    driver.store.offer(read_pod(pod(name="a", version=12)))
    driver.store.end_list(set(), "9")
    assert not driver.get_cached().gone
    driver.store.begin_list()
    driver.store.end_list(set(), "20")
    assert driver.get_cached().gone


def test_a_response_is_returned_with_cached_events_and_newer_states(driver: Driver) -> None:
    driver.pod("a", 5)
    driver.event("uid-a", "e", 6, "one")
    for version, expected in ((4, "5"), (7, "7")):
        snapshot = driver.store.snapshot_of(read_pod(pod(name="a", version=version)))
        assert (snapshot.pod.metadata.resource_version, len(snapshot.events)) == (expected, 1)
    orphan = driver.store.snapshot_of(read_pod(pod(name="b", version=1)))
    assert (orphan.events, orphan.memory, orphan.gone) == ((), None, False)


def test_a_later_list_replaces_an_offered_state_even_with_lower_versions(driver: Driver) -> None:
    driver.store.offer(read_pod(pod(name="a", version=300)))
    driver.store.begin_list()
    assert driver.pod("a", 20, listed=True).pod.metadata.resource_version == "20"


# Trimming


def test_trimming_does_not_change_the_verdict() -> None:
    for row in rows("timelines.jsonl.gz"):
        driver, steps = Driver(), [step for step in row["steps"] if "pod" in step]
        memory = None
        for version, step in enumerate(steps, 1):
            metadata = {**step["pod"]["metadata"], "resourceVersion": str(version)}
            driver.store.put(read_pod({**step["pod"], "metadata": metadata}), listed=False)
            memory = remember(memory, step["pod"], now=driver.time)
        snapshot = driver.store.get_cached(metadata["namespace"], metadata["name"])
        assert snapshot.memory == memory
        for now in (driver.time, driver.time + timedelta(hours=1)):
            assert triage(snapshot.pod, memory=memory, now=now) == triage(steps[-1]["pod"], memory=memory, now=now)


def test_equal_strings_share_one_copy(driver: Driver) -> None:
    for name in "ab":
        not_ready = condition("Ready", "False", "ContainersNotReady")
        driver.store.put(read_pod(pod(name=name, version=1, conditions=[not_ready])), listed=False)
    one, other = (driver.get_cached(name).pod.status.conditions[0] for name in "ab")
    assert one.reason is other.reason and one.type is other.type


def test_what_all_pods_of_the_connector_have_is_kept_once(driver: Driver) -> None:
    key, execution = "podtriage.flyte.org/output-prefix", "podtriage.flyte.org/execution"
    for name in "ab":
        annotations = {key: f"s3://bucket/{name}", execution: "f3a91c"}
        item = pod(name=name, version=1, metadata={"annotations": annotations})
        driver.store.put(read_pod(item), listed=False)
    one, other = (driver.get_cached(name).pod.metadata.annotations or {} for name in "ab")
    assert (one[key], other[key]) == ("s3://bucket/a", "s3://bucket/b")
    assert all(name is same for name, same in zip(one, other, strict=True)) and one[execution] is other[execution]


def test_equal_times_of_a_pod_and_its_events_are_one_object(driver: Driver) -> None:
    conditions = [condition(each, "True") for each in ("PodScheduled", "Initialized", "Ready")]
    driver.store.put(read_pod(pod(name="a", version=1, conditions=conditions)), listed=False)
    stamp = "2026-03-01T12:00:00Z"
    driver.event("uid-a", "e", 2, "Created container", "Created", firstTimestamp=stamp, lastTimestamp=stamp)
    snapshot = driver.get_cached()
    times = [each.last_transition_time for each in snapshot.pod.status.conditions]
    (recorded,) = snapshot.events
    assert times[0] is not None and all(time is times[0] for time in times)
    assert recorded.first_timestamp is not None and recorded.first_timestamp is recorded.last_timestamp


def test_the_events_of_a_pod_refer_to_it_by_its_own_uid(driver: Driver) -> None:
    uid = driver.pod("a", 1).pod.metadata.uid
    for name in ("one", "two"):
        driver.event("uid-a", name, 2, f"message {name}")
    events = driver.get_cached().events
    assert len(events) == 2 and all(each.involved_object.uid is uid for each in events)


def test_the_text_of_a_cause_is_shared_with_the_status(driver: Driver) -> None:
    driver.pod("a", 1)
    for version in (2, 3):
        item = pod("Pending", waiting("ErrImagePull", RATE_LIMITED * 4), name="a", version=version)
        driver.store.put(read_pod(item), listed=False)
    snapshot = driver.get_cached()
    assert snapshot.pod.status.container_statuses[0].state.waiting.message is snapshot.memory.causes[0].message
    verdict = triage(snapshot.pod, memory=snapshot.memory, now=driver.time)
    assert verdict.category is Category.REGISTRY_RATE_LIMITED


# Versions


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("2", "1", True),
        ("1", "2", False),
        ("7", "7", False),
        ("10", "9", True),
        ("9", "10", False),
        ("18446744073709551616", "18446744073709551615", True),
        ("", "1", None),
        (None, "1", None),
        ("1", None, None),
        ("0", "1", None),
        ("01", "1", None),
        ("-2", "1", None),
        ("1.5", "1", None),
        ("x2", "x1", None),
        ("²", "1", None),
    ],
)
def test_which_version_is_newer(one: Any, other: Any, expected: Any) -> None:
    assert newer(one, other) is expected
