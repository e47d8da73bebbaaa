"""Pods as the two backends launch them, what was read beside them, and the loop that carries out plans at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import attrs
import msgspec

from flytekitplugins_podtriage.core.accounting import Counters, Limits
from flytekitplugins_podtriage.core.decode import read_events
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.guard.owned_pod import OwnedPod
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.values import Facts, TaskRecord
from flytekitplugins_podtriage.core.memory import Memory
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from tests import builders
from tests.builders import NOW, Object, waiting

EXECUTION: Final = "f3a91c"
FINALIZER: Final = "flyte.org/finalizer-k8s"
LIMITED: Final = (
    'failed to pull and unpack image "docker.io/library/nginx:1": unexpected status from HEAD request to '
    "https://registry-1.docker.io/v2/library/nginx/manifests/1: 429 Too Many Requests"
)
UNAVAILABLE: Final = (
    'failed to pull and unpack image "docker.io/library/nginx:1": unexpected status from HEAD request to '
    "https://registry-1.docker.io/v2/library/nginx/manifests/1: 503 Service Unavailable"
)
MISSING: Final = (
    'failed to pull and unpack image "docker.io/library/nginx:1": failed to resolve reference '
    '"docker.io/library/nginx:1": docker.io/library/nginx:1: not found'
)
GRACE: Final = 180.0


def policy(backend: str = "flyte-1.16", **settings: Any) -> GuardPolicy:
    """Return settings that act 5 s before a charge unless they say otherwise."""
    return GuardPolicy(**{"backend": backend, "margin": 5.0, "clock_skew": 0.0, **settings})


def back_off(message: str = LIMITED, **fields: Any) -> Object:
    """Return a container in ImagePullBackOff as kubelets from 1.32 on show it."""
    return waiting("ImagePullBackOff", f'Back-off pulling image "nginx": ErrImagePull: {message}', **fields)


def err_image_pull(message: str = LIMITED, **fields: Any) -> Object:
    """Return a container in ErrImagePull."""
    return waiting("ErrImagePull", message, **fields)


def owner(backend: str, **changes: Any) -> Object:
    """Return the controller of a pod."""
    made: Object = {"apiVersion": "flyte.lyft.com/v1alpha1", "kind": "FlyteWorkflow", "name": EXECUTION}
    if backend == "flyte-2":
        made = {"apiVersion": "flyte.org/v1", "kind": "TaskAction", "name": EXECUTION}
    return {**made, "uid": "uid-of-task", "controller": True, **changes}


def pod(
    phase: str = "Pending",
    *containers: Mapping[str, Any],
    backend: str = "flyte-1.16",
    age: float = 60,
    owners: Sequence[Mapping[str, Any]] | None = None,
    finalizers: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    **fields: Any,
) -> OwnedPod:
    """Return a pod of stock Flyte: one that was limited for ``age`` seconds, unless it is said otherwise."""
    own = {"flyte.org/managed": "true", "attempt": "1"} if backend == "flyte-2" else {"execution-id": EXECUTION}
    extra: Object = {
        "ownerReferences": [owner(backend)] if owners is None else list(owners),
        "creationTimestamp": builders.ago(age),
        "finalizers": list(finalizers),
        **(metadata or {}),
    }
    fields = {"name": f"{EXECUTION}-0" if backend == "flyte-2" else f"{EXECUTION}-n0-0", "version": 7, **fields}
    made = builders.pod(
        phase,
        *(containers or (back_off(),)),
        age=age,
        labels={**own, **(labels or {})},
        metadata=extra,
        **fields,
    )
    return msgspec.convert(made, OwnedPod)


def snapshot(of: OwnedPod, events: Sequence[Object] = (), memory: Memory | None = None, **fields: Any) -> PodSnapshot:
    """Return what the watch knows of a pod."""
    return PodSnapshot(of, tuple(read_events(events)), memory, **fields)


def record(backend: str = "flyte-1.16", **changes: Any) -> TaskRecord:
    """Return what the backend records of the task whose first attempt the pod is."""
    made: Object = {
        "execution": EXECUTION,
        "uid": "uid-of-task",
        "attempt": 0,
        "counters": Counters(),
        "limits": Limits(retries=2),
        "pod_names": frozenset({f"{EXECUTION}-0" if backend == "flyte-2" else f"{EXECUTION}-n0-0"}),
    }
    return TaskRecord(**{**made, **changes})


def facts(of: PodSnapshot | None, *, now: datetime = NOW, task: TaskRecord | None = None, **changes: Any) -> Facts:
    """Return what was read a moment ago: the pod, its task, a node that is Ready."""
    made: Object = {
        "snapshot": of,
        "freshness": Freshness.current(now),
        "task": task or record(),
        "node_ready": True,
    }
    return Facts(**{**made, **changes})


def after(seconds: float) -> datetime:
    """Return the moment so many seconds after ``NOW``."""
    return NOW + timedelta(seconds=seconds)


def with_status(of: OwnedPod, reason: str, message: str, version: str) -> OwnedPod:
    """Return a pod as the guard's STATUS leaves it."""
    assert of.status is not None
    assert of.metadata is not None
    status = msgspec.structs.replace(of.status, phase="Failed", reason=reason, message=message)
    return msgspec.structs.replace(
        of, status=status, metadata=msgspec.structs.replace(of.metadata, resource_version=version)
    )


evolve = attrs.evolve
replace = msgspec.structs.replace
