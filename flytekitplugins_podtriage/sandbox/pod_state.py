"""One pod of the sandbox: what its manifest asks for, how far it has come, and what the API server shows of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import attrs
import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.memory import Memory
from flytekitplugins_podtriage.sandbox.event_recorder import Events

TASK: Final = "podtriage.flyte.org/task"
"""Annotation: the name of the pod's task. Else its primary container's ``FLYTE_INTERNAL_TASK_NAME`` tells."""
ATTEMPT: Final = "podtriage.flyte.org/attempt"
"""Annotation: the attempt, the first being 0. Else ``FLYTE_ATTEMPT_NUMBER`` tells, or the name's last number."""

_GRACE: Final = 30
"""``terminationGracePeriodSeconds`` of a pod that says nothing, in seconds."""
_UIDS: Final = "7c8e3a52-5f0e-4b46-9a5c-"
"""What uids begin with; the same in every run, as their ends are."""
_LAST_NUMBER: Final = re.compile(r"-(\d{1,9})$")


@attrs.frozen(slots=True)
class BodyEnd:
    """How a body ended."""

    exit_code: int
    message: str | None = None
    """The container's termination message, if it left one."""
    reason: str | None = None
    """Instead of ``Completed`` or ``Error``."""


@attrs.define(slots=True, eq=False)
class Container:
    """One container, as its runtime and kubelet know it."""

    name: str
    image: str
    pull_policy: str
    path: str
    """How events name it."""
    init: bool = False
    native: bool = False
    """Whether it is a sidecar among the init containers (``restartPolicy: Always``)."""
    primary: bool = False
    waiting: wire.State | None = None
    """What came of the last sync that tried to start it."""
    running: wire.State | None = None
    ended: wire.State | None = None
    ended_at: int = 0
    on_term: int | None = None
    """The code with which its process ends on SIGTERM; None: it does not heed it."""
    last: wire.State | None = None
    restarts: int = 0
    run: int = 0
    """Which of its runs this is: an end that was planned for an earlier one does not count."""
    crash_wait: int = 0
    crashed: bool = False
    """Whether it waits to be started again."""
    present: bool = False
    """Whether its image is on the node."""
    creations: int = 0
    """How often it was tried to create it."""
    not_started: bool = False
    """Whether its last run did not even begin, and it is to be tried again."""
    shown: wire.ContainerStatus | None = None

    @property
    def exit_code(self) -> int | None:
        """The code that it has ended with, if it has."""
        return self.ended.terminated.exit_code if self.ended and self.ended.terminated else None

    @property
    def ready_for_next(self) -> bool:
        """Whether the init containers after it may start."""
        return self.running is not None if self.native else self.exit_code == 0


@attrs.frozen(slots=True)
class Ending:
    """How a pod is being brought to its end."""

    reason: str | None = None
    message: str | None = None
    disruption: wire.Condition | None = None


@attrs.define(slots=True, eq=False)
class Progress:
    """How far a pod has come; what every pod begins with."""

    phase: str = "Pending"
    start_time: datetime | None = None
    version: int = 0
    """Grows whenever anything seen of it changes."""
    delivered: int = 0
    """The version that was looked at last."""
    memory: Memory | None = None
    rounds: int = 0
    """How many syncs of it there were."""
    sync_token: int = 0
    """Which of the planned syncs counts."""
    published: wire.PodStatus | None = None
    """What its kubelet wrote last."""
    published_of: tuple[object, ...] = ()
    """From what it made that."""
    conditions_of: list[object] | None = None
    """From what its conditions were made; None if another than its kubelet has changed them since."""
    send: Callable[[Record, wire.PodStatus, datetime], bool] | None = None
    """What its kubelet writes its status with, if not at once."""
    outgoing: wire.PodStatus | None = None
    """What its kubelet has to write still."""
    created_at: int = 0
    """In milliseconds of the run."""
    prepared: bool = False
    """Whether volumes and sandbox are there."""
    mounts: int = 0
    """How often its volumes could not be mounted."""
    greeted: bool = False
    """Whether somebody has waited for it yet."""
    replayed: bool = False
    """Whether it is a recording."""
    cut_off: bool = False
    """Whether its node's kubelet is no longer heard of."""
    busy: bool = False
    """Whether its worker is at it."""
    again: bool = False
    """Whether its worker has to begin again then."""
    failed_by_another: wire.PodStatus | None = None
    """The status by which another client than its kubelet had failed it when it was deleted."""
    ending: Ending | None = None
    winding: bool = False
    """Whether its sidecars are being stopped, since all else has ended."""
    over: bool = False
    """Whether its end has been written."""
    removed: bool = False
    """Whether only a finalizer keeps it."""
    gone: bool = False


