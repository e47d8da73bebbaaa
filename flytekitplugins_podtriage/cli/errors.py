"""How the command line says no: one line on stderr, and the exit code 2."""

from __future__ import annotations

from typing import IO, Any

import click

FAILING = 1
"""Exit code of a command that was asked about a pod, and whose answer is that it fails."""
REFUSED = 2
"""Exit code for bad usage or bad input."""
CLOSED = 141
"""Exit code where the reader of the output went away (what a shell reports for SIGPIPE)."""
INTERRUPTED = 130
"""Exit code after Ctrl-C (what a shell reports for SIGINT)."""

_LONGEST = 400


class Refused(click.ClickException):
    """Input that cannot be used. The message says what is wrong, where, and what is allowed."""

    exit_code = REFUSED

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the one line."""
        click.echo(one_line(f"podtriage: {self.format_message()}"), file=file, err=file is None)


def one_line(text: str) -> str:
    """Return a text as one line that is fit to be shown, and not a long one."""
    from flytekitplugins_podtriage.report.text.sanitize import line

    return line(text, _LONGEST)
