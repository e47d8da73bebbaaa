"""What is known of pods and their events, and how long."""

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

LIMIT = 'Failed to pull image "docker.io/acme/app:v1": 429 Too Many Requests - toomanyrequests: rate limit'


def read_pod(found: dict[str, Any]) -> Any:
    return PODS.one(msgspec.json.encode(found))


def read_event(found: dict[str, Any]) -> Any:
    return EVENTS.one(msgspec.json.encode(found))


class Known:
    """A cache, told by hand."""

    def __init__(self, **limits: Any) -> None:
        self.time = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
        self.changed: list[tuple[str, str]] = []
        self.cache = PodStore(lambda: self.time, Limits(**limits), self.changed.append)

    def pod(self, name: str, version: int | str, uid: str | None = None, *, listed: bool = False) -> PodSnapshot:
        found = pod(name=name, version=version, uid=uid)
        self.cache.put(read_pod(found), listed=listed)
        return self.get_cached(found["metadata"]["name"])

    def event(self, uid: str, name: str, version: int, message: str, reason: str = "Failed", **more: Any) -> None:
        found = event(reason, message, uid=uid, name=name, version=version, **more)
        self.cache.events.put(read_event(found), listed=False)

    def drop_event(self, uid: str, name: str) -> None:
        found = event("Failed", uid=uid, name=name)
        self.cache.events.delete(found["metadata"]["uid"], read_event(found))

    def get_cached(self, name: str = "a") -> PodSnapshot:
        found = self.cache.get_cached(NS, name)
        assert found is not None
        return found

    def messages(self, name: str = "a") -> list[str]:
        return [str(one.message) for one in self.get_cached(name).events]


@pytest.fixture
def make() -> Callable[..., Known]:
    return Known


@pytest.fixture
def known() -> Known:
    return Known()


def test_nothing_is_known_of_a_pod_that_was_never_seen(known: Known) -> None:
    assert known.cache.get_cached(NS, "a") is None
    assert list(known.cache.list_cached()) == []


def test_every_change_is_told_and_has_a_greater_number(known: Known) -> None:
    versions = [known.pod("a", 1).version]
    for change in (
        lambda: known.pod("a", 2),
        lambda: known.event("uid-a", "e", 3, "one"),
        lambda: known.event("uid-a", "e", 4, "two"),
        lambda: known.event("uid-a", "n", 5, "fine", type="Normal"),
        lambda: known.drop_event("uid-a", "e"),
        lambda: known.cache.events.end_list(set(), "9"),
        lambda: known.cache.delete("uid-a", None),
        lambda: known.pod("a", 10),
        lambda: known.pod("a", 11, "another-uid"),
    ):
        change()
        versions.append(known.get_cached().version)
    assert versions == sorted(set(versions))
    assert known.changed == [(NS, "a")] * len(versions)


def test_what_says_the_same_again_is_no_change(known: Known) -> None:
    known.pod("a", 1)
    known.event("uid-a", "e", 3, "one")
    version = known.get_cached().version
    known.pod("a", 1)
    known.pod("a", 1, listed=True)
    known.event("uid-a", "e", 3, "one")
    known.drop_event("uid-a", "unknown")
    known.cache.end_list({"uid-a"}, "9")
    known.cache.events.end_list({"uid-e"}, "9")
    assert known.get_cached().version == version
    assert len(known.changed) == 2


def test_events_belong_to_the_pod_of_their_uid(known: Known) -> None:
    known.pod("a", 1)
    known.event("uid-a", "e", 3, "of this one")
    known.event("uid-other", "f", 4, "of a namesake that was there before")
    known.event("", "g", 5, "of nobody")
    assert known.messages() == ["of this one"]
    known.pod("a", 9, "uid-other")
    assert known.messages() == ["of a namesake that was there before"], "it came back, and so it is the one"


def test_events_that_come_before_their_pod_are_kept_for_it(known: Known) -> None:
    about = {"kind": "Pod", "uid": "uid-a", "fieldPath": "spec.containers{main}"}
    known.event("uid-a", "e", 1, LIMIT, involvedObject=about)
    known.event("uid-a", "f", 2, "second")
    known.drop_event("uid-a", "f")
    assert known.pod("a", 3).memory.causes[0].message == LIMIT
    assert known.messages() == [LIMIT]