class Record(Progress):
    """One pod. Slots: the sandbox looks at little else, and there may be thousands."""

    __slots__ = (
        "attempt",
        "by_name",
        "conditions",
        "containers",
        "deadline",
        "events",
        "finalizers",
        "gated",
        "grace",
        "inits",
        "labels",
        "mains",
        "manifest",
        "metadata",
        "name",
        "namespace",
        "order",
        "pod",
        "pull_waits",
        "restart_policy",
        "spec",
        "task",
        "toleration",
        "uid",
        "unseen",
    )

    def __init__(self, namespace: str, name: str, manifest: Mapping[str, Any], order: int, now: datetime) -> None:
        super().__init__()
        metadata, spec = manifest.get("metadata") or {}, manifest["spec"]
        self.namespace, self.name, self.manifest, self.order = namespace, name, manifest, order
        self.uid = f"{_UIDS}{order:012x}"
        self.labels: dict[str, str] = dict(metadata.get("labels") or {})
        self.finalizers = bool(metadata.get("finalizers"))
        annotations: dict[str, str] = dict(metadata.get("annotations") or {})
        self.restart_policy = str(spec.get("restartPolicy") or "Always")
        grace = spec.get("terminationGracePeriodSeconds")
        self.grace = _GRACE if grace is None else int(grace)
        deadline = spec.get("activeDeadlineSeconds")
        self.deadline = None if deadline is None else int(deadline)
        self.gated = bool(spec.get("schedulingGates"))
        wanted = annotations.get("primary_container_name") or spec["containers"][0]["name"]
        self.inits = [_container(item, "init", wanted) for item in spec.get("initContainers") or ()]
        self.mains = [_container(item, "main", wanted) for item in spec["containers"]]
        self.containers = self.inits + self.mains
        self.by_name = sorted(self.mains, key=lambda container: container.name)
        self.task, self.attempt = _flyte(name, annotations, spec, wanted)
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
        self.events = Events(namespace, name, self.uid)
        self.pull_waits: dict[str, tuple[int, int, str]] = {}
        """By image: not before when it is pulled again, the wait of it, and why it failed; in milliseconds."""
        self.pod = wire.Pod(kind="Pod", metadata=self.metadata, spec=self.spec, status=wire.PodStatus(phase="Pending"))
        self.unseen: list[tuple[wire.Pod, datetime]] = []
        """States that have not been folded into its memory."""

    @property
    def status(self) -> wire.PodStatus:
        """Its status, as last written."""
        status = self.pod.status
        assert status is not None
        return status

    @property
    def deleting(self) -> bool:
        """Whether its deletion has been asked for."""
        return self.metadata.deletion_timestamp is not None

    def write(self, status: wire.PodStatus, now: datetime) -> bool:
        """Take over a status; return whether it is another one."""
        known = self.pod.status
        if status == known:
            return False
        self.pod = wire.Pod(kind="Pod", metadata=self.metadata, spec=self.spec, status=status)
        self.version += 1
        if known is None or (
            status.container_statuses != known.container_statuses
            or status.init_container_statuses != known.init_container_statuses
        ):
            self.unseen.append((self.pod, now))
        return True

    def show(self, pod: wire.Pod, now: datetime) -> None:
        """Take over a whole pod that was recorded."""
        self.pod = pod
        self.version += 1
        self.unseen.append((pod, now))

    def touch(self) -> None:
        """Show changed metadata or a changed spec."""
        self.pod = wire.Pod(kind="Pod", metadata=self.metadata, spec=self.spec, status=self.pod.status)
        self.version += 1

    def delete(self, now: datetime, grace: int) -> None:
        """Write down that it is to be deleted; a shorter grace than before takes its place."""
        known = self.metadata.deletion_grace_period_seconds
        if known is not None and known <= grace:
            return
        self.metadata = msgspec.structs.replace(
            self.metadata,
            deletion_timestamp=now + timedelta(seconds=grace),
            deletion_grace_period_seconds=grace,
        )
        self.touch()

    def condition(
        self, kind: str, status: str, now: datetime, reason: str | None = None, said: str | None = None
    ) -> None:
        """Set a condition; the time of its transition is that of its status."""
        known = self.conditions.get(kind)
        if known is not None and known.status == status:
            if known.reason == reason and known.message == said:
                return
            now = known.last_transition_time or now
        self.conditions_of = None
        self.conditions[kind] = wire.Condition(
            type=kind, status=status, reason=reason, message=said, last_transition_time=now
        )


def _container(item: Mapping[str, Any], group: str, wanted: str) -> Container:
    image, init = str(item["image"]), group == "init"
    name = str(item["name"])
    latest = "@" not in image and (":" not in image.rsplit("/", 1)[-1] or image.endswith(":latest"))
    return Container(
        name,
        image,
        str(item.get("imagePullPolicy") or ("Always" if latest else "IfNotPresent")),
        f"spec.{'initContainers' if init else 'containers'}{{{name}}}",
        init=init,
        native=init and item.get("restartPolicy") == "Always",
        primary=not init and name == wanted,
    )


def _declared(item: Mapping[str, Any]) -> wire.Container:
    return wire.Container(name=item["name"], image=item["image"], restart_policy=item.get("restartPolicy"))


def _flyte(name: str, annotations: Mapping[str, str], spec: Mapping[str, Any], wanted: str) -> tuple[str, int | None]:
    """Return the pod's task and attempt, as far as it tells."""
    variables: dict[str, str] = {}
    for item in spec["containers"]:
        if item["name"] == wanted:
            variables = {entry["name"]: str(entry.get("value") or "") for entry in item.get("env") or ()}
    task = annotations.get(TASK) or variables.get("FLYTE_INTERNAL_TASK_NAME") or ""
    number = annotations.get(ATTEMPT) or variables.get("FLYTE_ATTEMPT_NUMBER") or ""
    if not (number.isascii() and number.isdigit()):
        found = _LAST_NUMBER.search(name)
        number = found[1] if found else ""
    return task, int(number) if number else None


def _toleration(spec: Mapping[str, Any]) -> int:
    """Return for how long the pod stays on a node that is unreachable, in seconds (DefaultTolerationSeconds)."""
    for item in spec.get("tolerations") or ():
        if item.get("key") == "node.kubernetes.io/unreachable":
            return int(item.get("tolerationSeconds") or 0)
    return 300
