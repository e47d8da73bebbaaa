"""``podtriage rehearse``: a workflow under injected faults, offline, backend beside backend."""

from __future__ import annotations

import click

from flytekitplugins_podtriage.cli.options import html_option, json_option

RUN_ON = ("connector", "guard", "flyte-1.16", "flyte-2")
"""As in flyte.settings; repeated here so that ``--help`` need not import it (a test compares them)."""


@click.command(short_help="Run a workflow under injected faults, offline: who pays?")
@click.argument("file", metavar="FILE")
@click.argument("workflow", metavar="WORKFLOW")
@click.option(
    "--fault", "faults", metavar="FAULT", multiple=True, help="A fault, as 'docker.io: 429 for 4m'; repeatable."
)
@click.option("--plan", "plan", metavar="FILE", help="A file of faults, one a line.")
@click.option("--input", "inputs", metavar="KEY=VALUE", multiple=True, help="An input of the workflow; repeatable.")
@click.option("--on", "run_on", type=click.Choice(RUN_ON), default="connector", show_default=True, help="Whose rules.")
@click.option("--inline", is_flag=True, help="Run the tasks' bodies in this process, not in one of their own.")
@click.option("--run-commands", is_flag=True, help="Run the commands of container tasks too, on this machine.")
@json_option
@html_option
def rehearse(
    file: str,
    workflow: str,
    faults: tuple[str, ...],
    plan: str | None,
    inputs: tuple[str, ...],
    run_on: str,
    inline: bool,
    run_commands: bool,
    as_json: bool,
    html: str | None,
) -> int:
    """Run WORKFLOW (or a task) of a Python FILE in the sandbox; show attempts, budgets and who pays, by backend.

    Only tasks with PodTriage() go through attempts. The same faults are then played to the other backends; the bodies
    run once. Exit code 1: the workflow fails under these faults.
    """
    from flytekitplugins_podtriage.cli.errors import Refused
    from flytekitplugins_podtriage.cli.output import print_json, print_view, write_page
    from flytekitplugins_podtriage.local.rehearsal import rehearse as run

    if faults and plan:
        raise click.UsageError("--fault and --plan exclude each other")
    settings: dict[str, object] = {"run_on": run_on, "compare": True}
    if faults or plan:
        settings["plan"] = f"@{plan}" if plan else "\n".join(faults)
    if inline:
        settings["bodies"] = "inline"
    if run_commands:
        settings["run_commands"] = True
    try:
        found = run(file, workflow, inputs, settings)
    except ValueError as error:
        raise Refused(" ".join(str(error).split())) from error
    if html is not None:
        from flytekitplugins_podtriage.report.html.runs import page

        write_page(html, page(found.runs, found.error))
    elif as_json:
        from flytekitplugins_podtriage.report.as_json import runs_json

        print_json(runs_json([one for run_, others in found.runs for one in (run_, *others)], found.error))
    else:
        from flytekitplugins_podtriage.report.console.runs import RunsView

        print_view(RunsView(found.runs, found.error))
    return 0 if found.error is None else 1
