"""``podtriage completion``: the scripts by which shells complete commands, options and names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from flytekitplugins_podtriage.cli.errors import InputError
from flytekitplugins_podtriage.cli.options import examples

VARIABLE = "_PODTRIAGE_COMPLETE"
"""The variable by which a shell asks the program for completions, however it was called."""
SHELLS = ("bash", "zsh", "fish")


@click.command(
    epilog=examples(
        "source <(podtriage completion bash)",
        "podtriage completion zsh > ~/.zfunc/_podtriage",
        "podtriage completion fish > ~/.config/fish/completions/podtriage.fish",
    )
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> int:
    """Print the script that completes podtriage's commands, options and names in SHELL.

    `kubectl podtriage` is completed by kubectl's own completion, from kubectl 1.26 on: the program
    kubectl_complete-podtriage answers it.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise InputError(f"no completion for {shell}; expected one of {', '.join(SHELLS)}")
    click.echo(kind(ctx.find_root().command, {}, "podtriage", VARIABLE).source())
    return 0
