"""A pasted text, turned into a pod and its events, or into the messages that it holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import attrs
import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.decode import read_event, read_pod
from flytekitplugins_podtriage.core.errors import InvalidPod
from flytekitplugins_podtriage.core.model import Evidence
from flytekitplugins_podtriage.core.pasted.attribution import container_of, with_containers, with_messages
from flytekitplugins_podtriage.core.pasted.conditions import read_condition_blocks, read_node_rows
from flytekitplugins_podtriage.core.pasted.console_events import read_console_events
from flytekitplugins_podtriage.core.pasted.description import Description, read_description
from flytekitplugins_podtriage.core.pasted.event_table import EventRow, is_row, read_rows, with_whole_columns
from flytekitplugins_podtriage.core.pasted.fragment import SIGN as _FRAGMENT
from flytekitplugins_podtriage.core.pasted.fragment import Fragment, read_fragment
from flytekitplugins_podtriage.core.pasted.log_lines import LogLine, read_log_lines, sync_errors
from flytekitplugins_podtriage.core.pasted.margins import joined_text, without_hard_breaks, without_margins
from flytekitplugins_podtriage.core.pasted.normalize import normalize
from flytekitplugins_podtriage.core.pasted.pod_states import ended_before, ends_of, runs_well, states_of, waits
from flytekitplugins_podtriage.core.pasted.pod_table import PodRow, is_pod_row, read_pod_rows
from flytekitplugins_podtriage.core.pasted.progress import OF_NODES, failures_that_hold
from flytekitplugins_podtriage.core.text.container_ends import ContainerEnd

LONGEST: Final = 1 << 20
"""How much of a text is read, in characters: of a longer one the end, where the newest events stand."""

_MOST_OBJECTS: Final = 1000
_EVENTS: Final = re.compile(r"^\s*Events:")
_DESCRIBED: Final = re.compile(
    r"^[ \t]*(?:Name|Status|(?:Init |Ephemeral )?Containers|State|Last (?:Termination )?State|Conditions|Taints):",
    re.MULTILINE,
)
_TYPED: Final = re.compile(r"^[ \t]*(?:- )?(?:[Tt]ype|[Ll]ast ?[Tt]ransition ?[Tt]ime): ", re.MULTILINE)
_REASON_BEFORE: Final = re.compile(
    r"(?:Error: |start failed in pod \S+: |[Cc]ontainer \S+ (?:is waiting|waiting): )?"
    r"(ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName|ImageInspectError|RegistryUnavailable"
    r"|SignatureValidationFailed|CreateContainerConfigError|CreateContainerError|RunContainerError|StartError"
    r"|PreCreateHookError|PreStartHookError|PostStartHookError|CreatePodSandboxError|KillContainerError"
    r"|KillPodSandboxError|FailedMount|FailedAttachVolume|FailedScheduling|FailedCreatePodSandBox|FailedCreate"
    r"|Evicted|UnexpectedAdmissionError|OutOf\w{2,60}): (?=\S)"
)
"""A reason before its message, as kubelets print both into their log (``start failed in pod ...``) and people write
them: pkg/kubelet/images/types.go, pkg/kubelet/container/sync_result.go."""
_FEW: Final = 12
"""Lines of what may be one message with its reason before it."""
_RAN: Final = frozenset({"Started", "Unhealthy", "Killing"})
_OVER: Final = frozenset({"Evicted", "Preempting", "UnexpectedAdmissionError", "NodeAffinity", "NodeShutdown"})
"""Reasons of events after which the kubelet has failed the pod for the same reason (pkg/kubelet/eviction,
pkg/kubelet/preemption, pkg/kubelet/kubelet.go rejectPod)."""
_NO_STATUS: Final = (
    "The text does not show the pod's status, on which Flyte's own charges depend; `kubectl get pod NAME -o yaml` does."
)
_NO_EVENTS: Final = "The text holds no events: they are kept for an hour only, or were cut off."
_GET_EVENTS: Final = (
    "Get the pod's events, which name the cause: `kubectl get events --field-selector involvedObject.name={name}`, or"
    " the end of `kubectl describe pod {name}`. If they are gone, `kubectl get pod {name} -o yaml` has the message of"
    " each container that waits."
)
_IT_RUNS: Final = (
    "No container of the pod fails in this text. If one fails again, `kubectl logs {name} --previous` shows its log."
)
_NO_MESSAGES: Final = (
    "`kubectl describe` does not print why a container waits beyond its reason; `kubectl get pod NAME -o yaml` does."
)


@attrs.frozen(kw_only=True)
class Message:
    """A message in a text, with the reason beside it."""

    text: str
    reason: str | None = None
    shown: str = ""
    """What to quote of the text where there is no message."""


@attrs.frozen(kw_only=True)
class PastedText:
    """What a text says, in the terms of Kubernetes."""

    pod: wire.Pod | None = None
    """The pod that it is about; where only its events are given, one with no more than they tell."""
    events: tuple[wire.Event, ...] = ()
    messages: tuple[Message, ...] = ()
    """What was reported as a failure and not superseded since, the newest first."""
    ends: tuple[ContainerEnd, ...] = ()
    """How containers of the pod ended before, for a pod that now does not fail."""
    missing: tuple[str, ...] = ()
    """What a decision would rest on and the text does not hold, as sentences."""
    only_events: bool = False
    """Whether the pod is known by its events alone."""
    states: tuple[Evidence, ...] = ()
    """What the containers of a pod wait for, or that they run: what is known where nothing names a cause."""
    advice: str = ""
    """What to give instead, where the text shows a pod and no cause."""
    printed_at: datetime | None = None
    """When the text was printed, where it tells: the events' moments are counted back from it."""


