"""The command group: imports a command only when it is run, and maps every way to end to an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from flytekitplugins_podtriage.cli.errors import EXIT_BAD_INPUT, EXIT_INTERRUPTED, EXIT_PIPE_CLOSED, error_line
from flytekitplugins_podtriage.core.text.suggestions import did_you_mean

TRACEBACK = "PODTRIAGE_TRACEBACK"
"""Environment variable: if set, an internal error shows its traceback, for a bug report."""


class CommandGroup(click.Group):
    """A group whose commands are in modules of their own."""

    def __init__(self, *args: Any, commands_by_name: Mapping[str, tuple[str, str]], **options: Any) -> None:
        """Take the commands as ``name -> ("module:attribute", one-line help)``."""
        super().__init__(*args, **options)
        self._commands_by_name = commands_by_name

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(self._commands_by_name)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is none of that name."""
        entry = self._commands_by_name.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry[0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve the command; the error for an unknown one names those that exist.

        Completion of a command line is no occasion for errors (click, ``Group.resolve_command``).
        """
        unknown = args and not args[0].startswith("-") and args[0] not in self._commands_by_name
        if unknown and not ctx.resilient_parsing:
            names = self._commands_by_name
            hint = did_you_mean(args[0], names)
            ctx.fail(f"unknown command {args[0]!r};{hint} expected one of {', '.join(names)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry[1]) for name, entry in self._commands_by_name.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; the reader of stdout may go away, and the user may interrupt it."""
        try:
            status = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _discard_stdout()
            raise click.exceptions.Exit(EXIT_PIPE_CLOSED) from None
        except KeyboardInterrupt:
            raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
        return status

    def main(self, *args: Any, standalone_mode: bool = True, **options: Any) -> Any:
        """Run as a program: every error becomes one line on stderr and an exit code."""
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **options)  # type: ignore[call-overload]
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                # A character that the terminal's encoding lacks is shown by its number.
                stream.reconfigure(errors="backslashreplace")
        try:
            status = super().main(*args, standalone_mode=False, **options)  # type: ignore[call-overload]
        except click.ClickException as error:
            _print_error(error)
            status = EXIT_BAD_INPUT
        except click.exceptions.Abort:
            status = EXIT_INTERRUPTED
        except OSError as error:
            # Errors of input are InputErrors: this is stdout, on a disk that is full or gone.
            _discard_stdout()
            click.echo(error_line(f"podtriage: stdout: {error.strerror or error}"), err=True)
            status = EXIT_BAD_INPUT
        except Exception as error:
            if os.environ.get(TRACEBACK):
                raise
            hint = f"internal error; please report it with the traceback that {TRACEBACK}=1 shows"
            click.echo(error_line(f"podtriage: {type(error).__name__}: {error} ({hint})"), err=True)
            status = EXIT_BAD_INPUT
        sys.exit(status if isinstance(status, int) else 0)


def _print_error(error: click.ClickException) -> None:
    """Print an error as one line that starts with the command."""
    ctx = getattr(error, "ctx", None)
    command = ctx.command_path if ctx is not None else "podtriage"
    message = error.format_message().rstrip(".")
    if ctx is not None and isinstance(error, click.NoSuchOption):
        options = sorted(name for item in ctx.command.params for name in item.opts if name.startswith("--"))
        hint = did_you_mean(error.option_name, options)
        message = f"unknown option {error.option_name!r};{hint} expected one of {', '.join(options)}"
    elif isinstance(error, click.UsageError):
        message = f"{message} (see {command} --help)"
    click.echo(error_line(f"{command}: {message}"), err=True)


def _discard_stdout() -> None:
    """Redirect stdout to the null device, so that Python's flush at exit does not fail."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    except (OSError, ValueError):  # stdout is not a real file: a test's, or closed
        pass
