"""A task's body as a process of this machine: what the sandbox's container runs.

Its cluster time is the plan's; how long it really took is reported beside it. Ten minutes of the wall's clock end a
process that hangs, and the message says that the sandbox did it.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

LONGEST: Final = 600.0
"""After how many seconds of the wall's clock a body is killed."""


@attrs.frozen(slots=True)
class Exit:
    """How a process ended."""

    code: int
    """As a container's exit code: 128 and the signal's number for one that a signal ended."""
    seconds: float
    """How long it really ran."""
    message: str = ""
    """Why, where the code does not tell."""


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    longest: float = LONGEST,
    clock: Callable[[], float] = time.monotonic,
) -> Exit:
    """Run a body to its end; what it prints goes where this process's output goes.

    Args:
        command: the program and its arguments.
        environment: its whole environment.
        longest: after how many seconds it is killed.
        clock: the wall's clock, in seconds.
    """
    began = clock()
    try:
        # The task's own command, which its author chose to run.
        process = subprocess.Popen(list(command), env=dict(environment), stdin=subprocess.DEVNULL)  # noqa: S603
    except OSError as error:
        # What a container runtime answers to a command that is not there (runc: exit code 127 or 126).
        code = 127 if isinstance(error, FileNotFoundError) else 126
        return Exit(code, clock() - began, f"exec: {command[0]!r}: {error.strerror or error}")
    try:
        code = process.wait(longest)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return Exit(137, clock() - began, f"the sandbox killed the task's process after {longest:g} s")
    except BaseException:  # Ctrl-C: the body is not left behind
        process.kill()
        process.wait()
        raise
    return Exit(code if code >= 0 else 128 - code, clock() - began)
