"""A paragraph with a head or a bullet, whose later lines are indented as the first."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text


def hanging(head: Text, text: Text) -> Table:
    """Return the two beside each other."""
    table = Table(box=None, show_header=False, padding=0, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(head, text)
    return table