def read_pasted(text: str, now: datetime) -> PastedText | None:
    """Read a text as a description, a table of events or pods, or lines of a log; None if it is none of them.

    Of several objects described in it the first counts that has a failure, or else the first.

    Args:
        text: what somebody pasted, as it is.
        now: the moment from which the ages in it are counted back unless it tells its own, with a zone.
    """
    objects = read_objects(text, now)
    failing = (one for one in objects if one.messages or one.ends or (one.pod is not None and waits(one.pod)))
    return next(failing, objects[0] if objects else None)


def read_objects(text: str, now: datetime) -> list[PastedText]:
    """Read a text like :func:`read_pasted`, each object by itself where it describes several."""
    text = normalize(text[-LONGEST:])
    if text.lstrip().startswith("{") and (objects := _of_json(text)):
        return objects
    lines = text.split("\n")
    if len(lines) > 1:
        lines = with_whole_columns(without_hard_breaks(without_margins(lines)))
    starts = [number for number, line in enumerate(lines) if line.startswith("Name:")][:_MOST_OBJECTS]
    if len(starts) < 2 or not any(map(_EVENTS.match, lines[starts[0] : starts[1]])):
        starts = [0]
    parts = [lines[start:end] for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]
    return [read for part in parts if (read := _read(part, now)) is not None]


def _read(lines: list[str], now: datetime) -> PastedText | None:
    cut = next((number for number, line in enumerate(lines) if _EVENTS.match(line)), None)
    body, table = (lines, lines) if cut is None else (lines[:cut], lines[cut + 1 :])
    first = next((number for number, line in enumerate(table) if is_row(line)), None)
    if first is None and any(line.lstrip().startswith("Generated from ") for line in table):
        shown = read_console_events(table, now)
        return _of_events(Description(), shown) if shown else None
    if cut is None and first is not None:
        body = body[:first]
    table = [] if first is None else table[first:]
    description = read_description(body) if _DESCRIBED.search("\n".join(body)) else None
    if description is not None and description.pod is not None:
        return _of_pod(description.pod, table, now)
    rows = read_rows(table, now)
    if description is not None or rows:
        return _of_events(description or Description(), rows)
    fragment = read_fragment(lines) if _FRAGMENT.search("\n".join(lines)) else None
    return _of_lines(lines) if fragment is None else _of_fragment(fragment)


def _of_fragment(fragment: Fragment) -> PastedText:
    pod = fragment.pod
    if pod is None:
        wrong = [Message(text=one.message, reason=one.reason or None) for one in fragment.conditions if one.wrong]
        own = [Message(text=fragment.message, reason=fragment.reason or None)] if fragment.message else []
        return PastedText(messages=(*own, *wrong))
    return PastedText(
        pod=pod,
        messages=tuple(_of_pod_status(pod)),
        ends=tuple(ends_of(pod)),
        missing=(_NO_EVENTS, *ended_before(pod)),
        states=tuple(states_of(pod)),
        advice=_advice(pod, has_events=False),
    )


