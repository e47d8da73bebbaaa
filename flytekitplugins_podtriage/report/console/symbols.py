"""Symbols, styles and layout shared by the console views."""

from __future__ import annotations

import attrs
from rich.table import Table
from rich.text import Text

from flytekitplugins_podtriage.report.text.event_labels import Tone


@attrs.frozen
class Symbols:
    """The symbols that a console can show; ASCII stands in where its encoding has no others."""

    ascii_only: bool = False

    @property
    def line(self) -> str:
        """What the timeline and rules are drawn with."""
        return "-" if self.ascii_only else "\u2500"

    @property
    def now(self) -> str:
        """The present, on the timeline."""
        return "|" if self.ascii_only else "\u2502"

    @property
    def charge(self) -> str:
        """A charge, on the timeline."""
        return "$" if self.ascii_only else "\u25bc"

    @property
    def times(self) -> str:
        """Before a count of repetitions."""
        return "x" if self.ascii_only else "\u00d7"

    @property
    def bullet(self) -> str:
        """Before an item of a list."""
        return "*" if self.ascii_only else "\u2022"

    def of_tone(self, tone: Tone) -> str:
        """Return the symbol of a timeline entry."""
        return (_ASCII if self.ascii_only else _UNICODE)[tone]


_UNICODE = {
    Tone.PROGRESS: "\u25cb",
    Tone.PULLING: "\u25cb",
    Tone.TROUBLE: "\u2715",
    Tone.RUNNING: "\u25cf",
    Tone.WELL: "\u2714",
    Tone.ENDED: "\u25a0",
}
_ASCII = {
    Tone.PROGRESS: "o",
    Tone.PULLING: "o",
    Tone.TROUBLE: "x",
    Tone.RUNNING: "O",
    Tone.WELL: "+",
    Tone.ENDED: "#",
}

TONE_STYLES = {
    Tone.PROGRESS: "dim",
    Tone.PULLING: "cyan",
    Tone.TROUBLE: "red",
    Tone.RUNNING: "green",
    Tone.WELL: "green",
    Tone.ENDED: "bold red",
}
FAULT_STYLES = {"SYSTEM": "bold yellow", "USER": "bold magenta", "unknown": "bold cyan", "-": "dim"}

NARROW = 60
"""Below this width lists replace the tables, so that nothing is cut off."""


def hanging(head: Text, text: Text) -> Table:
    """Return a paragraph with a head or bullet, its later lines indented like its first."""
    grid = Table(box=None, show_header=False, padding=0, pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(head, text)
    return grid


def fix(remedy: str) -> Table:
    """Return a remedy as the paragraph that ends a view."""
    return hanging(Text("Fix: ", style="bold green"), Text(remedy))


def plain_table(*, gap: int = 3) -> Table:
    """Return a table without lines, and with bold heads."""
    return Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold", show_edge=False)
