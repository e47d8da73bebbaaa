"""Where answers go: bytes and text to stdout, pages to files, rich text to a terminal that can show it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, BinaryIO

import click

from flytekitplugins_podtriage.cli.errors import Refused

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


def binary() -> BinaryIO:
    """Return stdout for bytes; what was printed as text before goes first."""
    sys.stdout.flush()
    return sys.stdout.buffer


def print_json(data: bytes) -> None:
    """Print JSON as one line."""
    out = binary()
    out.write(data + b"\n")
    out.flush()


def for_a_person() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


def console(*, error: bool = False) -> Console:
    """Return a console for rich text: colour on a terminal only, and not where ``NO_COLOR`` is set (no-color.org)."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    terminal = stream.isatty()
    plain = not terminal or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Console(
        file=stream,
        force_terminal=terminal,
        color_system=None if plain else "auto",
        highlight=False,
        markup=False,
        emoji=False,
    )


def print_view(view: RenderableType) -> None:
    """Print something rich to stdout; without a terminal, as plain lines that end where their text does."""
    screen = console()
    if screen.is_terminal:
        screen.print(view)
        return
    with screen.capture() as captured:
        screen.print(view)
    for text in captured.get().splitlines():
        sys.stdout.write(f"{text.rstrip()}\n")


def write_page(path: str, page: str) -> None:
    """Write an HTML page to a file, or to stdout for ``-``.

    Raises:
        Refused: the file cannot be written.
    """
    data = page.encode("utf-8", "backslashreplace")
    if path == "-":
        out = binary()
        out.write(data)
        out.flush()
        return
    try:
        with open(path, "wb") as file:
            file.write(data)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Refused(f"--html {path}: {why.lower()}; allowed: a file that can be written, or - for stdout") from error
    click.echo(f"written: {path}", err=True)
