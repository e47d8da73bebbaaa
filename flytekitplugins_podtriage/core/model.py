"""The public values that the core returns; all are frozen.

The JSON of a :class:`Verdict` has a ``schema`` number, which grows when a field changes its meaning or is removed, not
when one is added.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

import attrs
import msgspec

SCHEMA = 1

# slots=False: a frozen attrs class without slots is made in half the time, and one is made for every change of a pod.


class StrEnum(str, enum.Enum):
    """An enumeration of strings that prints as its value on every Python (enum.StrEnum is new in 3.11)."""

    # str's own methods are equivalent here, and faster than Enum's, which are written in Python.
    __hash__ = str.__hash__  # equal to a plain string of the same value
    __str__ = str.__str__
    __format__ = str.__format__  # type: ignore[assignment]  # Enum names its parameter


class ErrorKind(StrEnum):
    """Whose budget a failure belongs to: ``ExecutionError.ErrorKind`` of flyteidl (core/execution.proto)."""

    USER = "USER"
    SYSTEM = "SYSTEM"
    UNKNOWN = "UNKNOWN"
    """Only in old records that do not name a kind. Podtriage itself never answers with it."""


class Phase(StrEnum):
    """The phases of a task (flyteplugins/go/tasks/pluginmachinery/core/phase.go)."""

    UNDEFINED = "Undefined"
    NOT_READY = "NotReady"
    WAITING_FOR_RESOURCES = "WaitingForResources"
    QUEUED = "Queued"
    INITIALIZING = "Initializing"
    RUNNING = "Running"
    SUCCESS = "Success"
    RETRYABLE_FAILURE = "RetryableFailure"
    PERMANENT_FAILURE = "PermanentFailure"

    @property
    def failing(self) -> bool:
        """Whether the attempt failed."""
        return self in _FAILING

    @property
    def terminal(self) -> bool:
        """Whether the attempt is over."""
        return self in _TERMINAL


_FAILING = frozenset({Phase.RETRYABLE_FAILURE, Phase.PERMANENT_FAILURE})
_TERMINAL = _FAILING | {Phase.SUCCESS}


class Category(StrEnum):
    """What went wrong. The set is open: later versions add members, and users' own rules may name others."""

    REGISTRY_RATE_LIMITED = "registry_rate_limited"
    REGISTRY_UNAVAILABLE = "registry_unavailable"
    NETWORK_TIMEOUT = "network_timeout"
    DNS = "dns"
    TLS = "tls"
    PROXY = "proxy"
    AUTH = "auth"
    NOT_FOUND = "not_found"
    INVALID_REFERENCE = "invalid_reference"
    PLATFORM_MISMATCH = "platform_mismatch"
    CORRUPT_CONTENT = "corrupt_content"
    NEVER_PULL = "never_pull"
    NODE_DISK = "node_disk"
    NODE_RUNTIME = "node_runtime"
    NODE_SHUTDOWN = "node_shutdown"
    GPU_DEVICE = "gpu_device"
    SANDBOX_NETWORK = "sandbox_network"
    VOLUME = "volume"
    EVICTED = "evicted"
    PREEMPTED = "preempted"
    ADMISSION_REJECTED = "admission_rejected"
    UNSCHEDULABLE = "unschedulable"
    QUOTA = "quota"
    CONFIG_MISSING = "config_missing"
    CONFIG_INVALID = "config_invalid"
    COMMAND_NOT_FOUND = "command_not_found"
    OOM = "oom"
    DEADLINE = "deadline"
    KILLED = "killed"
    DELETED = "deleted"
    NODE_LOST = "node_lost"
    APP_ERROR = "app_error"
    UNKNOWN = "unknown"

    @property
    def default_kind(self) -> ErrorKind:
        """The kind of a rule of this category, unless the rule itself says otherwise."""
        return ErrorKind.USER if self in _USER_CATEGORIES else ErrorKind.SYSTEM

    @classmethod
    def _missing_(cls, value: object) -> Category | None:
        """Accept any category of lower-case words joined by ``_``, up to 64 characters."""
        if not isinstance(value, str) or not 0 < len(value) <= 64:
            return None
        if not value.isascii() or not value.replace("_", "a").isalnum() or value != value.lower():
            return None
        member = str.__new__(cls, value)
        member._name_ = value.upper()
        member._value_ = value
        return member


def notes_on(category: Category | None) -> tuple[str, ...]:
    """Return what an answer of a category assumes: the kind of an unknown cause is a default, not a finding."""
    return _NOTES_ON_UNKNOWN if category is Category.UNKNOWN else ()


_NOTES_ON_UNKNOWN = ("No rule names the cause: the kind is a default, not a finding.",)
_USER_CATEGORIES = frozenset(
    {
        Category.APP_ERROR,
        Category.AUTH,
        Category.COMMAND_NOT_FOUND,
        Category.CONFIG_INVALID,
        Category.CONFIG_MISSING,
        Category.DEADLINE,
        Category.INVALID_REFERENCE,
        Category.NEVER_PULL,
        Category.NOT_FOUND,
        Category.OOM,
        Category.PLATFORM_MISMATCH,
    }
)