def test_of_pods_that_nobody_watches_few_events_are_kept(make: Any) -> None:
    known = make(orphans=3, events_of_pod=2)
    for number in range(5):
        for each in range(4):
            known.event(f"uid-{number}", f"e{number}{each}", 1, f"{number} {each}")
    for number in range(5):
        known.pod(f"{number}", 9)
    assert [known.messages(f"{number}") for number in range(5)] == [[], []] + [
        [f"{number} 2", f"{number} 3"] for number in range(2, 5)
    ]


def test_of_a_pods_events_the_ones_that_changed_last_are_kept(make: Any) -> None:
    known = make(events_of_pod=3)
    known.pod("a", 1)
    for name in "efg":
        known.event("uid-a", name, 2, name)
    known.event("uid-a", "e", 3, "e again")
    known.event("uid-a", "h", 4, "h")
    assert known.messages() == ["g", "e again", "h"]


def test_when_there_are_too_many_events_a_new_one_takes_the_place_of_an_old_one_of_its_pod(make: Any) -> None:
    known = make(events=4)
    for name in "abc":
        known.pod(name, 1)
    for name in "efgh":
        known.event("uid-a", name, 2, name)
    known.event("uid-a", "i", 3, "i")
    known.event("uid-b", "j", 3, "j")
    known.event("uid-b", "k", 3, "k")
    assert (known.messages("a"), known.messages("b")) == (["f", "g", "h", "i"], ["k"])


def test_a_cause_outlives_the_event_that_told_it(make: Any) -> None:
    known = make(events_of_pod=1)
    known.pod("a", 1)
    about = {"kind": "Pod", "uid": "uid-a", "fieldPath": "spec.containers{main}"}
    known.event("uid-a", "e", 2, LIMIT, involvedObject=about, lastTimestamp="2026-03-01T11:59:00Z")
    known.event("uid-a", "f", 3, "Back-off pulling image", type="Normal", reason="BackOff")
    assert known.messages() == ["Back-off pulling image"]
    (cause,) = known.get_cached().memory.causes
    assert (cause.container, cause.message) == ("main", LIMIT)


def test_a_pod_that_is_gone_is_known_with_its_last_state_and_its_events(known: Known) -> None:
    known.pod("a", 1)
    known.event("uid-a", "e", 2, "one")
    last = pod("Failed", name="a", version=3, reason="Evicted")
    known.cache.delete("uid-a", read_pod(last))
    known.event("uid-a", "f", 4, "a last word")
    known.drop_event("uid-a", "e")
    known.cache.events.end_list(set(), "9")
    seen = known.get_cached()
    assert seen.gone and seen.pod.status.reason == "Evicted"
    assert known.messages() == ["one", "a last word"]
    assert list(known.cache.list_cached()) == []
    known.cache.delete("uid-a", None)
    assert known.get_cached().version == seen.version


def test_a_deletion_is_of_the_pod_with_that_uid(known: Known) -> None:
    known.pod("a", 1)
    known.pod("a", 5, "uid-next")
    known.cache.delete("uid-a", read_pod(pod(name="a", version=4)))
    assert not known.get_cached().gone


def test_when_the_time_is_over_pods_that_are_gone_are_forgotten(make: Any) -> None:
    known = make(gone_for=60.0)
    known.pod("a", 1)
    known.cache.delete("uid-a", None)
    known.time += timedelta(seconds=59)
    known.cache.advance("5")
    assert known.get_cached().gone
    known.time += timedelta(seconds=2)
    known.cache.advance("6")
    assert known.cache.get_cached(NS, "a") is None


# Offers: what a request has answered, beside the watch


def test_a_pod_that_was_just_made_is_known_at_once(known: Known) -> None:
    known.cache.end_list(set(), "9")
    known.cache.offer(read_pod(pod(name="a", version=10)))
    version = known.get_cached().version
    known.pod("a", 10)
    assert known.get_cached().version == version, "the watch says the same"


@pytest.mark.parametrize(
    ("told", "offered", "seen"),
    [
        ([("a", 10)], ("a", 11), "11"),
        ([("a", 10)], ("a", 9), "10"),
        ([("a", 9)], ("a", 10), "10"),
        ([("a", "x1")], ("a", "x2"), "x1"),
    ],
)
def test_an_answer_is_taken_in_if_it_is_newer(known: Known, told: Any, offered: Any, seen: str) -> None:
    for each in told:
        known.pod(*each)
    known.cache.offer(read_pod(pod(name=offered[0], version=offered[1])))
    assert known.get_cached().pod.metadata.resource_version == seen


