"""Symbols, styles and layout shared by the console views."""

from __future__ import annotations

import attrs
from rich.console import ConsoleOptions
from rich.table import Table
from rich.text import Text

from flytekitplugins_podtriage.report.text.event_labels import Tone


@attrs.frozen
class Symbols:
    """The symbols that a console can show; ASCII stands in where its encoding has no others."""

    line: str
    """What the timeline and rules are drawn with."""
    now: str
    """The present, on the timeline."""
    charge: str
    """A charge, on the timeline."""
    times: str
    """Before a count of repetitions."""
    bullet: str
    tones: str
    """One symbol for each tone of timeline entries, in the order of :class:`Tone`."""

    @classmethod
    def of(cls, options: ConsoleOptions) -> Symbols:
        """Return the symbols for a console."""
        return _ASCII if options.ascii_only else _UNICODE

    def of_tone(self, tone: Tone) -> str:
        """Return the symbol of a timeline entry."""
        return self.tones[list(Tone).index(tone)]


_UNICODE = Symbols(
    line="\u2500",
    now="\u2502",
    charge="\u25bc",
    times="\u00d7",
    bullet="\u2022",
    tones="\u25cb\u25cb\u2715\u25cf\u2714\u25a0",
)
_ASCII = Symbols(line="-", now="|", charge="$", times="x", bullet="*", tones="ooxO+#")

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