@attrs.frozen(slots=False)
class Evidence:
    """One observation that an answer rests on."""

    source: str
    """``message``, ``waiting``, ``terminated``, ``event``, ``condition``, ``status``, ``memory`` or ``spec``."""
    text: str
    """Its text, with secrets masked, shortened to 500 characters."""
    container: str | None = None
    """The container it is about, if any."""
    at: datetime | None = None
    """Its time, if the source has one."""


@attrs.frozen(slots=False)
class Diagnosis:
    """The cause of a failure, as far as one message tells."""

    category: Category
    kind: ErrorKind
    """Whose fault it is: USER or SYSTEM. With the category ``unknown`` it is only the default (SYSTEM)."""
    rule: str
    """Id of the rule that decided; ``podtriage rules`` prints them all."""
    remedy: str
    """What a person can do about it."""
    http_status: int | None = None
    """The HTTP status of the registry (or of a proxy before it), if the message has one."""
    registry: str | None = None
    """Host (and port, if any) of the registry that responded, or else of the image's registry."""
    image: str | None = None
    """The image's reference as spelled in the message."""
    retry_after: float | None = None
    """After how many seconds the registry asked to be retried, if the message tells."""
    evidence: tuple[Evidence, ...] = ()
    """The cause as the message has it, then the causes that did not decide (mirrors, other attempts)."""
    notes: tuple[str, ...] = ()
    """What the answer assumes, in sentences: that the kind of an unknown cause is only a default."""

    def to_json(self) -> bytes:
        """Return the diagnosis as one line of JSON."""
        return _ENCODER.encode(self)


@attrs.frozen(slots=False)
class Verdict:
    """The verdict of a backend, or of podtriage, on a pod at one moment.

    Under a stock policy ``phase``, ``kind``, ``code``, ``message``, ``cleanup`` and ``reason`` are those of the Go
    code. Under ``podtriage`` a pod that fails to start but is still being retried is held: its phase is then not a
    failure, and ``kind`` and ``category`` name the cause of the wait.
    """

    phase: Phase
    kind: ErrorKind | None = None
    """Whose fault it is. None if nothing failed (and, under a stock policy, if nothing is charged)."""
    code: str | None = None
    """``ExecutionError.code``; None unless the phase is a failure."""
    message: str | None = None
    """``ExecutionError.message``; None unless the phase is a failure."""
    cleanup: bool = False
    """Whether the pod should be deleted after the failure."""
    reason: str = ""
    """The message of a phase that is not a failure."""
    category: Category | None = None
    """What went wrong; None if nothing did, and under a stock policy, which has no categories."""
    rule: str = ""
    """Id of the rule that decided."""
    remedy: str = ""
    """What a person can do about it."""
    evidence: tuple[Evidence, ...] = ()
    http_status: int | None = None
    registry: str | None = None
    image: str | None = None
    retry_after: float | None = None
    container: str | None = None
    """The container that decided, if any."""
    started: bool = False
    """Whether the main container is known to have run."""
    recheck_at: datetime | None = None
    """When time alone may change the verdict, always in the future; None: only a change of the pod can."""
    backend: str = "podtriage"
    """Name of the policy."""
    schema: int = SCHEMA
    notes: tuple[str, ...] = ()
    """What the verdict assumes, in sentences: that the kind of an unknown cause is only a default."""

    @property
    def failing(self) -> bool:
        """Whether the attempt failed."""
        return self.phase in _FAILING

    def to_json(self) -> bytes:
        """Return the verdict as one line of JSON, times in RFC 3339."""
        return _ENCODER.encode(self)

    @classmethod
    def from_json(cls, data: bytes | str) -> Verdict:
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError: the text is no verdict, or one of a newer schema.
        """
        try:
            verdict = msgspec.json.decode(data, type=cls)
        except (msgspec.MsgspecError, RecursionError) as error:  # a ValueError in new releases of msgspec only
            raise ValueError(f"not the JSON of a verdict: {error}") from error
        if verdict.schema > SCHEMA:
            raise ValueError(f"verdict of schema {verdict.schema}: this version reads up to {SCHEMA}")
        return verdict


_Answer = TypeVar("_Answer", Diagnosis, Verdict)


def with_notes(answer: _Answer, notes: Iterable[str]) -> _Answer:
    """Return a diagnosis or a verdict with further notes before its own."""
    return attrs.evolve(answer, notes=(*notes, *answer.notes))


@attrs.frozen(slots=True)
class Charge:
    """When a backend charges an attempt, and which budget pays, if nothing changes."""

    backend: str
    at: datetime | None
    """The moment; None: never, as far as the pod tells."""
    kind: ErrorKind | None
    """The budget; None if nothing is charged."""
    code: str | None = None
    message: str | None = None
    permanent: bool = False
    """Whether the task fails without another attempt, whatever retries are left."""
    rule: str = ""
    note: str = ""
    """What the answer assumes, in a sentence, if anything."""

    def to_json(self) -> bytes:
        """Return the charge as one line of JSON."""
        return _ENCODER.encode(self)


_ENCODER = msgspec.json.Encoder()