def test_after_an_answer_the_watch_does_not_go_back(known: Known) -> None:
    known.pod("a", 5)
    known.cache.offer(read_pod(pod(name="a", version=9)))
    known.pod("a", 7)
    assert known.get_cached().pod.metadata.resource_version == "9"
    known.pod("a", 12)
    assert known.get_cached().pod.metadata.resource_version == "12"


def test_an_answer_that_the_watch_is_past_does_not_bring_a_pod_back(known: Known) -> None:
    known.pod("a", 5)
    known.cache.delete("uid-a", read_pod(pod(name="a", version=8)))
    known.cache.offer(read_pod(pod(name="a", version=7)))
    assert known.get_cached().gone
    known.cache.advance("20")
    known.cache.offer(read_pod(pod(name="b", version=15)))
    assert known.cache.get_cached(NS, "b") is None


def test_where_versions_cannot_be_compared_the_watchs_word_counts(known: Known) -> None:
    known.pod("a", "x5")
    known.cache.delete("uid-a", read_pod(pod(name="a", version="x8")))
    known.cache.offer(read_pod(pod(name="a", version="x7")))
    assert known.get_cached().gone
    known.cache.offer(read_pod(pod(name="a", version="x9", uid="uid-next")))
    assert not known.get_cached().gone


def test_a_pod_made_while_a_list_is_read_is_not_lost_by_it(known: Known) -> None:
    known.cache.begin_list()
    known.cache.offer(read_pod(pod(name="a", version=12)))
    known.cache.end_list(set(), "9")
    assert not known.get_cached().gone
    known.cache.begin_list()
    known.cache.end_list(set(), "20")
    assert known.get_cached().gone


def test_what_is_told_beside_the_watch_is_seen_with_what_is_known(known: Known) -> None:
    known.pod("a", 5)
    known.event("uid-a", "e", 6, "one")
    for version, expected in ((4, "5"), (7, "7")):
        seen = known.cache.snapshot_of(read_pod(pod(name="a", version=version)))
        assert (seen.pod.metadata.resource_version, len(seen.events)) == (expected, 1)
    stranger = known.cache.snapshot_of(read_pod(pod(name="b", version=1)))
    assert (stranger.events, stranger.memory, stranger.gone) == ((), None, False)


def test_a_list_that_began_after_an_answer_counts_more_than_it_though_it_counts_from_lower(known: Known) -> None:
    known.cache.offer(read_pod(pod(name="a", version=300)))
    known.cache.begin_list()
    assert known.pod("a", 20, listed=True).pod.metadata.resource_version == "20"


# What is left of a pod


def test_trimmed_or_not_the_verdict_is_the_same() -> None:
    for row in rows("timelines.jsonl.gz"):
        known, steps = Known(), [step for step in row["steps"] if "pod" in step]
        memory = None
        for version, step in enumerate(steps, 1):
            found = step["pod"]
            found = {**found, "metadata": {**found["metadata"], "resourceVersion": str(version)}}
            known.cache.put(read_pod(found), listed=False)
            memory = remember(memory, found, now=known.time)
        metadata = steps[-1]["pod"]["metadata"]
        seen = known.cache.get_cached(metadata["namespace"], metadata["name"])
        assert seen.memory == memory
        for now in (known.time, known.time + timedelta(hours=1)):
            assert triage(seen.pod, memory=memory, now=now) == triage(steps[-1]["pod"], memory=memory, now=now)


def test_equal_words_are_kept_once(known: Known) -> None:
    for name in "ab":
        not_ready = condition("Ready", "False", "ContainersNotReady")
        known.cache.put(read_pod(pod(name=name, version=1, conditions=[not_ready])), listed=False)
    one, other = (known.get_cached(name).pod.status.conditions[0] for name in "ab")
    assert one.reason is other.reason and one.type is other.type


def test_the_text_of_a_cause_is_kept_once(known: Known) -> None:
    known.pod("a", 1)
    for version in (2, 3):
        found = pod("Pending", waiting("ErrImagePull", LIMIT * 4), name="a", version=version)
        known.cache.put(read_pod(found), listed=False)
    seen = known.get_cached()
    assert seen.pod.status.container_statuses[0].state.waiting.message is seen.memory.causes[0].message
    verdict = triage(seen.pod, memory=seen.memory, now=known.time)
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
