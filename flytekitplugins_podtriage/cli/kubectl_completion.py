"""``kubectl_complete-podtriage``: what kubectl asks its plugin for when somebody presses Tab.

kubectl from 1.26 on runs it with the words of the command line (kubectl pkg/cmd/plugin_completion.go); it prints one
candidate per line, and then a directive of cobra after a colon.
"""

from __future__ import annotations

import sys

import click
from click.shell_completion import ShellComplete

from flytekitplugins_podtriage.cli.completion import VARIABLE
from flytekitplugins_podtriage.cli.main import cli

_DEFAULT, _NO_FILES = 0, 4
"""Directives (cobra completions.go): complete files where there is no candidate; never complete files."""


def main() -> None:
    """Print what may follow the arguments but the last one, which is the beginning of a word."""
    *arguments, incomplete = sys.argv[1:] or [""]
    items = ShellComplete(cli, {}, "podtriage", VARIABLE).get_completions(arguments, incomplete)
    named = [item for item in items if item.type == "plain"]
    for item in named:
        click.echo(f"{item.value}\t{item.help}" if item.help else item.value)
    click.echo(f":{_DEFAULT if len(named) < len(items) else _NO_FILES}")
