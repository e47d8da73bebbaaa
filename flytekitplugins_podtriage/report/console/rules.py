"""The table of rules on a console."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flytekitplugins_podtriage.report.rules import Row


def rules_view(found: Sequence[Row]) -> RenderableType:
    """Return the rules as a table for a terminal; one rule alone is shown whole."""
    if len(found) == 1:
        return _whole(found[0])
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("rule", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("category", no_wrap=True)
    table.add_column("means")
    for row in found:
        table.add_row(row.id, row.kind or "-", row.category or "-", Text(row.means))
    return table


def _whole(row: Row) -> RenderableType:
    parts: list[RenderableType] = [Text(f"{row.id}  {row.kind or '-'}  {row.category or '-'}", style="bold")]
    for name, text in (
        ("means", row.means),
        ("matches", row.matches),
        ("what helps", row.remedy),
        ("source", row.source),
    ):
        if text:
            parts.append(Padding(Text(f"{name}: {text}"), (0, 0, 0, 2)))
    return Group(*parts)
