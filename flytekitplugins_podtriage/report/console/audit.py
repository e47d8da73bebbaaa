"""An audit on a console: the headline, and tables by category, task and registry."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.text import Text

from flytekitplugins_podtriage.report.audit import FROM_TEXT, Audit, Row
from flytekitplugins_podtriage.report.console.symbols import NARROW, Symbols, hanging, plain_table

MAX_ROWS = 12
"""How many rows of each table a person is shown; ``--json`` has them all."""
_MAX_EXAMPLES = 6
_CLOSE = 72
"""Below this width the columns move closer together."""
_HEADS = ("attempts", "user retries", "system retries", "wrongly user", "wrongly system", "unknown")
"""The heads of :attr:`Row.counts`."""
_STYLES = ("", "", "", "bold red", "bold magenta", "")


@attrs.frozen
class AuditView:
    """Renders an audit."""

    audit: Audit

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        audit, symbols = self.audit, Symbols.of(options)
        style = "bold red" if audit.total.wrongly_user else "bold green" if audit.total.attempts else "bold"
        yield Text(audit.headline, style=style)
        yield Text(audit.source, style="dim")
        if audit.details:
            yield Text()
            for detail in audit.details:
                yield Padding(hanging(Text(f"{symbols.bullet} "), Text(detail)), (0, 2))
        if not audit.total.attempts:
            return
        for title, rows in audit.tables:
            yield Text()
            yield Padding(_table(title, rows[:MAX_ROWS], options.max_width), (0, 0, 0, 2))
            if len(rows) > MAX_ROWS:
                yield Padding(Text(f"and {len(rows) - MAX_ROWS} more (--json shows all)", style="dim"), (0, 4))
        if audit.examples:
            yield Text()
            yield Padding(Text("examples of wrong charges to user retries", style="bold"), (0, 2))
            for example in audit.examples[:_MAX_EXAMPLES]:
                text = Text(f"{example.name}  " if example.name else "", style="bold")
                text = text + Text(example.category, "yellow") + Text(f'  "{example.excerpt}"', "italic")
                yield Padding(hanging(Text(f"{symbols.bullet} "), text), (0, 2))
        if audit.from_text:
            yield Text()
            yield Padding(Text(FROM_TEXT, "dim"), (0, 2))


def _table(title: str, rows: Sequence[Row], width: int) -> RenderableType:
    """Return a table of counts; zeros are dots, so that the other numbers stand out."""
    if width < NARROW:
        return _list(title, rows)
    close = width < _CLOSE
    table = plain_table(gap=1 if close else 2)
    table.add_column(title, overflow="fold", min_width=12, vertical="bottom")
    for head in _HEADS:
        name = "all" if close and head == "attempts" else "\n".join(head.split())
        table.add_column(name, justify="right", no_wrap=True, vertical="bottom")
    for row in rows:
        cells = [
            Text(str(count), style) if count else Text(".", "dim")
            for count, style in zip(row.counts, _STYLES, strict=True)
        ]
        table.add_row(Text(row.name), *cells)
    return table


def _list(title: str, rows: Sequence[Row]) -> RenderableType:
    """Return the counts below each other, for a console too narrow for a table."""
    parts: list[RenderableType] = [Text(title, style="bold")]
    for row in rows:
        counts = [f"{head} {count}" for head, count in zip(_HEADS, row.counts, strict=True) if count]
        parts += [Text(row.name, overflow="fold"), hanging(Text("  "), Text(", ".join(counts)))]
    return Group(*parts)
