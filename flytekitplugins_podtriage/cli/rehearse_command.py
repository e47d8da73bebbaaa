"""``podtriage rehearse``: a workflow under injected faults, offline, on each backend."""

from __future__ import annotations

import click

from flytekitplugins_podtriage.cli.completers import complete_file
from flytekitplugins_podtriage.cli.errors import EXIT_FAILING
from flytekitplugins_podtriage.cli.options import examples, html_option, json_option

RUN_ON = ("connector", "guard", "flyte-1.16", "flyte-2")
"""As in flyte.settings; repeated here so that ``--help`` need not import it (a test compares them)."""


@click.command(epilog=examples('podtriage rehearse workflow.py wf --fault "docker.io: 429 for 20m" --input rows=3'))
@click.argument("file", metavar="FILE", shell_complete=complete_file)
@click.argument("workflow", metavar="WORKFLOW")
@click.option(
    "--fault",
    "faults",
    metavar="FAULT",
    multiple=True,
    help="Inject a fault, e.g. 'docker.io: 429 for 4m'; repeatable.",
)
@click.option(
    "--plan", "plan", metavar="FILE", shell_complete=complete_file, help="Inject the faults in FILE, one per line."
)
@click.option("--strict", is_flag=True, help="Fail (exit code 2) if a fault never occurred.")
@click.option("--input", "inputs", metavar="KEY=VALUE", multiple=True, help="Set a workflow input; repeatable.")
@click.option(
    "--on", "run_on", type=click.Choice(RUN_ON), default="connector", show_default=True, help="Run on this backend."
)
@click.option("--inline", is_flag=True, help="Run task bodies in this process instead of a subprocess each.")
@click.option("--run-commands", is_flag=True, help="Also run the commands of container tasks, on this machine.")
@json_option
@html_option
def rehearse(
    file: str,
    workflow: str,
    faults: tuple[str, ...],
    plan: str | None,
    strict: bool,
    inputs: tuple[str, ...],
    run_on: str,
    inline: bool,
    run_commands: bool,
    as_json: bool,
    html: str | None,
) -> int:
    """Run WORKFLOW (or a task) from a Python FILE in the sandbox; show where it fails and who pays on each backend.

    Python tasks need no PodTriage(); those of other plugins have no attempts, and only attempts that meet trouble are
    shown. The same faults are then injected on the other backends; task bodies run once. The exit code is 1 if the
    workflow fails under these faults. A fault that never occurred, on any backend, is a warning on stderr that says
    which names there were.
    """
    from flytekitplugins_podtriage.cli.errors import EXIT_BAD_INPUT, InputError, error_line
    from flytekitplugins_podtriage.cli.output import print_json, print_view, write_page
    from flytekitplugins_podtriage.local.rehearsal import rehearse as run_rehearsal

    if as_json and html:
        raise click.UsageError("--json and --html exclude each other")
    if faults and plan:
        raise click.UsageError("--fault and --plan exclude each other")
    settings = {  # None: as configured
        "run_on": run_on,
        "compare": True,
        "plan": f"@{plan}" if plan else "\n".join(faults) or None,
        "bodies": "inline" if inline else None,
        "run_commands": run_commands or None,
    }
    try:
        rehearsal = run_rehearsal(file, workflow, inputs, settings)
    except ValueError as error:
        raise InputError(" ".join(str(error).split())) from error
    runs = rehearsal.runs
    is_task = len(runs) == 1 and runs[0][0].task.rpartition(".")[2] == workflow
    if html is not None:
        from flytekitplugins_podtriage.report.html.runs import page

        write_page(html, page(runs, rehearsal.error, is_task=is_task))
    elif as_json:
        from flytekitplugins_podtriage.report.as_json import runs_json

        print_json(runs_json(runs, rehearsal.error, rehearsal.warnings, is_task=is_task))
    else:
        from flytekitplugins_podtriage.report.console.runs import RunsView

        print_view(RunsView(runs, rehearsal.error, is_task))
    for warning in rehearsal.warnings:
        click.echo(error_line(f"podtriage rehearse: {'error' if strict else 'warning'}: {warning}"), err=True)
    if strict and rehearsal.warnings:
        return EXIT_BAD_INPUT
    return 0 if rehearsal.error is None else EXIT_FAILING
