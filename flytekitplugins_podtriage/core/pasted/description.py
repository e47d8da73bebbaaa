"""``kubectl describe``, read back into the object that was described.

The layout is kubectl's (pkg/describe/describe.go: describePod, describeContainers, describeStatus, describeNode and the
generic describer): keys at the left, the containers' fields indented below their names, tables for conditions and
events. Of a pod also a part is read, such as its containers alone or the state of one, and a copy that has lost its
indentation, since every level has keys of its own. Environment variables, labels, annotations and mounts are values
that people choose: they are skipped, since none is evidence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.demystify import PRIMARY_CONTAINER
from flytekitplugins_podtriage.core.pasted.conditions import (
    Condition,
    is_wrong_for_node,
    read_condition_blocks,
    read_condition_row,
    read_taints,
)
from flytekitplugins_podtriage.core.pasted.described_pod import PHASES, DescribedContainer, build_pod

_KEY: Final = re.compile(r"^(\s*)([A-Za-z0-9][\w ./()-]{0,62}?):(?=\s|$)(.*)$")
_GROUPS: Final = {"Init Containers": "init", "Containers": "main", "Ephemeral Containers": "ephemeral"}
_STATES: Final = {"State": "State", "Last State": "Last State", "Last Termination State": "Last State"}
"""``Last Termination State`` is how kubectl before 1.2 spelled it."""
_STATE_NAMES: Final = frozenset({"Waiting", "Running", "Terminated"})
_STATE_FIELDS: Final = frozenset({"Reason", "Message", "Exit Code", "Signal", "Started", "Finished"})
_CONTAINER_FIELDS: Final = frozenset({"Image", "Ready", "Restart Count"})
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_CHOSEN: Final = frozenset(
    "Labels|Annotations|Command|Args|Environment|Environment Variables|Environment Variables from|Mounts|Volumes"
    "|Limits|Requests|Node-Selectors|Tolerations|Pod Template|Template|Spec|Metadata|Data|Non-terminated Pods"
    "|Allocated resources|Capacity|Allocatable|System Info|Addresses".split("|")
)
"""Keys whose deeper lines people choose, or that describe no state."""
_AFTER_STATE: Final = frozenset(
    "Limits|Requests|Environment|Environment Variables|Environment Variables from|Mounts"
    "|Liveness|Readiness|Startup".split("|")
)
_TOP: Final = frozenset({"Name", "Namespace", "Node", "Start Time", "Status", "Reason", "Message", "Annotations"})
_POD_ONLY: Final = frozenset({"QoS Class", "Node", "IP", "IPs", "Controlled By", "Tolerations"})
_NODE_KEYS: Final = frozenset({"Roles", "Unschedulable", "Allocatable", "System Info", "PodCIDR", "Lease"})
_OTHER_KEYS: Final = frozenset(
    "Pod Template|Pods Status|Pods Statuses|Replicas|Parallelism|Completions|StorageClass|Access Modes|Used By"
    "|Reclaim Policy|API Version|Kind|Spec|Metadata|Data|Endpoints|Rules|Selector|Schedule|Backoff Limit".split("|")
)
"""Keys of jobs, sets of pods, volumes, and of what the generic describer prints."""
_KNOWN_KEYS: Final = frozenset(
    "Namespace|Priority|Node|Start Time|Labels|Annotations|Status|IP|IPs|Controlled By|Init Containers|Containers"
    "|Ephemeral Containers|Conditions|Volumes|QoS Class|Events|Exit Code|Signal|Started|Finished|Last State|Ready"
    "|Restart Count|Limits|Requests|Liveness|Readiness|Startup|Environment|Environment Variables from|Mounts|Devices"
    "|Last Termination State".split("|")
)
"""Keys that end a message that runs on over several lines."""
_LONGEST_MESSAGE: Final = 400
"""Lines of one message: the kubelet keeps 80 lines of a container's log at most (pkg/kubelet/kuberuntime)."""


@attrs.frozen(kw_only=True)
class Description:
    """What a description says of its object."""

    pod: wire.Pod | None = None
    conditions: tuple[Condition, ...] = ()
    """Of an object that is no pod: those that are not as they should be."""
    taints: tuple[str, ...] = ()
    """Of a node: those that its controllers set."""
    is_node: bool = False
    is_other: bool = False
    """Whether the object is neither a pod nor a node."""


def read_description(lines: Sequence[str]) -> Description | None:
    """Return what a description says; None if the lines are none.

    Args:
        lines: the lines, normalized, without the table of events.
    """
    lines = _aligned(lines)
    keys = {match[2]: match[3].strip() for line in lines if (match := _KEY.match(line)) and not match[1]}
    if keys.keys() & _NODE_KEYS and not keys.keys() & _GROUPS.keys():
        conditions = tuple(one for one in _condition_rows(lines) if is_wrong_for_node(one))
        return Description(conditions=conditions, taints=tuple(read_taints(lines)), is_node=True)
    if keys.keys() & _OTHER_KEYS:
        return Description(conditions=_wrong_conditions(lines), is_other=True)
    reader = _PodReader()
    for line in lines:
        reader.read(line)
    if reader.is_pod:
        return Description(pod=reader.pod())
    conditions = _wrong_conditions(lines)
    return Description(conditions=conditions, is_other=True) if conditions else None