def _of_pod_status(pod: wire.Pod) -> list[Message]:
    """Return the reason of the pod as a whole (``NodeLost``), where no rule for pods counts it."""
    status = pod.status or wire.PodStatus()
    return [Message(text=status.message or "", reason=status.reason)] if status.reason else []


def _of_json(text: str) -> list[PastedText]:
    """Read a pod in JSON, or a list of pods and their events; nothing if the text is neither."""
    try:
        document = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return []
    items = document.get("items") if isinstance(document, dict) else None
    objects = items if isinstance(items, list) else [document]
    try:
        pods = [read_pod(one) for one in objects if isinstance(one, dict) and one.get("kind") == "Pod"]
        events = [read_event(one) for one in objects if isinstance(one, dict) and one.get("kind") == "Event"]
    except InvalidPod:
        return []
    own = tuple(events) if len(pods) == 1 else ()
    return [PastedText(pod=pod, events=own, ends=tuple(ends_of(pod))) for pod in pods]


def _of_pod(pod: wire.Pod, table: Sequence[str], now: datetime) -> PastedText:
    printed_at = _printed_at(pod, table, now)
    rows = with_containers(pod, read_rows(table, printed_at or now))
    failures = failures_that_hold(rows)
    missing = [] if rows else [_NO_EVENTS]
    if waits(pod) and not failures:
        missing.append(_NO_MESSAGES)
    return PastedText(
        pod=with_messages(pod, failures),
        events=tuple(row.event for row in rows),
        messages=(*map(_message, failures), *_of_pod_status(pod)),
        ends=tuple(ends_of(pod)),
        missing=(*missing, *ended_before(pod)),
        states=tuple(states_of(pod)),
        advice=_advice(pod, has_events=bool(rows)),
        printed_at=printed_at,
    )


def _advice(pod: wire.Pod, *, has_events: bool) -> str:
    name = (pod.metadata and pod.metadata.name) or "NAME"
    if runs_well(pod):
        return _IT_RUNS.format(name=name)
    return "" if has_events else _GET_EVENTS.format(name=name)


def _printed_at(pod: wire.Pod, table: Sequence[str], now: datetime) -> datetime | None:
    """Return when a description was printed: the pod started when it was scheduled, whose age is in the table."""
    started = pod.status.start_time if pod.status else None
    line = next((line for line in table if "Scheduled" in line and "Normal" in line), None)
    scheduled = read_rows([line], now) if line is not None and started is not None else []
    if started is None or not scheduled or scheduled[0].event.reason != "Scheduled":
        return None
    try:
        return started + (now - (scheduled[0].event.last_timestamp or now))
    except OverflowError:
        return None


def _of_events(description: Description, rows: Sequence[EventRow]) -> PastedText:
    """Read what was printed of an object that is no pod, or events alone."""
    failures = failures_that_hold(rows)
    conditions = [
        Message(text=one.message or one.type, reason=one.reason or one.type) for one in description.conditions
    ]
    taints = [Message(text=f"node(s) had untolerated taint {{{taint}}}") for taint in description.taints]
    about = _subject(failures, rows)
    first = [row for row in failures if about is None or row.object in (None, about)]
    others = [row for row in failures if about is not None and row.object not in (None, about)]
    messages = list(map(_message, (*first, *others)))
    messages = [*conditions, *taints, *messages] if description.is_node else [*messages, *conditions]
    events = tuple(row.event for row in rows if about is None or row.object in (None, about))
    is_node = description.is_node or (about is None and any(row.event.reason in OF_NODES for row in rows))
    if is_node or description.is_other or (about is not None and not about.startswith("pod/")):
        return PastedText(events=events, messages=tuple(messages))
    own = [row for row in rows if about is None or row.object in (None, about)]
    pod = _pod_of_events(about, own)
    missing = (_NO_STATUS,)
    return PastedText(pod=pod, events=events, messages=tuple(messages), missing=missing, only_events=True)


