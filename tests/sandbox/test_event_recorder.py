"""What reaches the API server of all that is said of a pod (client-go tools/record/events_cache.go)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from flytekitplugins_podtriage.sandbox.event_recorder import EventRecorder
from tests.recordings import timelines
from tests.sandbox.observing import watch

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def count(events: EventRecorder) -> int:
    """Return how often anything has been said of a pod."""
    return sum(event.count or 0 for event in events.list())


def test_the_same_again_grows_a_count() -> None:
    events = EventRecorder("ns", "pod", "uid")
    assert events.emit(START, "BackOff", "wait")
    assert not events.emit(START + timedelta(seconds=9), "BackOff", "wait")
    (event,) = events.list()
    assert (event.count, event.first_timestamp, event.last_timestamp) == (2, START, START + timedelta(seconds=9))


def test_from_the_tenth_different_message_on_they_share_an_event() -> None:
    events = EventRecorder("ns", "pod", "uid")
    for number in range(12):
        # Of which container they are makes no difference.
        events.emit(START, "Failed", f"Error: {number}", path=f"spec.containers{{{number % 2}}}", warning=True)
    assert [event.message for event in events.list()] == [
        *(f"Error: {number}" for number in range(9)),
        "(combined from similar events): Error: 11",
    ]
    assert events.list()[-1].count == 3


@pytest.mark.parametrize(("by_type", "heard"), [(True, 50), (False, 25)])
def test_a_source_is_heard_twenty_five_times(by_type: bool, heard: int) -> None:
    events = EventRecorder("ns", "pod", "uid")
    events.split_by_type = by_type
    for number in range(100):
        events.emit(START, "BackOff", "wait", warning=number % 2 == 0)
    assert count(events) == heard


def test_another_source_is_heard_all_the_same() -> None:
    events = EventRecorder("ns", "pod", "uid")
    for _ in range(30):
        events.emit(START, "BackOff", "wait")
    assert not events.emit(START, "Pulled", "at last")
    assert events.emit(START, "TaintManagerEviction", "go")


def test_then_it_is_heard_once_in_five_minutes_with_all_that_was_dropped_counted() -> None:
    events = EventRecorder("ns", "pod", "uid")
    for _ in range(30):
        events.emit(START, "BackOff", "wait")
    assert count(events) == 25
    assert not events.emit(START + timedelta(seconds=299), "Pulled", "at last")
    assert events.emit(START + timedelta(seconds=300), "Pulled", "at last")
    pulled = events.list()[-1]
    assert (pulled.count, pulled.first_timestamp) == (2, START + timedelta(seconds=299))
    events.emit(START + timedelta(seconds=301), "BackOff", "wait")
    events.emit(START + timedelta(seconds=600), "BackOff", "wait")
    assert events.list()[0].count == 32


@pytest.mark.parametrize(("kubelet", "counted"), [("1.31", ("Normal", "Warning")), ("1.34", ("Warning",))])
def test_a_pod_in_back_off_is_spoken_of_as_often_as_a_real_kubelet_did(kubelet: str, counted: tuple[str, ...]) -> None:
    """A registry that limits for over three minutes: 25 events in all of the one, 25 warnings of the other."""
    names = [name for name in timelines() if name.startswith(f"pull-429-recovers-after-grace@{kubelet}")]
    steps = timelines()[names[0]]["steps"]
    sent = [step["event"] for step in steps if "event" in step and step["t"] < 240]
    assert sum(event["type"] in counted and event["reason"] != "Scheduled" for event in sent) == 25
    ours = watch("pull: 429", seconds=240, kubelet=kubelet)[-1].events
    assert sum(event.count or 0 for event in ours if event.type in counted and event.reason != "Scheduled") == 25
