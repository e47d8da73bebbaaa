"""The root of the commands: loads each when it is asked for, and turns every way to end into a line and a code."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from flytekitplugins_podtriage.cli.errors import CLOSED, INTERRUPTED, REFUSED, one_line

TRACEBACK = "PODTRIAGE_TRACEBACK"
"""Environment variable: anything in it has an unforeseen error raised with its traceback, for a report of the bug."""


class Program(click.Group):
    """A group of commands that live in modules of their own."""

    def __init__(self, *args: Any, homes: Mapping[str, tuple[str, str]], **extra: Any) -> None:
        """Take the commands as ``name -> ("module:attribute", what it does in a line)``."""
        super().__init__(*args, **extra)
        self._homes = homes

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which they were given."""
        return list(self._homes)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None where there is none of that name."""
        home = self._homes.get(cmd_name)
        if home is None:
            return None
        module, _, attribute = home[0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is refused with the names that there are."""
        if args and not args[0].startswith("-") and args[0] not in self._homes:
            ctx.fail(f"no command {args[0]!r}; allowed: {', '.join(self._homes)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, home[1]) for name, home in self._homes.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; its reader may go away, and its user may interrupt it."""
        try:
            status = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _forget_stdout()
            raise click.exceptions.Exit(CLOSED) from None
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None
        return status

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run as a program: whatever happens ends in an exit code, and a refusal in one line on stderr."""
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **extra)  # type: ignore[call-overload]
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                # A terminal that cannot show a character shows its number.
                stream.reconfigure(errors="backslashreplace")
        try:
            status = super().main(*args, standalone_mode=False, **extra)  # type: ignore[call-overload]
        except click.ClickException as error:
            _say(error)
            status = REFUSED
        except click.exceptions.Abort:
            status = INTERRUPTED
        except OSError as error:
            # What is read is refused where it is opened: this is stdout, on a disk that is full or gone.
            _forget_stdout()
            click.echo(one_line(f"podtriage: stdout: {error.strerror or error}"), err=True)
            status = REFUSED
        except Exception as error:
            if os.environ.get(TRACEBACK):
                raise
            click.echo(
                one_line(
                    f"podtriage: {type(error).__name__}: {error} (unforeseen; "
                    f"{TRACEBACK}=1 shows where, please report it)"
                ),
                err=True,
            )
            status = REFUSED
        sys.exit(status if isinstance(status, int) else 0)


def _say(error: click.ClickException) -> None:
    """Print a refusal as one line, with the command it is about."""
    ctx = getattr(error, "ctx", None)
    about = ctx.command_path if ctx is not None else "podtriage"
    message = error.format_message().rstrip(".")
    if ctx is not None and isinstance(error, click.NoSuchOption):
        options = sorted(name for item in ctx.command.params for name in item.opts if name.startswith("--"))
        message = f"{message}; allowed: {', '.join(options)}"
    elif isinstance(error, click.UsageError):
        message = f"{message} (see {about} --help)"
    click.echo(one_line(f"{about}: {message}"), err=True)


def _forget_stdout() -> None:
    """Point stdout to nowhere, so that Python does not complain when it flushes it at the end."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):  # stdout is no file: a test's, or closed
        pass
