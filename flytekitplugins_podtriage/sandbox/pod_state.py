"""One pod of the sandbox: what its manifest asks for, how far it has come, and what the API server shows of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.memory import Memory
from flytekitplugins_podtriage.sandbox.event_recorder import EventRecorder

TASK: Final = "podtriage.flyte.org/task"
"""Annotation: the name of the pod's task; by default its primary container's ``FLYTE_INTERNAL_TASK_NAME``."""
ATTEMPT: Final = "podtriage.flyte.org/attempt"
"""Annotation: the attempt, from 0; by default ``FLYTE_ATTEMPT_NUMBER``, or the last number in the pod's name."""

_GRACE: Final = 30
"""The default ``terminationGracePeriodSeconds``."""
_UID_PREFIX: Final = "7c8e3a52-5f0e-4b46-9a5c-"
"""Uids are the same in every run: this, and the pod's sequence number."""
_LAST_NUMBER: Final = re.compile(r"-(\d{1,9})$")


@attrs.frozen(slots=True)
class BodyEnd:
    """How a body ended."""

    exit_code: int
    message: str | None = None
    """The container's termination message, if any."""
    reason: str | None = None
    """Replaces ``Completed`` or ``Error``."""


@attrs.define(slots=True, eq=False)
class Container:
    """One container, as its runtime and kubelet know it."""

    name: str
    image: str
    pull_policy: str
    path: str
    """How events refer to it."""
    init: bool = False
    native: bool = False
    """Whether it is a native sidecar: an init container with ``restartPolicy: Always``."""
    primary: bool = False
    waiting: wire.State | None = None
    """The result of the last sync that tried to start it."""
    running: wire.State | None = None
    ended: wire.State | None = None
    ended_at: int = 0
    on_term: int | None = None
    """The exit code of its process on SIGTERM; None if it ignores SIGTERM."""
    last: wire.State | None = None
    restarts: int = 0
    run: int = 0
    """The number of its present run; an end that was scheduled for an earlier run is ignored."""
    crash_wait: int = 0
    crashed: bool = False
    """Whether it is waiting to be restarted."""
    present: bool = False
    """Whether its image is on the node."""
    creations: int = 0
    """How often the kubelet has tried to create it."""
    not_started: bool = False
    """Whether its last run failed to start and is retried."""
    shown: wire.ContainerStatus | None = None

    @property
    def exit_code(self) -> int | None:
        """Its exit code, once it has ended."""
        return self.ended.terminated.exit_code if self.ended and self.ended.terminated else None

    @property
    def ready_for_next(self) -> bool:
        """Whether the init containers after it may start."""
        return self.running is not None if self.native else self.exit_code == 0


@attrs.frozen(slots=True)
class FailedPull:
    """The last pull of an image, which failed or is about to fail."""

    error: str
    retry_at: int = 0
    """In milliseconds of the run; until then the kubelet backs off."""
    backoff: int = 0
    """The present back-off, in milliseconds."""
    state: wire.State | None = None
    """The state of the containers that wait for the next pull."""


@attrs.frozen(slots=True)
class Ending:
    """Why a pod is being terminated; without a reason it is only being deleted."""

    reason: str | None = None
    message: str | None = None
    disruption: wire.Condition | None = None


