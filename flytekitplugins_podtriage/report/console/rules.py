"""The table of rules on a console."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flytekitplugins_podtriage.report.rules import RuleRow


def rules_view(rows: Sequence[RuleRow]) -> RenderableType:
    """Return the rules as a table; a single rule with all its fields."""
    if len(rows) == 1:
        return _single(rows[0])
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("rule", "kind", "category"):
        table.add_column(head, no_wrap=True)
    table.add_column("means")
    for row in rows:
        table.add_row(row.id, row.kind or "-", row.category or "-", Text(row.means))
    return table


def _single(row: RuleRow) -> RenderableType:
    parts: list[RenderableType] = [Text(f"{row.id}  {row.kind or '-'}  {row.category or '-'}", style="bold")]
    for name, text in (("means", row.means), ("matches", row.matches), ("fix", row.remedy), ("source", row.source)):
        if text:
            parts.append(Padding(Text(f"{name}: {text}"), (0, 0, 0, 2)))
    return Group(*parts)
