"""A program that never outlives the tests."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

_PATIENCE = 60.0
"""Seconds that a program may take to end."""

# Reads until pytest closes its end of the pipe, which happens however pytest ends.
_REAPER = 'read -r _; kill -9 "$1"'


class Process:
    """A program in a session of its own (a Ctrl-C is for pytest), which writes to a log.

    Args:
        command: the program and its flags.
        log: the file that is appended to.
    """

    def __init__(self, command: list[str], log: Path) -> None:
        with log.open("ab") as file:
            self._program = subprocess.Popen(
                command, cwd=log.parent, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )
        self._reaper = subprocess.Popen(
            ["sh", "-c", _REAPER, "sh", str(self._program.pid)], stdin=subprocess.PIPE, start_new_session=True
        )

    @property
    def pid(self) -> int:
        """The id of its first process."""
        return self._program.pid

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._program.poll()

    def send(self, how: signal.Signals) -> None:
        """Send it a signal that does not end it."""
        self._program.send_signal(how)

    def end(self, how: signal.Signals) -> None:
        """End it, and wait until it has.

        Raises:
            TimeoutExpired: it took too long, and was killed.
        """
        try:
            self._program.send_signal(how)
            self._program.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._program.kill()
            self._program.wait()
            raise
        finally:
            self._reaper.kill()
            self._reaper.communicate()
