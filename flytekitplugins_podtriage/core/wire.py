"""Pods and Events as the API server sends them: only the fields that a decision reads.

Private to the core. Everything is optional and nullable, as Go's decoder takes it: an absent field, ``null`` and the
zero value mean the same (k8s.io/api/core/v1/types.go). What is not named here is skipped while decoding, which is most
of a pod. Field names are Kubernetes' own; ``rename="camel"`` does the spelling.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Optional

import msgspec

# Optional[...] rather than X | None throughout: msgspec evaluates the annotations at runtime, on Python 3.10 too.
Time = Annotated[datetime, msgspec.Meta(tz=True)]


class Waiting(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    reason: Optional[str] = None
    message: Optional[str] = None


class Running(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    started_at: Optional[Time] = None


class Terminated(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    exit_code: Optional[int] = None
    signal: Optional[int] = None
    reason: Optional[str] = None
    message: Optional[str] = None
    started_at: Optional[Time] = None
    finished_at: Optional[Time] = None


class State(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    waiting: Optional[Waiting] = None
    running: Optional[Running] = None
    terminated: Optional[Terminated] = None


class ContainerStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    name: Optional[str] = None
    ready: Optional[bool] = None
    started: Optional[bool] = None
    image: Optional[str] = None
    restart_count: Optional[int] = None
    state: Optional[State] = None
    last_state: Optional[State] = None


class Condition(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    type: Optional[str] = None
    status: Optional[str] = None
    reason: Optional[str] = None
    message: Optional[str] = None
    last_transition_time: Optional[Time] = None


class PodStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    phase: Optional[str] = None
    reason: Optional[str] = None
    message: Optional[str] = None
    start_time: Optional[Time] = None
    conditions: Optional[list[Condition]] = None
    init_container_statuses: Optional[list[ContainerStatus]] = None
    container_statuses: Optional[list[ContainerStatus]] = None
    ephemeral_container_statuses: Optional[list[ContainerStatus]] = None


class Container(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    name: Optional[str] = None
    image: Optional[str] = None
    restart_policy: Optional[str] = None


class PodSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    containers: Optional[list[Container]] = None
    init_containers: Optional[list[Container]] = None
    node_name: Optional[str] = None
    restart_policy: Optional[str] = None


class Metadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    name: Optional[str] = None
    namespace: Optional[str] = None
    uid: Optional[str] = None
    creation_timestamp: Optional[Time] = None
    deletion_timestamp: Optional[Time] = None
    deletion_grace_period_seconds: Optional[int] = None
    annotations: Optional[dict[str, str]] = None


class Pod(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    kind: Optional[str] = None
    metadata: Optional[Metadata] = None
    spec: Optional[PodSpec] = None
    status: Optional[PodStatus] = None


class ObjectReference(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    kind: Optional[str] = None
    name: Optional[str] = None
    namespace: Optional[str] = None
    uid: Optional[str] = None
    field_path: Optional[str] = None


class EventSeries(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    count: Optional[int] = None
    last_observed_time: Optional[Time] = None


class Event(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A core/v1 Event; ``note``, ``regarding`` and the ``deprecated_*`` fields are how events.k8s.io/v1 spells them."""

    kind: Optional[str] = None
    reason: Optional[str] = None
    message: Optional[str] = None
    note: Optional[str] = None
    type: Optional[str] = None
    count: Optional[int] = None
    involved_object: Optional[ObjectReference] = None
    regarding: Optional[ObjectReference] = None
    first_timestamp: Optional[Time] = None
    last_timestamp: Optional[Time] = None
    event_time: Optional[Time] = None
    deprecated_last_timestamp: Optional[Time] = None
    series: Optional[EventSeries] = None