@attrs.define(slots=True, eq=False)
class Progress:
    """How far a pod has come; every pod starts with these values."""

    phase: str = "Pending"
    start_time: datetime | None = None
    version: int = 0
    """Incremented with every visible change."""
    delivered: int = 0
    """The version that a caller has received last."""
    memory: Memory | None = None
    syncs: int = 0
    """How many syncs have been completed."""
    sync_token: int = 0
    """Identifies the latest scheduled sync; earlier ones are dropped."""
    published: wire.PodStatus | None = None
    """The status that the kubelet wrote last."""
    published_from: tuple[object, ...] = ()
    """What that status was built from."""
    conditions_from: list[object] | None = None
    """What the conditions were built from; None if somebody else has changed them since."""
    send: Callable[[PodRecord, wire.PodStatus, datetime], None] | None = None
    """How the kubelet writes its status, if not immediately."""
    outgoing: wire.PodStatus | None = None
    """The status that the kubelet has yet to write."""
    created_at: int = 0
    """In milliseconds of the run."""
    prepared: bool = False
    """Whether its volumes are mounted and its sandbox is created."""
    mounts: int = 0
    """How often mounting its volumes has failed."""
    awaited: bool = False
    """Whether anybody has waited for it yet."""
    replayed: bool = False
    """Whether it replays a recording."""
    cut_off: bool = False
    """Whether its node is unreachable."""
    busy: bool = False
    """Whether a sync is in progress."""
    sync_again: bool = False
    """Whether another sync is due after that."""
    foreign_status: wire.PodStatus | None = None
    """The status with which another client than the kubelet had failed it before it was deleted."""
    ending: Ending | None = None
    stopping_sidecars: bool = False
    """Whether its native sidecars are being stopped because all else has ended."""
    over: bool = False
    """Whether its final status has been written."""
    removed: bool = False
    """Whether it is deleted but for its finalizers."""
    gone: bool = False


class PodRecord(Progress):
    """One pod. It has slots, since there may be thousands."""

    __slots__ = (
        "attempt",
        "conditions",
        "containers",
        "deadline",
        "events",
        "failed_pulls",
        "finalizers",
        "gated",
        "grace",
        "in_status_order",
        "inits",
        "labels",
        "mains",
        "manifest",
        "metadata",
        "name",
        "namespace",
        "order",
        "pod",
        "restart_policy",
        "spec",
        "task",
        "toleration",
        "uid",
        "unremembered",
    )

    def __init__(self, namespace: str, name: str, manifest: Mapping[str, Any], order: int, now: datetime) -> None:
        super().__init__()
        metadata, spec = manifest.get("metadata") or {}, manifest["spec"]
        self.namespace, self.name, self.manifest, self.order = namespace, name, manifest, order
        self.uid = f"{_UID_PREFIX}{order:012x}"
        self.labels: dict[str, str] = dict(metadata.get("labels") or {})
        self.finalizers = bool(metadata.get("finalizers"))
        annotations: dict[str, str] = dict(metadata.get("annotations") or {})
        self.restart_policy = str(spec.get("restartPolicy") or "Always")
        grace = spec.get("terminationGracePeriodSeconds")
        self.grace = _GRACE if grace is None else int(grace)
        deadline = spec.get("activeDeadlineSeconds")
        self.deadline = None if deadline is None else int(deadline)
        self.gated = bool(spec.get("schedulingGates"))
        primary = annotations.get("primary_container_name") or spec["containers"][0]["name"]
        self.inits = [_container(item, "init", primary) for item in spec.get("initContainers") or ()]
        self.mains = [_container(item, "main", primary) for item in spec["containers"]]
        self.containers = self.inits + self.mains
        self.in_status_order = self.inits + sorted(self.mains, key=lambda container: container.name)
        self.task, self.attempt = _flyte(name, annotations, spec, primary)
        self.toleration = _toleration(spec)
        self.metadata = wire.Metadata(
            name=name,
            namespace=namespace,
            uid=self.uid,
            creation_timestamp=now,
            annotations=annotations or None,
        )
        self.spec = wire.PodSpec(
            containers=[_declared(item) for item in spec["containers"]],
            init_containers=[_declared(item) for item in spec.get("initContainers") or ()] or None,
            restart_policy=self.restart_policy,
        )
        self.conditions: dict[str, wire.Condition] = {}
        self.events = EventRecorder(namespace, name, self.uid)
        self.failed_pulls: dict[str, FailedPull] = {}
        """By image."""
        self.pod = wire.Pod(kind="Pod", metadata=self.metadata, spec=self.spec, status=wire.PodStatus(phase="Pending"))
        self.unremembered: list[tuple[wire.Pod, datetime]] = []
        """States that are not in its memory yet."""

    @property
    def status(self) -> wire.PodStatus:
        """Its present status."""
        status = self.pod.status
        assert status is not None
        return status

    @property
    def deleting(self) -> bool:
        """Whether it is being deleted."""
        return self.metadata.deletion_timestamp is not None

    def write(self, status: wire.PodStatus, now: datetime) -> None:
        """Store a status, if it differs from the present one."""
        known = self.pod.status
        if status == known:
            return
        self.pod = wire.Pod(kind="Pod", metadata=self.metadata, spec=self.spec, status=status)
        self.version += 1
        if known is None or (
            status.container_statuses != known.container_statuses
            or status.init_container_statuses != known.init_container_statuses
        ):
            self.unremembered.append((self.pod, now))

    def show(self, pod: wire.Pod, now: datetime) -> None:
        """Store a whole recorded pod."""
        self.pod = pod
        self.version += 1
        self.unremembered.append((pod, now))

    def touch(self) -> None:
        """Publish changed metadata or a changed spec."""
        self.pod = wire.Pod(kind="Pod", metadata=self.metadata, spec=self.spec, status=self.pod.status)
        self.version += 1

    def delete(self, now: datetime, grace: int) -> None:
        """Mark it as being deleted; a shorter grace period replaces an earlier one."""
        known = self.metadata.deletion_grace_period_seconds
        if known is not None and known <= grace:
            return
        self.metadata = wire.evolve(
            self.metadata,
            deletion_timestamp=now + timedelta(seconds=grace),
            deletion_grace_period_seconds=grace,
        )
        self.touch()

    def condition(
        self, kind: str, status: str, now: datetime, reason: str | None = None, message: str | None = None
    ) -> None:
        """Set a condition; its transition time changes only with its status."""
        known = self.conditions.get(kind)
        if known is not None and known.status == status:
            if known.reason == reason and known.message == message:
                return
            now = known.last_transition_time or now
        self.conditions_from = None
        self.conditions[kind] = wire.Condition(
            type=kind, status=status, reason=reason, message=message, last_transition_time=now
        )


