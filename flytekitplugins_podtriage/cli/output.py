"""Where answers go: bytes and text to stdout, pages to files, rich text to a terminal that can show it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, BinaryIO

import click

from flytekitplugins_podtriage.cli.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


def stdout_bytes() -> BinaryIO:
    """Return stdout for bytes, after flushing what was printed as text."""
    sys.stdout.flush()
    return sys.stdout.buffer


def print_bytes(data: bytes) -> None:
    """Print bytes as they are."""
    out = stdout_bytes()
    out.write(data)
    out.flush()


def print_json(data: bytes) -> None:
    """Print JSON as one line."""
    print_bytes(data + b"\n")


def print_document(data: bytes, form: str) -> None:
    """Print one line of JSON as ``json`` or as a document of ``yaml``."""
    if form != "yaml":
        print_json(data)
        return
    import json

    import yaml

    text = yaml.safe_dump(json.loads(data), sort_keys=False, allow_unicode=True, width=120)
    print_bytes(f"---\n{text}".encode())


def stdout_is_terminal() -> bool:
    """Whether a person reads stdout."""
    return sys.stdout.isatty()


def console(*, error: bool = False) -> Console:
    """Return a console for rich text on stdout or stderr."""
    from flytekitplugins_podtriage.local import terminal

    return terminal.console(sys.stderr if error else sys.stdout)


def print_view(view: RenderableType, *, cut: bool = True) -> None:
    """Print a rich renderable to stdout; without ``cut`` lines are as long as they need, whatever the width."""
    from flytekitplugins_podtriage.local import terminal

    terminal.print_view(view, sys.stdout, cut=cut)


def write_page(path: str, page: str) -> None:
    """Write an HTML page to a file, or to stdout for ``-``.

    Raises:
        InputError: the file cannot be written.
    """
    data = page.encode("utf-8", "backslashreplace")
    if path == "-":
        print_bytes(data)
        return
    try:
        with open(path, "wb") as file:
            file.write(data)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"--html {path}: {reason.lower()}; expected a writable file or - for stdout") from error
    click.echo(f"written: {path}", err=True)
