"""Signs and layout for the console, and what stands for the signs where the encoding has no others than ASCII."""

from __future__ import annotations

import attrs
from rich.table import Table
from rich.text import Text

from flytekitplugins_podtriage.report.text.event_labels import Tone


@attrs.frozen
class Glyphs:
    """The signs that a console can show."""

    ascii_only: bool = False

    @property
    def rail(self) -> str:
        """What a line of time is drawn with."""
        return "-" if self.ascii_only else "\u2500"

    @property
    def now(self) -> str:
        """The present, on a line of time."""
        return "|" if self.ascii_only else "\u2502"

    @property
    def charge(self) -> str:
        """The moment of a charge, on a line of time."""
        return "$" if self.ascii_only else "\u25bc"

    @property
    def times(self) -> str:
        """Between a thing and how often it happened."""
        return "x" if self.ascii_only else "\u00d7"

    @property
    def bullet(self) -> str:
        """Before a note."""
        return "*" if self.ascii_only else "\u2022"

    def of(self, tone: Tone) -> str:
        """Return the sign of a mark."""
        return (_ASCII if self.ascii_only else _SIGNS)[tone]


_SIGNS = {
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

TONES = {
    Tone.PROGRESS: "dim",
    Tone.PULLING: "cyan",
    Tone.TROUBLE: "red",
    Tone.RUNNING: "green",
    Tone.WELL: "green",
    Tone.ENDED: "bold red",
}
"""Styles of the marks."""

KINDS = {"SYSTEM": "bold yellow", "USER": "bold magenta", "unknown": "bold cyan", "-": "dim"}
"""Styles of whose fault it is."""


def hanging(head: Text, text: Text) -> Table:
    """Return a paragraph with a head or a bullet, whose later lines are indented as the first."""
    table = Table(box=None, show_header=False, padding=0, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(head, text)
    return table