def _container(item: Mapping[str, Any], group: str, primary: str) -> Container:
    image, init = str(item["image"]), group == "init"
    name = str(item["name"])
    latest = "@" not in image and (":" not in image.rsplit("/", 1)[-1] or image.endswith(":latest"))
    return Container(
        name=name,
        image=image,
        pull_policy=str(item.get("imagePullPolicy") or ("Always" if latest else "IfNotPresent")),
        path=f"spec.{'initContainers' if init else 'containers'}{{{name}}}",
        init=init,
        native=init and item.get("restartPolicy") == "Always",
        primary=not init and name == primary,
    )


def _declared(item: Mapping[str, Any]) -> wire.Container:
    return wire.Container(name=item["name"], image=item["image"], restart_policy=item.get("restartPolicy"))


def _flyte(name: str, annotations: Mapping[str, str], spec: Mapping[str, Any], primary: str) -> tuple[str, int | None]:
    """Return the pod's task and attempt, as far as they are known."""
    variables: dict[str, str] = {}
    for item in spec["containers"]:
        if item["name"] == primary:
            variables = {entry["name"]: str(entry.get("value") or "") for entry in item.get("env") or ()}
    task = annotations.get(TASK) or variables.get("FLYTE_INTERNAL_TASK_NAME") or ""
    number = annotations.get(ATTEMPT) or variables.get("FLYTE_ATTEMPT_NUMBER") or ""
    if not (number.isascii() and number.isdigit()):
        match = _LAST_NUMBER.search(name)
        number = match[1] if match else ""
    return task, int(number) if number else None


def _toleration(spec: Mapping[str, Any]) -> int:
    """Return how many seconds the pod stays on an unreachable node (DefaultTolerationSeconds)."""
    for item in spec.get("tolerations") or ():
        if item.get("key") == "node.kubernetes.io/unreachable":
            return int(item.get("tolerationSeconds") or 0)
    return 300
