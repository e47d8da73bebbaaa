"""Responses of the connector, made of verdicts: messages for people, custom info for programs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import attrs
from flyteidl.admin import agent_pb2
from flyteidl.core.execution_pb2 import TaskLog
from flytekit.extend.backend.base_connector import Resource

from flytekitplugins_podtriage.core.model import ErrorKind, Phase, Verdict
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.core.rules.pod_rule import with_fix

_EVIDENCE: Final = 3
"""How many pieces of evidence go into the custom info: it is stored with every task execution."""


class PackedResource:
    """A flytekit ``Resource`` kept as the bytes of its message, for a response that is given many times.

    The parsed message takes several times the memory, and building it several times as long as parsing. Of what a
    connector's ``get`` returns flytekit's service calls only ``to_flyte_idl`` (extend/backend/connector_service.py).
    """

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def to_flyte_idl(self) -> agent_pb2.Resource:
        """Return flyteidl's ``Resource``."""
        return agent_pb2.Resource.FromString(self._data)


async def pack(resource: Resource) -> bytes:
    """Return the bytes of a resource's message."""
    data: bytes = (await resource.to_flyte_idl()).SerializeToString()
    return data


@attrs.frozen(slots=True)
class Response:
    """What the connector answers about an attempt."""

    resource: Resource
    verdict: Verdict | None = None
    """The verdict that it is made of."""
    settled: bool = False
    """Whether the end of the attempt is on record: the pod is no longer needed."""
    unconfirmed: bool = False
    """Whether the end of the attempt is due, and waits until its pod has been read."""

    @property
    def recheck_at(self) -> datetime | None:
        """When the response may change without a change of the pod; None: never."""
        return self.verdict.recheck_at if self.verdict is not None else None


def flytekit_resource(
    phase: int, text: str = "", info: dict[str, Any] | None = None, logs: Sequence[TaskLog] = (), outputs: Any = None
) -> Resource:
    """Return a response as flytekit's ``Resource``."""
    return Resource(
        phase=phase,
        message=text or None,
        log_links=list(logs) or None,
        custom_info={"podtriage": info} if info else None,
        outputs=outputs,
    )


def message(verdict: Verdict) -> str:
    """Return the message about an attempt that is not over; empty if nothing is wrong."""
    if verdict.kind is None or verdict.phase is Phase.RUNNING:
        return verdict.reason
    side = "platform-side" if verdict.kind is ErrorKind.SYSTEM else "user-side"
    until = f" until {verdict.recheck_at:%H:%M:%S %Z} at the latest" if verdict.recheck_at is not None else ""
    text = f"{verdict.reason} ({verdict.category}, {side}; held{until}, and nothing is charged meanwhile)"
    return with_fix(text, verdict.remedy)


def custom_info(
    verdict: Verdict, snapshot: PodSnapshot | None = None, charged: ErrorKind | None = None, why: str = ""
) -> dict[str, Any]:
    """Return a verdict as it is stored with the task execution; empty if nothing is wrong and the pod is unknown."""
    info: dict[str, Any] = {}
    if snapshot is not None and snapshot.pod.metadata is not None:
        info["pod"] = snapshot.pod.metadata.name or ""
        info["namespace"] = snapshot.pod.metadata.namespace or ""
    if verdict.kind is None and charged is None:
        return info
    if not verdict.phase.terminal:
        # The rest changes with each retry of the kubelet, and is in the message.
        info.update(kind=str(verdict.kind), category=str(verdict.category), rule=verdict.rule)
        if verdict.recheck_at is not None:
            info["recheck_at"] = verdict.recheck_at.isoformat()
        return info
    fields = {
        "kind": verdict.kind,
        "category": verdict.category,
        "rule": verdict.rule,
        "remedy": verdict.remedy,
        "container": verdict.container,
        "registry": verdict.registry,
        "image": verdict.image,
        "charged": charged,
        "why": why,
    }
    info.update({name: str(value) for name, value in fields.items() if value})
    if verdict.http_status is not None:
        info["http_status"] = verdict.http_status
    if verdict.evidence:
        info["evidence"] = [f"{one.source}: {one.text}" for one in verdict.evidence[:_EVIDENCE]]
    return info
