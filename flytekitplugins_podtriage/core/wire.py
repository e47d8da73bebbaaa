"""Pods and Events as the API server sends them: only the fields that a decision reads.

Every field is optional and nullable, as for Go's decoder: an absent field, ``null`` and the zero value mean the same
(k8s.io/api/core/v1/types.go). All other fields, most of a pod, are skipped while decoding. Field names are Kubernetes'
own; ``rename="camel"`` does the spelling.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

Time = Annotated[datetime, msgspec.Meta(tz=True)]
evolve = msgspec.structs.replace
"""Return a copy of a struct with some of its fields changed, as ``attrs.evolve`` does for public values."""


class Waiting(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    reason: str | None = None
    message: str | None = None


class Running(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    started_at: Time | None = None


class Terminated(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    exit_code: int | None = None
    reason: str | None = None
    message: str | None = None
    started_at: Time | None = None
    finished_at: Time | None = None


class State(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    name: str | None = None
    ready: bool | None = None
    started: bool | None = None
    image: str | None = None
    restart_count: int | None = None
    state: State | None = None
    last_state: State | None = None


class Condition(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    type: str | None = None
    status: str | None = None
    reason: str | None = None
    message: str | None = None
    last_transition_time: Time | None = None


class PodStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    phase: str | None = None
    reason: str | None = None
    message: str | None = None
    start_time: Time | None = None
    conditions: list[Condition] | None = None
    init_container_statuses: list[ContainerStatus] | None = None
    container_statuses: list[ContainerStatus] | None = None
    ephemeral_container_statuses: list[ContainerStatus] | None = None


class Container(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    name: str | None = None
    image: str | None = None
    restart_policy: str | None = None


class PodSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    containers: list[Container] | None = None
    init_containers: list[Container] | None = None
    node_name: str | None = None
    restart_policy: str | None = None


class Metadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class Pod(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    kind: str | None = None
    metadata: Metadata | None = None
    spec: PodSpec | None = None
    status: PodStatus | None = None


class ObjectReference(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    kind: str | None = None
    name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    field_path: str | None = None


class EventSeries(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    count: int | None = None
    last_observed_time: Time | None = None


class Event(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A core/v1 Event; ``note``, ``regarding`` and the ``deprecated_*`` fields are how events.k8s.io/v1 spells them."""

    kind: str | None = None
    reason: str | None = None
    message: str | None = None
    note: str | None = None
    type: str | None = None
    count: int | None = None
    involved_object: ObjectReference | None = None
    regarding: ObjectReference | None = None
    first_timestamp: Time | None = None
    last_timestamp: Time | None = None
    event_time: Time | None = None
    deprecated_last_timestamp: Time | None = None
    series: EventSeries | None = None
