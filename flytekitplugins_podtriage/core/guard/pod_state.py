"""What the guard keeps of one pod between events."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from flytekitplugins_podtriage.core.guard.values import Act, ActKind, Step
from flytekitplugins_podtriage.core.model import StrEnum


class Stage(StrEnum):
    """How far the guard is with a pod."""

    IDLE = "idle"
    """Nothing is planned."""
    PLANNED = "planned"
    """It is to be decided again at a moment."""
    READING = "reading"
    """It is being read, to decide whether to act now."""
    ASKING = "asking"
    """The act waits for admission."""
    WRITING = "writing"
    """A step of the act is under way."""
    PAUSED = "paused"
    """The next step of the act waits for its moment."""
    SETTLED = "settled"
    """Acted on, or left for good: nothing more is done but the removal of a finalizer."""
    RELEASE_PLANNED = "release-planned"
    """Its finalizer may have to be removed."""
    RELEASE_READING = "release-reading"
    RELEASE_WRITING = "release-writing"


class PodState(msgspec.Struct, frozen=True, gc=False):
    """What is kept of a pod; a Struct because there is one for each pod of a cluster."""

    stage: Stage = Stage.IDLE
    namespace: str = ""
    name: str = ""
    uid: str = ""
    kind: ActKind | None = None
    """What is planned."""
    charge_at: datetime | None = None
    """When the wrong budget is charged otherwise."""
    lead: float | None = None
    """How many seconds before the charge the act that is being decided may begin; None: margin and clock skew."""
    not_before: datetime | None = None
    """When to read it again after a read that did not allow the act."""
    decided_at: datetime | None = None
    """Of which moment the view was that the act was decided on."""
    act: Act | None = None
    step: Step | None = None
    """The step that is under way, or that comes next."""
    resource_version: str = ""
    """The precondition of the next step."""
    tries: int = 0
    """How many times the step failed."""
    lacks_finalizer: bool = False
    finalizer_added: bool = False
    event_written: bool = False
    status_written: bool = False
    status_unanswered: bool = False
    """Whether the status may have been written."""
    gone: bool = False
    """Whether the pod no longer exists."""
    elsewhere: bool = False
    """Whether another replica leads or began the act: it reports what becomes of the pod."""

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost if the state were forgotten."""
        return self.stage is Stage.IDLE


evolve: Final = msgspec.structs.replace
"""Return a state with some of its fields changed."""
