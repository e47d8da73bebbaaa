"""Which pods may be acted on."""

from __future__ import annotations

from typing import Any

import pytest

from flytekitplugins_podtriage.core.decode import read_pod
from flytekitplugins_podtriage.core.guard.eligibility import face_refusal, facts_refusal
from flytekitplugins_podtriage.core.guard.owned_pod import OwnedPod
from tests import builders
from tests.core.guard import pods

TASK_ACTION = pods.owner("flyte-2")


@pytest.mark.parametrize(
    ("pod", "backend", "expected"),
    [
        pytest.param(pods.pod(), "flyte-1.16", None, id="a pod of FlytePropeller"),
        pytest.param(pods.pod(backend="flyte-2"), "flyte-2", None, id="a pod of Flyte 2"),
        pytest.param(pods.pod(backend="flyte-2"), "flyte-1.16", "not-of-flyte", id="the other backend's"),
        pytest.param(pods.pod(), "flyte-2", "not-of-flyte", id="the other backend's, the other way round"),
        pytest.param(
            pods.pod(labels={"podtriage.flyte.org/task": "x"}),
            "flyte-1.16",
            "of-connector",
            id="one of podtriage's connector",
        ),
        pytest.param(
            pods.pod(labels={"podtriage.flyte.org/guard": "off"}), "flyte-1.16", "opted-out", id="one that opted out"
        ),
        pytest.param(pods.pod(labels={"podtriage.flyte.org/guard": "on"}), "flyte-1.16", None, id="one that did not"),
        pytest.param(pods.pod(owners=[]), "flyte-1.16", "other-owner", id="without an owner"),
        pytest.param(
            pods.pod(owners=[pods.owner("flyte-1.16", controller=False)]),
            "flyte-1.16",
            "other-owner",
            id="whose owner does not control it",
        ),
        pytest.param(
            pods.pod(owners=[pods.owner("flyte-1.16", kind="SparkApplication")]),
            "flyte-1.16",
            "other-owner",
            id="of an operator",
        ),
        pytest.param(
            pods.pod(owners=[pods.owner("flyte-1.16", apiVersion="example.com/v1")]),
            "flyte-1.16",
            "other-owner",
            id="of another group's FlyteWorkflow",
        ),
        pytest.param(pods.pod(owners=[TASK_ACTION]), "flyte-1.16", "other-owner", id="of Flyte 2's TaskAction"),
        pytest.param(pods.pod(uid=""), "flyte-1.16", "no-identity", id="without a uid"),
        pytest.param(pods.pod(version=""), "flyte-1.16", "no-identity", id="without a resourceVersion"),
    ],
)
def test_what_a_pod_shows_of_itself(pod: OwnedPod, backend: str, expected: str | None) -> None:
    refusal = face_refusal(pod, backend)

    assert (refusal.name if refusal is not None else None) == expected


def test_a_pod_whose_owners_were_not_decoded_is_not_acted_on() -> None:
    refusal = face_refusal(read_pod(builders.pod(labels={"execution-id": "x"}, version=1)), "flyte-1.16")

    assert refusal is not None
    assert refusal.name == "other-owner"


@pytest.mark.parametrize(
    ("backend", "changes", "task", "expected"),
    [
        pytest.param("flyte-1.16", {}, {}, None, id="all is well"),
        pytest.param("flyte-2", {}, {}, None, id="all is well on Flyte 2"),
        pytest.param("flyte-1.16", {"namespace_opted_out": True}, {}, "opted-out", id="the namespace opted out"),
        pytest.param("flyte-1.16", {"node_ready": False}, {}, "node-not-ready", id="its node is not Ready"),
        pytest.param("flyte-1.16", {"node_ready": None}, {}, "node-unknown", id="nothing is known of its node"),
        pytest.param(
            "flyte-1.16", {}, {"uid": "another"}, "other-task", id="the resource was made again under its name"
        ),
        pytest.param("flyte-1.16", {}, {"uid": ""}, "other-task", id="the resource has no uid"),
        pytest.param("flyte-1.16", {}, {"execution": "another"}, "other-task", id="another resource was read"),
        pytest.param("flyte-1.16", {}, {"over": True}, "task-over", id="the task is over"),
        pytest.param(
            "flyte-1.16", {}, {"pod_names": frozenset({"f3a91c-n0-1"})}, "other-attempt", id="another attempt runs"
        ),
        pytest.param(
            "flyte-1.16",
            {},
            {"pod_names": frozenset()},
            "other-attempt",
            id="its name is not the backend's: a child of a map task",
        ),
        pytest.param("flyte-2", {}, {"attempt": 1}, "other-attempt", id="its label has another attempt"),
        pytest.param("flyte-1.16", {}, {"unsettled": True}, "unsettled", id="the backend is about to charge it"),
        pytest.param("flyte-2", {}, {"launch_errors": True}, "launch-errors", id="pods cannot be created"),
    ],
)
def test_what_was_read_beside_a_pod(
    backend: str, changes: dict[str, Any], task: dict[str, Any], expected: str | None
) -> None:
    pod = pods.pod(backend=backend)
    read = pods.facts(pods.snapshot(pod), **{"task": pods.record(backend, **task), **changes})

    refusal = facts_refusal(read, pod, backend)

    assert (refusal.name if refusal is not None else None) == expected


@pytest.mark.parametrize(("gone", "transient"), [(False, True), (True, False)])
def test_without_a_record_nothing_is_done(gone: bool, transient: bool) -> None:
    pod = pods.pod()
    read = pods.evolve(pods.facts(pods.snapshot(pod)), task=None, task_gone=gone, task_problem="not permitted")

    refusal = facts_refusal(read, pod, "flyte-1.16")

    assert refusal is not None
    assert (refusal.name, refusal.transient) == ("no-record", transient)
    assert "not permitted" in refusal.detail


def test_a_pod_with_a_finalizer_is_left_alone_on_flyte_2_only() -> None:
    two, one = (pods.pod(backend=backend, finalizers=["example.com/mine"]) for backend in ("flyte-2", "flyte-1.16"))

    refusal = facts_refusal(pods.facts(pods.snapshot(two), task=pods.record("flyte-2")), two, "flyte-2")

    assert refusal is not None
    assert refusal.name == "finalizer"
    assert facts_refusal(pods.facts(pods.snapshot(one)), one, "flyte-1.16") is None


def test_the_node_of_a_pod_that_has_ended_does_not_matter() -> None:
    pod = pods.pod("Failed")

    assert facts_refusal(pods.facts(pods.snapshot(pod), node_ready=False), pod, "flyte-1.16", ended=True) is None
