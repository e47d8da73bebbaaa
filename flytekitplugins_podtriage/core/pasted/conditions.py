"""Conditions of objects, as tables or as blocks, and the taints of nodes: what they say is wrong.

``kubectl describe`` prints the conditions of the kinds that it knows as a table (``Type Status Reason Message``, for a
node with two times between: pkg/describe/describe.go, describeNode, describeReplicaSet, describeDeployment), and those
of all other kinds as one block of fields for each, sorted by name (the generic describer); ``-o yaml`` has such blocks,
too. The type decides which status is the bad one (Kubernetes' API conventions, "Typical status properties").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import attrs

_ROW: Final = re.compile(r"^\s*([A-Z][A-Za-z0-9./-]{1,80})\s+(True|False|Unknown)(?:\s+(.*))?$")
_TIMES: Final = re.compile(
    r"^(?:(?:[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \S+|\d{4}-\d\d-\d\dT\S+)\s+){1,2}(\S+)\s*(.*)$"
)
_FIELD: Final = re.compile(r"^(\s*)(- )?([A-Za-z][A-Za-z ]{0,40}):(?=\s|$)(.*)$")
_FIELDS: Final = {
    "type": "type",
    "status": "status",
    "reason": "reason",
    "message": "message",
    **dict.fromkeys(("lasttransitiontime", "lastprobetime", "lastheartbeattime", "lastupdatetime"), "time"),
    "observedgeneration": "",
}
_WRONG_WHEN_TRUE: Final = re.compile(
    r"\w*(?:Fail(?:ed|ure|ureTarget)|DisruptionTarget|Evicted|Preempted|Degraded|Stalled|Error|Pressure|Unavailable"
    r"|Problem|Deadlock|Exhausted|Unhealthy|ReadonlyFilesystem|Deactivated|Corrupt\w*|Unschedulable)"
)
_LONGEST_MESSAGE: Final = 32_768
"""In characters: what the API server accepts (metav1.Condition)."""
_EXPECTED_OF_NODE: Final = frozenset({"Ready"})
_NODE_TAINT: Final = re.compile(r"\bnode\.(?:cloudprovider\.)?kubernetes\.io/[a-z-]{3,40}:(?:NoSchedule|NoExecute)")


@attrs.frozen(kw_only=True)
class Condition:
    """A condition of an object."""

    type: str
    status: str | None = None
    """None where the text ends before it."""
    reason: str = ""
    message: str = ""

    @property
    def wrong(self) -> bool:
        """Whether the object is not as it should be."""
        if _WRONG_WHEN_TRUE.fullmatch(self.type):
            return self.status != "False"
        return self.status != "True"


def is_wrong_for_node(condition: Condition) -> bool:
    """Whether a condition keeps pods from a node: it is not ready, or has any other condition that a node can have."""
    return condition.status != "True" if condition.type in _EXPECTED_OF_NODE else condition.status != "False"


def read_condition_row(line: str) -> Condition | None:
    """Return the condition in a row of a table; None if the line is no such row."""
    row = _ROW.match(line)
    if row is None:
        return None
    rest = (row[3] or "").strip()
    timed = _TIMES.match(rest)
    reason, message = (timed[1], timed[2]) if timed is not None else _reason_and_message(rest)
    return Condition(type=row[1], status=row[2], reason=reason, message=message)


def _reason_and_message(rest: str) -> tuple[str, str]:
    reason, _, message = rest.partition(" ")
    return (reason, message.strip()) if reason.isalnum() else ("", rest)


def read_node_rows(lines: Iterable[str]) -> list[Condition]:
    """Return the conditions of a node in some lines that keep pods from it; the table may lack what stands around it.

    A row of a node has two times between its status and its reason; no other object's has.
    """
    matches = [match for line in lines if (match := _ROW.match(line)) is not None and _TIMES.match(match[3] or "")]
    conditions = [row for match in matches if (row := read_condition_row(match[0])) is not None]
    return [one for one in conditions if is_wrong_for_node(one)]


def read_condition_blocks(lines: Iterable[str]) -> list[Condition]:
    """Return the conditions that stand in some lines as blocks of fields; nothing where there are none."""
    return [
        Condition(
            type=block.get("type", ""),
            status=block.get("status"),
            reason=block.get("reason", ""),
            message=block.get("message", ""),
        )
        for block in _blocks(lines)
        if ("time" in block or ("type" in block and "status" in block))
        and (block.get("reason") or block.get("message"))
    ]


def _blocks(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    block: dict[str, str] = {}
    last, depth, column = "", 0, 0
    for line in lines:
        match = _FIELD.match(line)
        name = _FIELDS.get("".join(match[3].split(" ")).lower()) if match is not None else None
        if match is None or name is None:
            indent = len(line) - len(line.lstrip())
            if last == "message" and line.strip() and (match is None or indent > depth):
                if len(block["message"]) < _LONGEST_MESSAGE:
                    block["message"] += f" {line.strip()}"  # a message that runs on
            elif match is not None and block and match[4] and not match[2] and len(match[1]) == column:
                last = ""  # a field that only some kinds have, such as Volcano's transitionID
            elif line.strip():
                yield block
                block, last = {}, ""
            continue
        if (match[2] and block) or (name in block and name not in ("", "time")):
            yield block
            block = {}
        if match[2] and name == "time" and "time" in block:
            yield block
            block = {}
        if name == "time" and "message" in block:
            yield block  # fields are sorted by name: the time begins the next one
            block = {}
        last, depth = name, len(match[1])
        column = depth + len(match[2] or "")
        block[name] = match[4].strip().strip("'\"")
    yield block


def read_taints(lines: Sequence[str]) -> list[str]:
    """Return the taints of a node that its controllers set because something is wrong with it.

    pkg/controller/nodelifecycle and the cloud providers' controllers; the taint of a cordoned node is a person's.
    """
    return [
        taint
        for line in lines
        for taint in _NODE_TAINT.findall(line)
        if "/unschedulable:" not in taint and "/uninitialized:" not in taint
    ]
