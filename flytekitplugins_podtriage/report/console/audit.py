"""An audit on a console: the headline, and tables by category, task and registry."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flytekitplugins_podtriage.report.audit import HEADS, Audit, Row, numbers
from flytekitplugins_podtriage.report.console.symbols import Glyphs, hanging

MOST_SHOWN = 12
"""How many rows of each table a person is shown; ``--json`` has them all."""
_NARROW = 72
"""Below this width the columns move closer together, so that none is left out."""


class AuditView:
    """Renders an audit."""

    def __init__(self, answer: Audit) -> None:
        self.answer = answer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the headline, then the tables."""
        answer, glyphs = self.answer, Glyphs(options.ascii_only)
        style = "bold red" if answer.total.user_wronged else "bold green" if answer.total.attempts else "bold"
        yield Text(answer.headline, style=style)
        yield Text(answer.source, style="dim")
        if answer.other_lines:
            yield Text()
            for told in answer.other_lines:
                yield Padding(hanging(Text(f"{glyphs.bullet} "), Text(told)), (0, 2))
        if not answer.total.attempts:
            return
        for title, rows in (
            ("by category", answer.categories),
            ("by task", answer.tasks),
            ("by registry", answer.registries),
        ):
            if rows:
                yield Text()
                yield Padding(table(title, rows, options.max_width), (0, 0, 0, 2))
                if len(rows) > MOST_SHOWN:
                    yield Padding(Text(f"and {len(rows) - MOST_SHOWN} more (--json has them all)", style="dim"), (0, 4))
        if answer.examples:
            yield Text()
            yield Padding(Text("charged to users for the platform's reasons, for example", style="bold"), (0, 2))
            for example in answer.examples[:6]:
                text = Text()
                if example.what:
                    text.append(f"{example.what}  ", style="bold")
                text.append(example.category, style="yellow").append(f'  "{example.said}"', style="italic")
                yield Padding(hanging(Text(f"{glyphs.bullet} "), text), (0, 2))
        if answer.from_text:
            yield Text()
            yield Padding(Text("Judged from the messages alone: a pod and its events would tell more.", "dim"), (0, 2))


def table(title: str, rows: Sequence[Row], width: int) -> Table:
    """Return a table of counts; a zero is a mere dot, so that the others stand out."""
    narrow = width < _NARROW
    gap = 1 if narrow else 2
    shown = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold", show_edge=False)
    shown.add_column(title, overflow="fold", min_width=12, vertical="bottom")
    for head in HEADS:
        name = "all" if narrow and head == "attempts" else head.replace(" ", "\n")
        shown.add_column(name, justify="right", no_wrap=True, vertical="bottom")
    for row in rows[:MOST_SHOWN]:
        cells = [Text(str(number) if number else ".", style="" if number else "dim") for number in numbers(row)]
        if row.user_wronged:
            cells[3].stylize("bold red")
        if row.system_wronged:
            cells[4].stylize("bold magenta")
        shown.add_row(Text(row.name), *cells)
    return shown
