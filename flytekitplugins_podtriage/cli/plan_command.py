"""``podtriage plan``: fault plans, without running anything."""

from __future__ import annotations

import click

from flytekitplugins_podtriage.cli.completers import complete_file
from flytekitplugins_podtriage.cli.errors import EXIT_BAD_INPUT, error_line
from flytekitplugins_podtriage.cli.group import CommandGroup
from flytekitplugins_podtriage.cli.options import examples, json_option


@click.group(
    cls=CommandGroup,
    commands_by_name={"check": (f"{__name__}:check", "Check the faults in a file.")},
    invoke_without_command=True,
    epilog=examples("podtriage plan check faults.plan"),
)
@click.pass_context
def plan(ctx: click.Context) -> None:
    """Work with fault plans, which say what goes wrong in a rehearsal (docs/sandbox_plan.md)."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@click.command(
    epilog=examples(
        "podtriage plan check faults.plan",
        "echo 'docker.io: 429 for 4m' | podtriage plan check --strict -",
    )
)
@click.argument("file", metavar="FILE", shell_complete=complete_file)
@click.option("--strict", is_flag=True, help="Fail (exit code 2) if a fault looks like a mistake.")
@json_option
def check(file: str, strict: bool, as_json: bool) -> int:
    """Check the plan in FILE (- is stdin), and print its faults as they are understood.

    Every line that is no fault is an error (exit code 2), with the line that it resembles. A registry that is spelt
    almost like a well-known one, and a fault that an earlier line always hides, are warnings. Which faults occur shows
    a rehearsal: `podtriage rehearse ... --plan FILE --strict`.
    """
    from flytekitplugins_podtriage.cli.input import read_text, source_name
    from flytekitplugins_podtriage.cli.output import print_json
    from flytekitplugins_podtriage.report.as_json import plan_json
    from flytekitplugins_podtriage.sandbox.faults.occurrences import doubtful
    from flytekitplugins_podtriage.sandbox.faults.plan import Plan
    from flytekitplugins_podtriage.sandbox.faults.replay import ReplayError, load

    source = source_name(file)
    faults, errors = Plan.check(read_text(file), source=source)
    for fault in faults.faults:
        if fault.target == "replay":
            try:
                load(fault.text, fault.name)
            except ReplayError as error:
                errors.append(f"{source}: {error}")
    warnings = list(doubtful(faults))
    if as_json:
        print_json(plan_json(source, list(map(str, faults.faults)), errors, warnings))
    else:
        count = len(faults.faults)
        click.echo(f"{source}: {count or 'no'} fault{'' if count == 1 else 's'}")
        for fault in faults.faults:
            click.echo(f"  {fault}")
    for message in errors:
        click.echo(error_line(f"podtriage plan check: {message}"), err=True)
    for message in warnings:
        kind = "error" if strict else "warning"
        click.echo(error_line(f"podtriage plan check: {source}: {kind}: {message}"), err=True)
    return EXIT_BAD_INPUT if errors or (strict and warnings) else 0
