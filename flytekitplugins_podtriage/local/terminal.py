"""Text for people on stdout and stderr: its colours, its width, and no blanks at the ends of lines."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, Literal, TextIO

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.segment import Segment

_PIPE_WIDTH: Final = 2000
"""Into a pipe or a file sentences and the rows of tables stay on one line each, unless ``COLUMNS`` is set."""


def is_coloured(environ: Mapping[str, str], *, is_terminal: bool) -> bool:
    """Whether to write colours.

    ``NO_COLOR`` (no-color.org) forbids them, else ``FORCE_COLOR`` (force-color.org) asks for them anywhere; otherwise
    they are for terminals that are not dumb. The order is that of Python's own tracebacks.
    """
    if environ.get("NO_COLOR"):
        return False
    return bool(environ.get("FORCE_COLOR")) or (is_terminal and environ.get("TERM") != "dumb")


def console(stream: TextIO) -> Console:
    """Return a console for rich text on a stream."""
    from rich.console import Console

    is_terminal = stream.isatty()
    color_system: Literal["auto", "standard"] | None = None
    if is_coloured(os.environ, is_terminal=is_terminal):
        # A pipe has no colours to be detected; the sixteen of the standard are shown everywhere.
        color_system = "auto" if is_terminal and os.environ.get("TERM") != "dumb" else "standard"
    return Console(
        file=stream,
        force_terminal=is_terminal,
        color_system=color_system,
        no_color=False,  # decided here, bold text included
        width=None if is_terminal or os.environ.get("COLUMNS", "").isdigit() else _PIPE_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
    )


def print_view(view: RenderableType, stream: TextIO, *, cut: bool = True) -> None:
    """Print a rich renderable to a stream, without blanks at the ends of lines.

    Without ``cut`` lines are as long as they need, whatever the width.
    """
    from rich.segment import Segment, Segments

    screen = console(stream)
    parts: list[Segment] = []
    options = None if cut else screen.options.update(width=_PIPE_WIDTH)
    for line in screen.render_lines(view, options, pad=False):
        parts += [*_without_trailing_blanks(line), Segment.line()]
    screen.print(Segments(parts), end="", soft_wrap=not cut)


def _without_trailing_blanks(line: list[Segment]) -> Iterator[Segment]:
    end = len(line)
    while end and not line[end - 1].text.strip():
        end -= 1
    yield from line[: end - 1]
    if end:
        last = line[end - 1]
        yield last._replace(text=last.text.rstrip())
