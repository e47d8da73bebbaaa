"""What completes the values of options and arguments."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem


def complete_rule(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the ids of rules that begin with a word."""
    from flytekitplugins_podtriage.report.rules import rule_rows

    rows = rule_rows(None, stock=True)
    return [CompletionItem(row.id, help=row.means) for row in rows if row.id.startswith(incomplete)]


def complete_file(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Leave it to the shell: a file."""
    return [CompletionItem(incomplete, type="file")]
