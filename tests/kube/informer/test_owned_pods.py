"""What the store keeps of pods that are decoded with their owners and finalizers, as the guard's are."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import msgspec

from flytekitplugins_podtriage.core.guard.owned_pod import OwnedPod, OwnerReference, controller
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.kube.informer.pod_entry import Limits
from flytekitplugins_podtriage.kube.informer.pod_store import PodStore
from flytekitplugins_podtriage.kube.informer.watch_events import EVENTS
from tests.builders import event, pod, running, waiting

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
OWNER = {"apiVersion": "flyte.lyft.com/v1alpha1", "kind": "FlyteWorkflow", "name": "f3a91c", "uid": "w1"}
METADATA = {
    "ownerReferences": [{**OWNER, "kind": "Other"}, {**OWNER, "controller": True}],
    "finalizers": ["flyte.org/finalizer-k8s"],
    "annotations": {"primary_container_name": "main", "large": "x" * 1000},
}


def owned(phase: str = "Pending", version: int = 1, **metadata: Any) -> OwnedPod:
    container = running() if phase == "Running" else waiting("ImagePullBackOff")
    made = pod(phase, container, version=version, labels={"execution-id": "f3a91c", "other": "x"}, metadata=METADATA)
    return msgspec.convert({**made, "metadata": {**made["metadata"], **metadata}}, OwnedPod)


def failed(number: int) -> Any:
    return EVENTS.one(msgspec.json.encode(event("Failed", "429 Too Many Requests", name=f"e{number}", age=5)))


def store(**limits: Any) -> PodStore:
    return PodStore(
        lambda: NOW,
        Limits(**limits),
        labels=("execution-id",),
        annotations=("primary_container_name",),
    )


def cached(kept: PodStore) -> PodSnapshot:
    (snapshot,) = kept.list_cached()
    return snapshot


def test_the_controller_and_the_finalizers_are_kept_and_what_nobody_reads_is_not() -> None:
    kept = store()
    kept.put(owned(), listed=True)
    state = cached(kept).pod
    assert isinstance(state, OwnedPod)
    assert controller(state) == OwnerReference(
        api_version="flyte.lyft.com/v1alpha1", kind="FlyteWorkflow", name="f3a91c", uid="w1", controller=True
    )
    assert state.metadata is not None
    assert len(state.metadata.owner_references or ()) == 1
    assert state.metadata.finalizers == ["flyte.org/finalizer-k8s"]
    assert state.metadata.labels == {"execution-id": "f3a91c"}
    assert state.metadata.annotations == {"primary_container_name": "main"}


def test_all_annotations_are_kept_where_nobody_says_which() -> None:
    kept = PodStore(lambda: NOW)
    kept.put(owned(), listed=True)
    metadata = cached(kept).pod.metadata
    assert metadata is not None
    assert metadata.annotations == METADATA["annotations"]


def test_the_strings_of_a_pods_identity_are_kept_once() -> None:
    kept = store()
    for version in (1, 2):
        kept.put(owned(version=version, uid="u1"), listed=False)
    entry = kept._by_uid["u1"]
    assert entry.pod.metadata is not None
    assert entry.pod.metadata.name is entry.key[1]
    assert entry.resource_version == "2"


def test_conditions_that_pods_share_are_kept_once() -> None:
    kept = store()
    kept.put(owned(name="a", uid="a"), listed=True)
    kept.put(owned(name="b", uid="b"), listed=True)
    first, second = (snapshot.pod.status for snapshot in kept.list_cached())
    assert first is not None
    assert second is not None
    assert first.conditions is not None
    assert second.conditions is not None
    assert first.conditions[0] is second.conditions[0]


def test_events_of_pods_that_run_are_dropped_where_they_are_not_wanted() -> None:
    for wanted in (True, False):
        kept = store(events_of_running=wanted)
        kept.put(owned(), listed=True)
        kept.events.put(failed(1), listed=False)
        assert len(cached(kept).events) == 1, "it does not run yet"
        kept.put(owned("Running", version=2), listed=False)
        kept.events.put(failed(2), listed=False)
        assert len(cached(kept).events) == (2 if wanted else 0)
