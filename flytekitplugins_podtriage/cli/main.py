"""The program ``podtriage``: the table of its commands."""

from __future__ import annotations

import click

from flytekitplugins_podtriage.cli.group import Program

_HERE = "flytekitplugins_podtriage.cli"

COMMANDS = {
    "diagnose": (f"{_HERE}.diagnose_command:diagnose", "Tell from one message why something failed."),
    "triage": (f"{_HERE}.triage_command:triage", "Judge a pod, or thousands of them line by line."),
    "explain": (f"{_HERE}.explain_command:explain", "Explain a pod or an execution: what happened, and who pays."),
    "audit": (f"{_HERE}.audit_command:audit", "Count who was charged for failed attempts, and who should have been."),
    "rehearse": (f"{_HERE}.rehearse_command:rehearse", "Run a workflow under injected faults, offline: who pays?"),
    "rules": (f"{_HERE}.rules_command:rules", "Print the table of rules, with sources."),
}
"""Each command's home, and what it does in a line."""


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        number = version("flytekitplugins-podtriage")
    except PackageNotFoundError:  # run from a checkout that was not installed
        number = "unknown"
    click.echo(f"podtriage {number}")
    ctx.exit()


@click.group(
    cls=Program,
    homes=COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 the pod or execution is failing, 2 bad usage or input (one line on stderr).",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Whose fault is it that a Kubernetes pod failed, and which of Flyte's retry budgets pays?"""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """Run the program: the entry point of ``podtriage`` and ``kubectl-podtriage``."""
    cli(prog_name="podtriage")
