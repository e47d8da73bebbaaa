"""How the two backends account for failed attempts and their retry budgets.

Pure state machines: counters and a failure in, new counters and what follows out; and, the other way round, which
budget paid for a failure that a backend has recorded.

* Flyte 1.16: flytepropeller/pkg/controller/nodes/executor.go (``isEligibleForRetry``, ``execute``, and where a failing
  node is counted) and node_exec_context.go (interruptible), at v1.16.8.
* Flyte 2: executor/pkg/controller/taskaction_controller.go (``recordSystemError``, the restart in place) and
  executor/pkg/plugin/task_exec_metadata.go (how many attempts), at 6fadb90.
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from flytekitplugins_podtriage.core.model import ErrorKind

FLYTE_2_SYSTEM_FAILURES: Final = 3
"""``DefaultMaxSystemFailures`` of Flyte 2, which it also takes where 0 is configured."""
_UINT32: Final = 1 << 32
_LAST_ERROR: Final = re.compile(r"\[\d+/\d+\] currentAttempt done\. Last Error: (USER|SYSTEM|UNKNOWN)::")
_LEADING_KIND: Final = re.compile(r"(USER|SYSTEM|UNKNOWN)::")
_TIMEOUTS: Final = ("task execution timeout [", "task active timeout [", "node timed out")
"""How the messages of a timeout begin: of an attempt, of a node, and of the attempt that a node's timeout aborts."""


@attrs.frozen(slots=True)
class Failure:
    """One failed attempt, as it is reported to the backend."""

    kind: ErrorKind
    code: str = ""
    message: str = ""
    recoverable: bool = True
    """Whether it may be retried: RetryableFailure, not PermanentFailure."""


@attrs.frozen(slots=True)
class Limits:
    """A backend's limits for a task. The defaults are Flyte's own (flytepropeller/pkg/controller/config/config.go)."""

    retries: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    """``@task(retries=N)``; the node's ``minAttempts`` is one more."""
    max_system_failures: int = attrs.field(default=3, validator=attrs.validators.ge(0))
    """``max-node-retries-system-failures`` (Flyte 2: ``maxSystemFailures``)."""
    default_max_attempts: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    """``default-max-attempts``: for a task without retries. Flyte 2 has no such setting."""
    ignore_retry_cause: bool = False
    """``ignore-retry-cause``: one budget for both kinds."""
    interruptible: bool = False
    interruptible_failure_threshold: int = -1
    """``interruptible-failure-threshold``: negative numbers count from the end."""

    @property
    def max_attempts(self) -> int:
        """How many attempts the user retries allow."""
        return self.retries + 1 if self.retries else self.default_max_attempts


@attrs.frozen(slots=True)
class Counters:
    """A backend's counters of a task: ``.status.nodeStatus.<id>`` on 1.16, the TaskAction's status on Flyte 2."""

    attempts: int = 0
    """Failed attempts so far (Flyte 2 shows one more: it counts the running one)."""
    system_failures: int = 0


@attrs.frozen(slots=True)
class Outcome:
    """What follows from a failed attempt."""

    counters: Counters
    retried: bool
    charged: ErrorKind
    """The budget that paid; where nothing is retried, the one that was empty."""
    final: Failure | None = None
    """The error that the user is left with, if the task has ended."""


def flyte_1_16(counters: Counters, failure: Failure, limits: Limits) -> Outcome:
    """Account for a failed attempt as flytepropeller 1.16 does.

    A failure of kind UNKNOWN is charged to the user there.
    """
    system = failure.kind is ErrorKind.SYSTEM
    payer = ErrorKind.SYSTEM if system and not limits.ignore_retry_cause else ErrorKind.USER
    if not failure.recoverable:
        # Counted for the retry and again for the end (executor.go, NodePhaseFailing).
        ended = Counters(counters.attempts, counters.system_failures + (2 if system else 0))
        return Outcome(ended, False, payer, failure)
    if limits.ignore_retry_cause:
        current, allowed = counters.attempts + 1, limits.max_attempts
    elif system:
        current, allowed = counters.system_failures, limits.max_system_failures
    else:
        current, allowed = counters.attempts + 1 - counters.system_failures, limits.max_attempts
    if current < allowed:
        return Outcome(Counters(counters.attempts + 1, counters.system_failures + (1 if system else 0)), True, payer)
    # The exhausted node always fails with kind USER, whoever was at fault, and so counts no system failure.
    final = Failure(
        ErrorKind.USER,
        f"RetriesExhausted|{failure.code}",
        f"[{current}/{allowed}] currentAttempt done. Last Error: {failure.kind}::{failure.message}",
        recoverable=False,
    )
    return Outcome(counters, False, payer, final)


