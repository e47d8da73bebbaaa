"""The acts of the last hour, from the Events that they left."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy, ClusterDenied
from flytekitplugins_podtriage.guard.admission import PastAct, past_acts
from flytekitplugins_podtriage.guard.events import EXECUTION_ANNOTATION
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.http import Timeouts
from flytekitplugins_podtriage.kube.client.operation import Operation
from tests.kube.model import status
from tests.kube.scripted import Scripted

EVENTS = "/api/v1/namespaces/ns/events"
OPERATION = Operation("list", "events", "ns")


def made(name: str, **fields: Any) -> dict[str, Any]:
    event = {
        "metadata": {
            "name": f"{name}.1",
            "creationTimestamp": "2026-03-01T12:00:01Z",
            "annotations": {EXECUTION_ANNOTATION: "f1"},
        },
        "involvedObject": {"kind": "Pod", "namespace": "ns", "name": name, "uid": f"uid-{name}"},
        "eventTime": "2026-03-01T12:00:00.123456Z",
    }
    return {**event, **fields}


def test_all_pages_are_read(scripted: Connection, script: Scripted) -> None:
    page = {"kind": "EventList", "metadata": {"continue": "more"}, "items": [made("a")]}
    script.reply("GET", EVENTS, 200, page)
    script.reply("GET", EVENTS, 200, {"kind": "EventList", "metadata": {}, "items": [made("b", eventTime=None)]})
    acts = past_acts(scripted, OPERATION, Timeouts())
    assert acts == [
        PastAct(at=_at(0, 123456), namespace="ns", execution="f1", uid="uid-a"),
        PastAct(at=_at(1), namespace="ns", execution="f1", uid="uid-b"),
    ]
    first, second = script.requests
    assert first.query == {
        "fieldSelector": "reportingComponent=podtriage.flyte.org/guard,reason=PodtriageActs",
        "limit": "500",
    }
    assert second.query == {**first.query, "continue": "more"}


def test_an_event_that_says_nothing_of_a_pod_counts_for_nothing(scripted: Connection, script: Scripted) -> None:
    events = [made("a", involvedObject=None), {"metadata": None}, made("c", metadata={"name": "c.1"})]
    script.reply("GET", EVENTS, 200, {"kind": "EventList", "items": events})
    assert past_acts(scripted, OPERATION, Timeouts()) == [
        PastAct(at=_at(0, 123456), namespace="ns", execution="", uid="uid-c")
    ]


@pytest.mark.parametrize(
    ("code", "body", "error"),
    [
        (403, status(403, "forbidden", reason="Forbidden"), ClusterDenied),
        (500, status(500, "etcd"), ClusterBusy),
        (200, b"[]", ClusterBusy),
    ],
)
def test_what_cannot_be_listed_is_an_error(
    scripted: Connection, script: Scripted, code: int, body: Any, error: type[Exception]
) -> None:
    script.reply("GET", EVENTS, code, body)
    with pytest.raises(error):
        past_acts(scripted, OPERATION, Timeouts())


def _at(second: int, microsecond: int = 0) -> datetime:
    return datetime(2026, 3, 1, 12, 0, second, microsecond, tzinfo=timezone.utc)
