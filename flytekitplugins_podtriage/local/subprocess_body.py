"""A task's body as a process on this machine, for the sandbox's container.

Its duration in cluster time is the plan's; its real duration is reported too. A process that hangs is killed after ten
minutes of real time, with a message that says so.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

LONGEST: Final = 600.0
"""The real time, in seconds, after which a body is killed."""


@attrs.frozen(slots=True)
class Exit:
    """How a process ended."""

    code: int
    """A container's exit code: after a signal 128 and its number."""
    seconds: float
    """Its real duration."""
    message: str = ""
    """The reason, where the code does not show it."""


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    longest: float = LONGEST,
    clock: Callable[[], float] = time.monotonic,
) -> Exit:
    """Run a body to its end; it inherits this process's output.

    Args:
        command: the program and its arguments.
        environment: its entire environment.
        longest: the time after which it is killed, in seconds.
        clock: returns the real time in seconds.
    """
    began = clock()
    try:
        # The task's own command, which its author chose to run.
        process = subprocess.Popen(list(command), env=dict(environment), stdin=subprocess.DEVNULL)  # noqa: S603
    except OSError as error:
        # As container runtimes do for a command that cannot be started (runc: exit code 127 or 126).
        code = 127 if isinstance(error, FileNotFoundError) else 126
        return Exit(code, clock() - began, f"exec: {command[0]!r}: {error.strerror or error}")
    try:
        code = process.wait(longest)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return Exit(137, clock() - began, f"the sandbox killed the task's process after {longest:g} s")
    except BaseException:  # Ctrl-C: the body must not keep running
        process.kill()
        process.wait()
        raise
    return Exit(code if code >= 0 else 128 - code, clock() - began)