def _subject(failures: Sequence[EventRow], rows: Sequence[EventRow]) -> str | None:
    """Return the object that a table is about: of several the pod with the newest failure, or else the newest."""
    failed = [row.object for row in failures if row.object is not None]
    pods = [about for about in failed if about.startswith("pod/")]
    named = [row.object for row in reversed(rows) if row.object is not None]
    return next(iter(pods or failed or named), None)


def _message(row: EventRow) -> Message:
    return Message(text=row.event.message or "", reason=row.event.reason)


def _pod_of_events(about: str | None, rows: Sequence[EventRow]) -> wire.Pod:
    """Return a pod with what its events alone tell: whether it is scheduled, has started, or was failed."""
    phase, reason, message = "Pending", None, None
    conditions: list[wire.Condition] = []
    containers: dict[str, wire.ContainerStatus] = {}
    for row in rows:
        event = row.event
        name = container_of(event)
        if name is not None and (event.reason == "Started" or name not in containers):
            starting = wire.State(waiting=wire.Waiting(reason="ContainerCreating"))
            state = wire.State(running=wire.Running(event.last_timestamp)) if event.reason == "Started" else starting
            containers[name] = wire.ContainerStatus(name=name, state=state)
        if event.reason == "FailedScheduling":
            conditions = [
                wire.Condition(type="PodScheduled", status="False", reason="Unschedulable", message=event.message)
            ]
        elif event.reason == "Scheduled" or row.source == "kubelet":
            conditions = []
        if event.reason in _RAN:
            phase = "Running"
        if event.reason in _OVER or (event.reason or "").startswith("OutOf"):
            phase, reason, message = "Failed", event.reason, event.message
    name = about.rpartition("/")[2] if about is not None else None
    return wire.Pod(
        kind="Pod",
        metadata=wire.Metadata(name=name),
        status=wire.PodStatus(
            phase=phase,
            reason=reason,
            message=message,
            conditions=conditions or None,
            container_statuses=[*containers.values()] or None,
        ),
    )


def _of_lines(lines: Sequence[str]) -> PastedText | None:
    """Read lines of a log, rows of pods, or conditions."""
    entries = read_log_lines(lines)
    loud = [entry for entry in entries if not entry.quiet] or entries
    if loud:
        return PastedText(messages=tuple(message for one in reversed(loud) for message in _messages_of(one)))
    rows_of_node = read_node_rows(lines)
    if rows_of_node:
        return PastedText(messages=tuple(Message(text=one.message, reason=one.reason) for one in rows_of_node))
    if _TYPED.search("\n".join(lines)):
        wrong = [one for one in read_condition_blocks(lines) if one.wrong]
        if wrong:
            return PastedText(messages=tuple(Message(text=one.message, reason=one.reason) for one in wrong))
    whole = " ".join(" ".join(lines).split()) if len(lines) <= _FEW else ""
    messages = _messages_of(LogLine(message=whole))
    if messages[0].reason is not None:
        return PastedText(messages=tuple(messages))
    rows = read_pod_rows(lines)
    if rows:
        # What stands beside the table names the cause, where the status names none: ImagePullBackOff, CrashLoopBackOff.
        rest = joined_text("\n".join(line for line in lines if not is_pod_row(line))).strip()
        beside = _messages_of(LogLine(message=rest)) if rest else []
        return PastedText(messages=(*map(_of_status, rows), *beside), missing=(_NO_STATUS,))
    return None


def _messages_of(line: LogLine) -> list[Message]:
    """Return what a line of a log says: each error of a sync of a pod, a reason and its message, or one message."""
    if line.reason is None:
        errors = sync_errors(line.message)
        if errors:
            return [Message(text=one.message, reason=one.reason) for one in errors]
        reason = _REASON_BEFORE.match(line.message)
        if reason is not None:
            return [Message(text=line.message[reason.end() :], reason=reason[1])]
    return [Message(text=line.message, reason=line.reason)]


def _of_status(row: PodRow) -> Message:
    """Return what the column STATUS tells of a pod."""
    shown = f"{row.name}: {row.status}"
    kind, colon, value = row.status.partition(":")
    if not colon:
        return Message(text="", reason=row.status, shown=shown)
    code = int(value) + (128 if kind == "Signal" else 0)
    return Message(text=f"exit code {code}", reason="Error", shown=shown)
