"""The program ``podtriage``: the table of its commands."""

from __future__ import annotations

import os
import sys

import click

from flytekitplugins_podtriage.cli.group import CommandGroup

_PACKAGE = "flytekitplugins_podtriage.cli"

COMMANDS = {
    "diagnose": (f"{_PACKAGE}.diagnose_command:diagnose", "Diagnose an error message."),
    "triage": (f"{_PACKAGE}.triage_command:triage", "Judge a pod, or thousands of them line by line."),
    "explain": (f"{_PACKAGE}.explain_command:explain", "Explain a pod or execution: what happened, who pays, the fix."),
    "audit": (f"{_PACKAGE}.audit_command:audit", "Count failed attempts that were charged to the wrong retries."),
    "guard": (f"{_PACKAGE}.guard_command:guard", "Make stock Flyte charge the right retries: a controller."),
    "doctor": (f"{_PACKAGE}.doctor_command:doctor", "Find what in a cluster defeats the guard."),
    "rehearse": (f"{_PACKAGE}.rehearse_command:rehearse", "Run a workflow under injected faults, offline."),
    "plan": (f"{_PACKAGE}.plan_command:plan", "Check a fault plan without running anything."),
    "rules": (f"{_PACKAGE}.rules_command:rules", "List the rules and their sources."),
    "completion": (f"{_PACKAGE}.completion:completion", "Print a shell's completion script."),
}
"""Where each command is, and its one-line help."""


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
    cls=CommandGroup,
    commands_by_name=COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 the pod or execution is failing, 2 bad usage or input (one line on stderr).",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Find out why a Kubernetes pod failed, whose fault it is, and which of Flyte's retries pay for it."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """Run the program: the entry point of ``podtriage`` and ``kubectl-podtriage``."""
    cli(prog_name=called_as(sys.argv[0]), complete_var="_PODTRIAGE_COMPLETE")


def called_as(path: str) -> str:
    """Return how the program was called, for usage lines and errors.

    >>> [
    ...     called_as(path)
    ...     for path in ("/usr/bin/kubectl-podtriage", "podtriage", "/x/flytekitplugins_podtriage/__main__.py")
    ... ]
    ['kubectl podtriage', 'podtriage', 'python -m flytekitplugins_podtriage']
    """
    folder, name = os.path.split(path)
    if name.removesuffix(".exe") == "kubectl-podtriage":
        return "kubectl podtriage"
    if name == "__main__.py":
        package = "flytekitplugins_podtriage"
        return f"python -m {package}{'.cli' if os.path.basename(folder) == 'cli' else ''}"
    return "podtriage"