def _wrong_conditions(lines: Sequence[str]) -> tuple[Condition, ...]:
    return tuple(one for one in (*_condition_rows(lines), *read_condition_blocks(lines)) if one.wrong)


def _aligned(lines: Sequence[str]) -> list[str]:
    """Return the lines with their common indentation removed.

    The first line is not counted: a selection with the mouse often begins behind its indentation.
    """
    expanded = [line.expandtabs() for line in lines]
    indents = [len(line) - len(line.lstrip()) for line in expanded[1:] if line.strip()]
    common = min(indents, default=0)
    return [line[min(common, len(line) - len(line.lstrip())) :] for line in expanded]


def _condition_rows(lines: Sequence[str]) -> list[Condition]:
    rows: list[Condition] = []
    inside = False
    for line in lines:
        if (match := _KEY.match(line)) is not None:
            inside = match[2] == "Conditions" or (inside and bool(match[1]))
        elif inside and (row := read_condition_row(line)) is not None:
            rows.append(row)
    return rows


class _PodReader:
    """Reads the description of a pod line by line."""

    def __init__(self) -> None:
        self._top: dict[str, str] = {}
        self._groups: dict[str, list[DescribedContainer]] = {"init": [], "main": [], "ephemeral": []}
        self._conditions: list[wire.Condition] = []
        self._primary: str | None = None
        self._group = ""
        self._section = ""
        self._chosen: int | None = None
        """The indentation of a key whose deeper lines are skipped."""
        self._state: dict[str, str] | None = None
        """The fields of the state that is being read."""
        self._message_lines = 0
        self._message: dict[str, str] | None = None
        """The fields whose message may run on over the next lines: kubectl prints its line breaks as they are."""

    @property
    def is_pod(self) -> bool:
        """Whether the lines described a pod or a part of one."""
        if any(one.states for group in self._groups.values() for one in group):
            return True
        phase = self._top.get("Status", "").partition(" ")[0]
        return (phase in PHASES and not self._top.keys() <= {"Status", "Name"}) or (
            "Name" in self._top and bool(self._top.keys() & _POD_ONLY or any(self._groups.values()))
        )

    def pod(self) -> wire.Pod:
        """Return the pod that was described."""
        return build_pod(self._top, self._groups, self._conditions, self._primary)

    def read(self, line: str) -> None:
        """Read one line."""
        indent = len(line) - len(line.lstrip())
        if PRIMARY_CONTAINER in line:
            self._primary = line.rpartition(PRIMARY_CONTAINER)[2].strip(" :\t\"'") or None
        if self._section == "Conditions" and (row := read_condition_row(line)) is not None:
            self._conditions.append(wire.Condition(type=row.type, status=row.status))
            return
        match = _KEY.match(line)
        if self._message is not None and (match is None or match[2] not in _KNOWN_KEYS):
            if line.strip() and self._message_lines < _LONGEST_MESSAGE:
                self._message["Message"] += f"\n{line.strip()}"
                self._message_lines += 1
            return
        self._message, self._message_lines = None, 0
        if match is None or (self._chosen is not None and indent > self._chosen):
            return
        self._chosen = None
        self._read_key(match[2], match[3].strip(), indent)

    def _read_key(self, key: str, value: str, indent: int) -> None:
        container = self._container()
        if key in _GROUPS and not value:
            self._group, self._section, self._state = _GROUPS[key], key, None
        elif key in _STATES and value.partition(" ")[0] in _STATE_NAMES and not (container and container.closed):
            container = container or self._add("")
            container.indent = indent if container.indent is None else container.indent
            self._state = container.states.setdefault(_STATES[key], {"State": value.partition(" ")[0]})
        elif key in _STATE_FIELDS and self._state is not None:
            self._state.setdefault(key, value)
            if key == "Message":
                self._message = self._state
        elif key in _CHOSEN or key in _AFTER_STATE:
            self._chosen, self._state = indent, None
            if container is not None and key in _AFTER_STATE and container.states:
                container.closed = True
            if key in _TOP and not self._group:
                self._top.setdefault(key, value)
        elif self._group and not value and _NAME.fullmatch(key) and (container is None or indent <= container.depth):
            self._add(key).depth = indent
            self._state = None
        elif container is not None and key in _CONTAINER_FIELDS:
            if container.indent is None or indent <= container.indent:
                container.fields.setdefault(key, value)
            self._state = None
        elif indent == 0 and key[:1].isupper():
            self._read_top(key, value)
        else:
            self._state = None

    def _read_top(self, key: str, value: str) -> None:
        self._section, self._state = key, None
        if key in ("Conditions", "Volumes", "QoS Class", "Events"):
            self._group = ""
        self._top.setdefault(key, value)
        if key == "Message" and not self._group:
            self._message = self._top

    def _container(self) -> DescribedContainer | None:
        containers = self._groups[self._group or "main"]
        return containers[-1] if containers else None

    def _add(self, name: str) -> DescribedContainer:
        container = DescribedContainer(name)
        self._groups[self._group or "main"].append(container)
        return container
