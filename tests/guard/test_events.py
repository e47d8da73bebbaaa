"""The Events of acts and would-acts: within the limits of events.k8s.io/v1, one of a kind for a pod."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.core.guard.values import ActKind
from flytekitplugins_podtriage.guard.events import NOTE_BYTES, event_body
from tests.guard.reported_acts import ACT, NOW, act


def test_an_act_leaves_a_warning_on_its_pod() -> None:
    assert event_body(ACT, NOW, made=True, instance="podtriage-guard-5d9-x") == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": "f1a2-n0-0.fa839e37e02790c0",
            "namespace": "flytesnacks-development",
            "annotations": {"podtriage.flyte.org/execution": "f1a2"},
        },
        "eventTime": "2026-03-02T14:04:41.000000Z",
        "reportingController": "podtriage.flyte.org/guard",
        "reportingInstance": "podtriage-guard-5d9-x",
        "action": "EndPod",
        "reason": "PodtriageActs",
        "type": "Warning",
        "regarding": {
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": "flytesnacks-development",
            "name": "f1a2-n0-0",
            "uid": "4c1f9d4e-0b7f-4b35-8a3f-6f3f1c2d9a10",
        },
        "note": "podtriage: ended so that the system retries pay. "
        "docker.io limits how often this node may pull (HTTP 429).",
    }


@pytest.mark.parametrize(
    ("kind", "beginning", "action"),
    [
        (ActKind.END_AS_SYSTEM, "podtriage: would be ended so that the system retries pay. ", "EndPod"),
        (ActKind.END_AS_USER, "podtriage: would be ended so that the user retries pay. ", "EndPod"),
        (ActKind.RESCUE_AS_SYSTEM, "podtriage: reason would be corrected so that the system", "CorrectReason"),
        (ActKind.RESCUE_AS_USER, "podtriage: reason would be corrected so that the user", "CorrectReason"),
    ],
)
def test_what_would_have_been_done_is_no_warning_and_says_so(kind: ActKind, beginning: str, action: str) -> None:
    body = event_body(act(kind=kind), NOW, made=False, instance="replica")
    assert (body["type"], body["reason"], body["action"]) == ("Normal", "PodtriageWouldAct", action)
    assert body["note"].startswith(beginning)


def test_a_pod_has_one_event_of_a_kind_whoever_writes_it_and_how_often() -> None:
    def name(one: object = ACT, *, made: bool = True, minutes: int = 0, instance: str = "a") -> str:
        body = event_body(one, NOW + timedelta(minutes=minutes), made=made, instance=instance)  # type: ignore[arg-type]
        return str(body["metadata"]["name"])

    assert name() == name(minutes=5, instance="b") == name(act(resource_version="900", message="other words"))
    others = {name(made=False), name(act(uid="another")), name(act(kind=ActKind.END_AS_USER))}
    assert len({name(), *others}) == 4


def test_no_secret_is_in_an_event() -> None:
    body = event_body(act(message="GET https://bob:hunter2@r.example/v2/"), NOW, made=True, instance="a")
    assert "hunter2" not in json.dumps(body)


@given(message=st.text(max_size=2000), name=st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", fullmatch=True))
def test_whatever_a_pod_says_the_event_is_one_that_the_api_server_takes(message: str, name: str) -> None:
    body = event_body(act(message=message, name=name), NOW, made=True, instance="i" * 500)
    assert 0 < len(body["note"].encode()) <= NOTE_BYTES
    assert 0 < len(body["reportingInstance"].encode()) <= 128
    assert len(body["metadata"]["name"]) <= 253
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", body["metadata"]["name"])
    assert "\n" not in body["note"] and "\x1b" not in body["note"]


def test_a_note_is_cut_between_characters() -> None:
    note = event_body(act(message="é" * 2000), NOW, made=True, instance="a")["note"]
    assert note.endswith("é...") and len(note.encode()) in (NOTE_BYTES - 1, NOTE_BYTES)
