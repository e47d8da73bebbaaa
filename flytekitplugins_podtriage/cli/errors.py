"""Exit codes, and the one-line error on stderr for input that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

EXIT_FAILING = 1
"""The pod, execution or workflow that the command was asked about is failing."""
EXIT_BAD_INPUT = 2
"""Bad usage or bad input."""
EXIT_PIPE_CLOSED = 141
"""The reader of stdout went away (as shells report SIGPIPE)."""
EXIT_INTERRUPTED = 130
"""Ctrl-C (as shells report SIGINT)."""

_MAX_LENGTH = 400


class InputError(click.ClickException):
    """Input that cannot be used. The message says what is wrong, where, and what is expected."""

    exit_code = EXIT_BAD_INPUT

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the error as one line."""
        click.echo(error_line(f"podtriage: {self.format_message()}"), file=file, err=file is None)


class NoDocument(InputError):
    """Input that is no pod in JSON or YAML; it may be a text for people."""


@contextmanager
def input_errors(*kinds: type[Exception], source: str = "") -> Iterator[None]:
    """Raise errors of these kinds as an :class:`InputError`, whose message begins with the source."""
    try:
        yield
    except kinds as error:
        raise InputError(f"{source}: {error}" if source else str(error)) from error


def error_line(text: str) -> str:
    """Return an error message as one short, sanitized line."""
    from flytekitplugins_podtriage.report.text.sanitize import one_line

    return one_line(text, _MAX_LENGTH)
