"""Parts of a pod in YAML or JSON, read by their indentation: the states of containers, the phase, the conditions.

People copy the lines that matter out of ``kubectl get pod -o yaml`` or ``-o json``: no parser takes these, since they
begin and end anywhere. The names of fields are those of k8s.io/api/core/v1 (PodStatus, ContainerStatus). What stands
below ``spec`` or ``metadata`` is skipped but for the pod's names: people choose it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.pasted.conditions import Condition, read_condition_blocks
from flytekitplugins_podtriage.core.pasted.described_pod import PHASES, DescribedContainer, build_pod
from flytekitplugins_podtriage.core.pasted.log_lines import unescape

SIGN: Final = re.compile(
    r"^[ \t]*(?:- )?\"?(?:state|lastState|phase|waiting|terminated|containerStatuses|initContainerStatuses)\"?:",
    re.MULTILINE,
)
"""What a text has if it is such a part."""
_ENTRY: Final = re.compile(r"^(\s*)((?:- )*)\"?([A-Za-z][\w./-]{0,62})\"?:(?=\s|$)(.*)$")
_STATES: Final = {"state": "State", "lastState": "Last State"}
_STATE_NAMES: Final = {"waiting": "Waiting", "running": "Running", "terminated": "Terminated"}
_FIELDS: Final = {
    "reason": "Reason",
    "message": "Message",
    "exitCode": "Exit Code",
    "startedAt": "Started",
    "finishedAt": "Finished",
}
_OF_CONTAINER: Final = {"restartCount": "Restart Count", "image": "Image", "ready": "Ready"}
_GROUPS: Final = {
    "containerStatuses": "main",
    "initContainerStatuses": "init",
    "ephemeralContainerStatuses": "ephemeral",
}
_SKIPPED: Final = frozenset({"spec", "env", "args", "command", "annotations", "labels", "managedFields", "volumes"})
_TYPE: Final = re.compile(r"[\s-]*type:")
_POD_CONDITIONS: Final = frozenset(
    "PodScheduled Initialized Ready ContainersReady DisruptionTarget PodReadyToStartContainers PodHasNetwork"
    " PodResizePending PodResizeInProgress".split()
)
"""k8s.io/api/core/v1, PodConditionType."""
_JSON_INDENT: Final = 4
"""How far the keys of an object are indented in JSON at most; those of an owner of it stand deeper."""
_BRACKETS: Final = ("", "{", "}", "[", "]")
_BLOCK: Final = re.compile(r"[|>][+-]?\d?")
_LONGEST_MESSAGE: Final = 32_768


@attrs.frozen(kw_only=True)
class Fragment:
    """What a part of an object tells."""

    pod: wire.Pod | None
    """None if it is a part of another object than a pod."""
    conditions: tuple[Condition, ...]
    reason: str
    message: str


def read_fragment(lines: Sequence[str]) -> Fragment | None:
    """Return what a part of a pod's YAML or JSON tells, or of another object's with a phase; None if it is neither.

    Args:
        lines: the lines, normalized.
    """
    reader = _Reader()
    for line in lines:
        reader.read(line)
    if not reader.has_status:
        return None
    conditions = read_condition_blocks(reader.condition_lines)
    pod = None
    if reader.is_pod:
        own = [
            wire.Condition(type=one.type, status=one.status, reason=one.reason or None, message=one.message or None)
            for one in conditions
        ]
        pod = build_pod(reader.top, reader.groups, own, None)
    return Fragment(
        pod=pod,
        conditions=tuple(conditions),
        reason=reader.top.get("Reason", ""),
        message=reader.top.get("Message", ""),
    )


class _Reader:
    """Reads such a part line by line; the stack holds the keys above the present line, with their indentation."""

    def __init__(self) -> None:
        self.top: dict[str, str] = {}
        self.groups: dict[str, list[DescribedContainer]] = {"init": [], "main": [], "ephemeral": []}
        self.condition_lines: list[str] = []
        self.kind = ""
        self._stack: list[tuple[int, str]] = []
        self._group = "main"
        self._container: DescribedContainer | None = None
        self._text: tuple[int, dict[str, str], str] | None = None
        """The text that goes on over the next lines: its key's indentation, and where it belongs."""

    @property
    def has_status(self) -> bool:
        """Whether the lines have the status of an object."""
        return self._has_states or self.top.get("Status") in PHASES

    @property
    def is_pod(self) -> bool:
        """Whether the object is a pod: by its kind, its containers, or the types of its conditions."""
        if self.kind:
            return self.kind == "Pod" or self.kind.endswith("List")
        types = {line.partition(":")[2].strip() for line in self.condition_lines if _TYPE.match(line)}
        return self._has_states or not types or not types.isdisjoint(_POD_CONDITIONS)

    @property
    def _has_states(self) -> bool:
        return any(one.states for group in self.groups.values() for one in group)

    def read(self, line: str) -> None:
        """Read one line."""
        entry = _ENTRY.match(line)
        indent = len(entry[1]) + len(entry[2]) if entry is not None else len(line) - len(line.lstrip())
        if self._text is not None and (indent > self._text[0] or not line.strip()):
            _, fields, key = self._text
            if len(fields[key]) < _LONGEST_MESSAGE:
                fields[key] = f"{fields[key]}\n{line.strip()}".strip()
            return
        self._text = None
        if entry is None:
            if line.strip() == "{" and self._stack and self._stack[-1][1] in _GROUPS:
                self._container = None  # the next object of a list in JSON
            elif self._stack and self._stack[-1][1] == "conditions" and line.strip()[:1] not in _BRACKETS:
                self.condition_lines.append(line.rstrip("'\""))  # a message that runs on
            return
        is_item = bool(entry[2])
        while self._stack and self._stack[-1][0] >= (len(entry[1]) + 1 if is_item else indent):
            self._stack.pop()
        key, value = entry[3], _scalar(entry[4])
        path = [name for _, name in self._stack]
        if key == "kind" and not path and not is_item and indent <= (_JSON_INDENT if '"' in line else 0):
            self.kind = self.kind or value
        if not any(name in _SKIPPED for name in path):
            if "conditions" in path:
                self.condition_lines.append("".join(line.rstrip(",").split('"')) if '"' in line else line)
            else:
                self._read_entry(path, key, value, indent, is_item=is_item)
        if not value or _BLOCK.fullmatch(value):
            self._stack.append((indent, key))

    def _read_entry(self, path: Sequence[str], key: str, value: str, indent: int, *, is_item: bool) -> None:
        parent = path[-1] if path else ""
        if key in _GROUPS:
            self._group, self._container = _GROUPS[key], None
        elif is_item and parent in _GROUPS:
            self._container = None
        if len(path) > 1 and path[-2] in _STATES and parent in _STATE_NAMES and key in _FIELDS:
            self._read_field(path[-2], parent, key, value, indent)
        elif parent in _STATE_NAMES and len(path) == 1 and key in _FIELDS:
            self._read_field("state", parent, key, value, indent)
        elif parent in _STATES and key in _STATE_NAMES:
            self._state(parent, key)
        elif key in _OF_CONTAINER and (parent in _GROUPS or self._container is not None):
            self._current(key).fields.setdefault(_OF_CONTAINER[key], value.capitalize() if key == "ready" else value)
        elif key == "name" and parent in _GROUPS:
            if self._container is not None and self._container.name:
                self._container = None
            self._current("").name = value
        elif parent in ("", "status", "metadata"):
            self._read_top(parent, key, value, indent)

    def _read_top(self, parent: str, key: str, value: str, indent: int) -> None:
        if key == "phase" and parent != "metadata":
            self.top.setdefault("Status", value)
        elif key in ("reason", "message") and parent != "metadata":
            self._put(self.top, _FIELDS[key], value, indent)
        elif key in ("name", "namespace") and parent == "metadata":
            self.top.setdefault(key.capitalize(), value)
        elif key == "startTime":
            self.top.setdefault("Start Time", value)

    def _current(self, key: str) -> DescribedContainer:
        """Return the container that is being read; a field that it has already begins the next one."""
        if self._container is None or (key in _OF_CONTAINER and _OF_CONTAINER[key] in self._container.fields):
            self._container = DescribedContainer("")
            self.groups[self._group].append(self._container)
        return self._container

    def _state(self, which: str, name: str) -> dict[str, str]:
        container = self._current("")
        fields = container.states.get(_STATES[which])
        if fields is None or fields["State"] != _STATE_NAMES[name]:
            if fields is not None:
                self._container = None
                container = self._current("")
            fields = container.states[_STATES[which]] = {"State": _STATE_NAMES[name]}
        return fields

    def _read_field(self, which: str, name: str, key: str, value: str, indent: int) -> None:
        fields = self._state(which, name)
        if _FIELDS[key] in fields:
            self._container = None
            fields = self._state(which, name)
        self._put(fields, _FIELDS[key], value, indent)

    def _put(self, fields: dict[str, str], key: str, value: str, indent: int) -> None:
        fields[key] = "" if _BLOCK.fullmatch(value) else value
        if key == "Message":
            self._text = (indent, fields, key)


def _scalar(text: str) -> str:
    """Return a plain, quoted or JSON value; empty for one that goes on in the next lines, or is empty itself."""
    text = text.strip().removesuffix(",")
    if text in ("{", "[", "{}", "[]", "null", "~"):
        return ""
    if len(text) > 1 and text[0] == text[-1] == '"':
        return unescape(text[1:-1])
    if len(text) > 1 and text[0] == text[-1] == "'":
        return "'".join(text[1:-1].split("''"))
    return text
