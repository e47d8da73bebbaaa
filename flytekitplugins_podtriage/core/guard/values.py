"""The values that pass between the guard's decisions and the loop that carries them out."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Union

import attrs

from flytekitplugins_podtriage.core.accounting import Counters, Limits
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.model import Charge, ErrorKind, StrEnum, Verdict
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot

# What is read before a decision to act


@attrs.frozen(kw_only=True)
class TaskRecord:
    """What the backend's own resource (FlyteWorkflow, TaskAction) records of the task whose attempt a pod is."""

    execution: str
    """The name of the resource: the execution (1.16) or the action (Flyte 2)."""
    uid: str
    """The uid of the resource: the pod's controller owner has to be this one."""
    attempt: int
    """The attempt that runs now, from 0."""
    counters: Counters
    limits: Limits
    retries_known: bool = True
    """Whether ``limits.retries`` was read from the resource; otherwise it is the configured one."""
    over: bool = False
    """Whether the task or its workflow has ended, fails or is being aborted."""
    pod_names: frozenset[str] = frozenset()
    """The names that the backend may give to the pod of the attempt that runs now."""
    system_restarts: int = 0
    """How many times the attempt was restarted for a SYSTEM failure (Flyte 2)."""
    launch_errors: bool = False
    """Whether pods of the task could not be created lately (Flyte 2: ``systemFailures`` above 0 at rest)."""
    unsettled: bool = False
    """Whether the backend is between two writes of its counters: ``systemFailures`` grows before ``attempts``."""


@attrs.frozen(kw_only=True)
class Facts:
    """What was read to confirm a decision: the pod, its task, its node."""

    snapshot: PodSnapshot | None
    """The pod; None: it is gone."""
    freshness: Freshness
    task: TaskRecord | None = None
    task_problem: str = ""
    """Why there is no record of the task: not permitted, not in the resource, gone."""
    task_gone: bool = False
    """Whether the backend's resource no longer exists, or another one has its name."""
    node_ready: bool | None = None
    """Whether the pod's node is Ready; None: that cannot be known."""
    kubelet: str = ""
    """The version of the node's kubelet (``status.nodeInfo.kubeletVersion``); empty: not known."""
    namespace_opted_out: bool = False


# What is done


class ActKind(StrEnum):
    """What the guard does about a pod."""

    END_AS_SYSTEM = "end-as-system"
    """End a waiting pod so that the system retries pay."""
    END_AS_USER = "end-as-user"
    """End a waiting pod so that the user retries pay: fail-fast, and Flyte 2 past the cap of SYSTEM restarts."""
    RESCUE_AS_SYSTEM = "rescue-as-system"
    """Rewrite the reason of a failed pod so that the system retries pay (1.16)."""
    RESCUE_AS_USER = "rescue-as-user"
    """Rewrite the reason of a failed pod so that the user retries pay (1.16)."""

    @property
    def kind(self) -> ErrorKind:
        """The kind of the failure that the backend reads out of it."""
        return ErrorKind.SYSTEM if self.value.endswith("system") else ErrorKind.USER

    @property
    def deletes(self) -> bool:
        """Whether the pod is deleted after its status was written."""
        return self.value.startswith("end")


class Step(StrEnum):
    """One write of an act."""

    EVENT = "event"
    """Create an Event on the pod."""
    FINALIZER = "finalizer"
    """Add FlytePropeller's finalizer, so that the message outlives the deletion (1.16)."""
    STATUS = "status"
    """Patch ``/status`` to Failed, with the act's reason and message, on uid and resourceVersion."""
    DELETE = "delete"
    """Delete the pod on its uid."""
    RELEASE = "release"
    """Remove FlytePropeller's finalizer, where its FlyteWorkflow is gone and nobody else will."""


@attrs.frozen(kw_only=True)
class Act:
    """A pod that is to be ended, or whose reason is to be rewritten, and why."""

    kind: ActKind
    namespace: str
    name: str
    uid: str
    resource_version: str
    """Of the state that was decided on."""
    execution: str
    """The workflow execution or action, for the caps and the audit line."""
    node: str = ""
    """The node's id in the workflow (1.16)."""
    attempt: int = 0
    """From 0."""
    reason: str
    """``status.reason``: what the backend takes the kind from."""
    message: str
    """``status.message``: what the user reads."""
    verdict: Verdict
    """podtriage's own."""
    charge: Charge | None
    """What the stock backend would charge otherwise, and when."""
    why: str
    """Which budget pays and why, in a sentence."""