def runs_on_spot(counters: Counters, limits: Limits) -> bool:
    """Whether Flyte 1.16 puts the next attempt on an interruptible node (BuildNodeExecutionContext).

    FlytePropeller computes in uint32: a threshold further from the end than there are attempts wraps around, and the
    task stays on interruptible nodes to its end (isAboveInterruptibleFailureThreshold).
    """
    if not limits.interruptible:
        return False
    if limits.ignore_retry_cause:
        if counters.attempts == 0:
            return True
        failures, allowed = counters.attempts, limits.max_attempts
    else:
        failures, allowed = counters.system_failures, limits.max_system_failures + 1
    threshold = limits.interruptible_failure_threshold
    return failures < (threshold if threshold > 0 else (allowed + threshold) % _UINT32)


def flyte_2(counters: Counters, failure: Failure, limits: Limits) -> Outcome:
    """Account for a failed attempt of a pod as Flyte 2's executor does.

    The counter is of consecutive system failures, and the new pod's Queued already resets it: a pod that keeps failing
    as SYSTEM is restarted for ever (:func:`flyte_2_transition`).
    """
    payer = ErrorKind.SYSTEM if failure.kind is ErrorKind.SYSTEM else ErrorKind.USER
    if not failure.recoverable:
        return Outcome(attrs.evolve(counters, system_failures=0), False, payer, failure)
    if payer is ErrorKind.SYSTEM:
        failures = counters.system_failures + 1
        counted = attrs.evolve(counters, system_failures=failures)
        if failures <= (limits.max_system_failures or FLYTE_2_SYSTEM_FAILURES):
            return Outcome(counted, True, payer)
        final = Failure(
            ErrorKind.SYSTEM,
            "MaxSystemFailuresExceeded",
            f'plugin "pod" failed with system error {failures} times: [{failure.code}] {failure.message}',
            recoverable=False,
        )
        return Outcome(counted, False, payer, final)
    if counters.attempts < limits.retries:
        return Outcome(Counters(counters.attempts + 1, 0), True, payer)
    final = attrs.evolve(failure, recoverable=False)
    return Outcome(attrs.evolve(counters, system_failures=0), False, payer, final)


def flyte_2_transition(counters: Counters) -> Counters:
    """Return Flyte 2's counters after a transition that is no system failure, such as a new pod's Queued."""
    return attrs.evolve(counters, system_failures=0)


def charged_kind(code: str, message: str, reported: ErrorKind | None) -> ErrorKind | None:
    """Return the budget that paid for a failure, as far as its record tells.

    A node whose retries are spent ends with kind USER, whatever its last error was; the message holds the true kind. An
    attempt past its timeout is aborted without a kind, and the timeout is charged to the user. Sources: flytepropeller
    1.16.8, nodes/executor.go (``execute``, ``handleRetryableFailure``, ``HandleNode``) and nodes/task/handler.go
    (``Abort``).

    Args:
        code: ``ExecutionError.code``.
        message: ``ExecutionError.message``.
        reported: ``ExecutionError.kind``; None: the record has none, and only a kind before the message tells.
    """
    head = message[:4096].lstrip()
    # An error that is not the wrapped one may quote another's: only at its beginning is the wrapping its own.
    wrapped = _LAST_ERROR.search(head) if code.startswith("RetriesExhausted") else _LAST_ERROR.match(head)
    if wrapped is None and reported is None:
        wrapped = _LEADING_KIND.match(head)
    if wrapped is not None:
        return ErrorKind(wrapped[1])
    timed_out = code in ("Task Aborted", "TimeoutExpired") and head.startswith(_TIMEOUTS)
    return ErrorKind.USER if timed_out and reported is not ErrorKind.SYSTEM else reported
