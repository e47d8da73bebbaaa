"""What a TaskAction records of the task whose attempt a pod is (Flyte 2).

The resource is taskactions.flyte.org/v1, as the executor of 6fadb90 writes it (executor/api/v1/taskaction_types.go,
executor/pkg/controller/taskaction_controller.go).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import attrs
import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.accounting import Counters, Limits
from flytekitplugins_podtriage.core.decode import DECODING_ERRORS, decoding_problem
from flytekitplugins_podtriage.core.events import observed_at
from flytekitplugins_podtriage.core.guard.pod_names import task_action_pod_name
from flytekitplugins_podtriage.core.guard.task_template import template_retries
from flytekitplugins_podtriage.core.guard.values import TaskRecord

_TERMINATION: Final = ("flyte.org/termination-status", "terminated")
_TERMINAL: Final = ("Succeeded", "Failed")
"""Conditions; an aborted action has Failed with the reason Aborted."""
_LAUNCHED: Final = "Queued"
_CONDITION: Final = "condition"
"""An action that waits for a signal, and has no pod."""
_LAUNCH_ERROR: Final = ("FailedPluginHandle", "failed to create resource")
"""Reason and words of the Event about a pod that cannot be created. Failures of pods have the reason too."""


class _Spec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    action_type: str | None = None
    task_template: str | None = None


class _Phase(msgspec.Struct, frozen=True, gc=False):
    phase: str | None = None


class _Status(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    attempts: int | None = None
    system_failures: int | None = None
    conditions: list[wire.Condition] | None = None
    phase_history: list[_Phase] | None = None


class _TaskAction(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    kind: str | None = None
    metadata: wire.Metadata | None = None
    spec: _Spec | None = None
    status: _Status | None = None


_DECODER: Final = msgspec.json.Decoder(_TaskAction)


def task_record(resource: bytes, pod: wire.Pod, limits: Limits) -> TaskRecord | str:
    """Return what a TaskAction records of the task of a pod.

    Args:
        resource: the TaskAction as the API server sends it.
        pod: one of its pods.
        limits: the executor's, and the retries where the action's own cannot be read.

    Returns:
        The record, whichever attempt the pod is of: ``pod_names`` has the name of the pods of the attempt that runs
        now. A text: why there is none.
    """
    try:
        action = _DECODER.decode(resource)
    except DECODING_ERRORS as error:
        return f"the TaskAction cannot be read: {decoding_problem(error)}"
    if action.kind is not None and action.kind != "TaskAction":
        return f"not a TaskAction but a {action.kind[:64]!r}"
    metadata, spec, status = action.metadata, action.spec or _Spec(), action.status or _Status()
    if metadata is None or not metadata.name or not metadata.uid:
        return "the TaskAction has no name or no uid"
    pod_name = (pod.metadata.name if pod.metadata is not None else None) or ""
    attempts = max(status.attempts or 0, 1)
    if spec.action_type == _CONDITION or not _is_pod_of(pod_name, metadata.name, attempts):
        return f"no attempt of TaskAction {metadata.name[:253]} would name a pod {pod_name[:253]}"
    launches = sum(one.phase == _LAUNCHED for one in status.phase_history or ())
    retries = _retries(spec.task_template)
    return TaskRecord(
        execution=metadata.name,
        uid=metadata.uid,
        attempt=attempts - 1,
        counters=Counters(attempts - 1, status.system_failures or 0),
        limits=attrs.evolve(limits, retries=limits.retries if retries is None else retries, default_max_attempts=1),
        retries_known=retries is not None,
        over=_is_over(metadata, status),
        pod_names=frozenset((task_action_pod_name(metadata.name, attempts),)),
        # A new pod is Queued, and a SYSTEM failure leaves no other trace in the history (recordSystemError). Queued
        # after Queued is not recorded: a lower bound where a pod never got any further.
        system_restarts=max(launches - attempts, 0),
        launch_errors=bool(status.system_failures),
        # The executor creates the pod, and writes Queued afterwards.
        unsettled=launches == 0,
    )


def pods_cannot_be_created(events: Iterable[wire.Event], since: datetime) -> bool:
    """Whether Events about TaskActions of a namespace say that a pod could not be created at this time or later.

    An act while that is so ends the task: the errors of its next pod are four within 0.1 s.
    """
    reason, words = _LAUNCH_ERROR
    return any(
        event.reason == reason
        and words in (event.note or event.message or "")
        and (at := observed_at(event)) is not None
        and at >= since
        for event in events
    )


def _is_pod_of(pod_name: str, task_action: str, attempts: int) -> bool:
    if pod_name == task_action_pod_name(task_action, attempts):
        return True
    prefix, dash, attempt = pod_name.rpartition("-")
    return prefix == task_action and bool(dash) and attempt.isascii() and attempt.isdigit()


def _is_over(metadata: wire.Metadata, status: _Status) -> bool:
    key, value = _TERMINATION
    if metadata.deletion_timestamp is not None or (metadata.labels or {}).get(key) == value:
        return True
    return any(one.type in _TERMINAL and one.status == "True" for one in status.conditions or ())


def _retries(template: str | None) -> int | None:
    """Return the retries of a task template; None: it cannot be read."""
    try:
        data = base64.b64decode(template or "", validate=True)
    except ValueError:
        return None
    return template_retries(data)
