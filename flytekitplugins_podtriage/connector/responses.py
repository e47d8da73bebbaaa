"""What a connector answers with, made of a verdict: messages for people, custom info for programs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import attrs
from flyteidl.admin import agent_pb2
from flyteidl.core.execution_pb2 import TaskLog
from flytekit.extend.backend.base_connector import Resource

from flytekitplugins_podtriage.connector import idl
from flytekitplugins_podtriage.core.model import ErrorKind, Phase, Verdict
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.core.rules.pod_rule import with_fix

_FIELDS: Final = frozenset({"phase", "message", "log_links", "outputs", "custom_info"})
_EVIDENCE: Final = 3
"""How many pieces of evidence go into the custom info: it is stored with every task execution."""


class PackedResource(Resource):
    """A resource that is kept as the bytes of its message: an answer that is given again and again, for many pods.

    A parsed message takes several times the memory, and building one several times the time of parsing.
    """

    def __init__(self, data: bytes) -> None:
        self.__dict__["_data"] = data

    async def to_flyte_idl(self) -> Any:
        """Return it as flyteidl's ``Resource``."""
        return agent_pb2.Resource.FromString(self.__dict__["_data"])

    def __getattribute__(self, name: str) -> Any:
        if name in _FIELDS:
            found = Resource.from_flyte_idl(agent_pb2.Resource.FromString(self.__dict__["_data"]))
            return getattr(found, name)
        return super().__getattribute__(name)


async def pack(told: Resource) -> bytes:
    """Return the bytes of a resource's message."""
    data: bytes = (await told.to_flyte_idl()).SerializeToString()
    return data


@attrs.frozen(slots=True)
class Told:
    """An answer."""

    resource: Resource
    verdict: Verdict | None = None
    """What it rests on."""
    settled: bool = False
    """Whether the end of the attempt is on record: the pod is no longer needed."""

    @property
    def recheck_at(self) -> datetime | None:
        """When the answer may change by time alone; None: never."""
        return self.verdict.recheck_at if self.verdict is not None else None


def resource(
    phase: int, text: str = "", info: dict[str, Any] | None = None, logs: Sequence[TaskLog] = (), outputs: Any = None
) -> Resource:
    """Return an answer as flytekit has it."""
    return Resource(
        phase=phase,
        message=text or None,
        log_links=list(logs) or None,
        custom_info={"podtriage": info} if info else None,
        outputs=outputs,
    )


def running(verdict: Verdict) -> int:
    """Return the phase of a verdict that is no end."""
    # flytepropeller hands no message on with RUNNING (webapi/connector/plugin.go, Status): a pod that runs and of which
    # something has to be said is still told as running, since its container is.
    return idl.phase(verdict.phase)


def message(verdict: Verdict) -> str:
    """Return what a person reads of a pod that is not over: nothing where all is well."""
    if verdict.kind is None:
        return verdict.reason
    whose = "the platform's doing" if verdict.kind is ErrorKind.SYSTEM else "the task's doing"
    if verdict.phase is Phase.RUNNING:
        return verdict.reason
    until = f", until {_clock(verdict.recheck_at)} at the latest" if verdict.recheck_at is not None else ""
    said = f"{verdict.reason} ({verdict.category}, {whose}; nothing is charged while it is tried again{until})"
    return with_fix(said, verdict.remedy)


def custom_info(
    verdict: Verdict, snapshot: PodSnapshot | None = None, charged: ErrorKind | None = None, why: str = ""
) -> dict[str, Any]:
    """Return a verdict as it is stored with the task execution; empty where nothing is wrong and nothing is known."""
    info: dict[str, Any] = {}
    if snapshot is not None and snapshot.pod.metadata is not None:
        info["pod"] = snapshot.pod.metadata.name or ""
        info["namespace"] = snapshot.pod.metadata.namespace or ""
    if verdict.kind is None and charged is None:
        return info
    if not verdict.phase.terminal:
        # It changes with every look of the kubelet's, and the message says the rest.
        info.update(kind=str(verdict.kind), category=str(verdict.category), rule=verdict.rule)
        if verdict.recheck_at is not None:
            info["recheck_at"] = verdict.recheck_at.isoformat()
        return info
    told = {
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
    info.update({name: str(value) for name, value in told.items() if value})
    if verdict.http_status is not None:
        info["http_status"] = verdict.http_status
    if verdict.evidence:
        info["evidence"] = [f"{one.source}: {one.text}" for one in verdict.evidence[:_EVIDENCE]]
    return info


def _clock(at: datetime | None) -> str:
    return at.strftime("%H:%M:%S %Z") if at is not None else ""