OBSERVED_ONLY: Final = "observe"
"""Refusal: the mode of the namespace."""
OPTED_OUT: Final = "opted-out"
"""Refusal: the namespace's label; nothing is reported."""
NOT_LEADER: Final = "not-leader"
"""Refusal: another replica leads, and acts instead; this one may lead before the charge is due."""

# Events: what the reducer is given


@attrs.frozen
class Observed:
    """The watch reports a state of the pod."""

    snapshot: PodSnapshot
    task: TaskRecord | None = None
    """What the backend records of the task, if that is at hand without a request: it makes a rescue wiser."""


@attrs.frozen
class Due:
    """The moment has come that was planned with :class:`WakeAt`."""

    snapshot: PodSnapshot


@attrs.frozen
class Confirmed:
    """What :class:`Read` asked for was read."""

    facts: Facts


@attrs.frozen
class ReadFailed:
    """What :class:`Read` asked for could not be read, or not completely."""

    error: str


@attrs.frozen
class Admission:
    """The answer to :class:`Propose`."""

    refusal: str = ""
    """Why the act may not begin: the name of a cap, or one of the three above; empty: it may."""


@attrs.frozen
class Written:
    """A step was done. 404 and 409 of DELETE count as done: the pod is gone."""

    step: Step
    resource_version: str = ""
    """Of the pod as the response shows it, after FINALIZER and STATUS."""


@attrs.frozen
class WriteFailed:
    """A step was refused or not answered."""

    step: Step
    error: str
    conflict: bool = False
    """Whether the pod has changed (409) or is gone (404): it has to be read and decided anew."""
    unanswered: bool = False
    """Whether it may have been done all the same."""


@attrs.frozen
class Gone:
    """The pod no longer exists."""


GuardEvent = Union[  # noqa: UP007  # evaluated on Python 3.10 too
    Observed, Due, Confirmed, ReadFailed, Admission, Written, WriteFailed, Gone
]


# Plans: what the reducer asks for


@attrs.frozen
class WakeAt:
    """Send :class:`Due` at this moment; it replaces an earlier one. ``charge_at`` is what must not be missed."""

    at: datetime
    charge_at: datetime


@attrs.frozen
class Read:
    """Read the pod, its task and its node, and send :class:`Confirmed` or :class:`ReadFailed`."""

    namespace: str
    name: str
    uid: str


@attrs.frozen
class Propose:
    """Ask for admission by mode, caps and leadership, and send :class:`Admission`."""

    act: Act


@attrs.frozen
class Write:
    """Carry out one step, and send :class:`Written` or :class:`WriteFailed`."""

    step: Step
    act: Act
    resource_version: str = ""
    """What STATUS and FINALIZER take as their precondition."""


class Outcome(StrEnum):
    """What became of a pod that the guard had planned for."""

    ACTED = "acted"
    WOULD_ACT = "would-act"
    """It would have acted, but the mode of the namespace is ``observe``."""
    REFUSED = "refused"
    """A cap was hit, or another replica leads."""
    LEFT = "left"
    """It was due, and left to stock Flyte: ``why`` says the reason."""
    RECOVERED = "recovered"
    """Its trouble was over before it was due: nothing was charged."""
    LATE = "late"
    """Stock Flyte had charged it before the guard acted."""
    FAILED = "failed"
    """An act was begun, and could not be completed."""


@attrs.frozen
class Report:
    """Count it, write the audit line and, for acts that were not made, the Event."""

    outcome: Outcome
    why: str
    """One of a bounded set of words, for a metric's label: ``node-not-ready``, ``cap-namespace``."""
    detail: str = ""
    """In a sentence."""
    act: Act | None = None


Plan = Union[WakeAt, Read, Propose, Write, Report]  # noqa: UP007  # evaluated on Python 3.10 too
