"""``podtriage explain``: what happened to a pod or an execution, who pays, and what to do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from flytekitplugins_podtriage.cli.options import (
    html_option,
    json_option,
    now_option,
    rules_option,
    settings_option,
)

if TYPE_CHECKING:
    from flytekitplugins_podtriage.cli.pod_documents import Subject
    from flytekitplugins_podtriage.report.explanation import Explanation

_LONGEST_STORY = 1e9
"""In seconds: thirty years."""


@click.command(short_help="Explain a pod or an execution: what happened, and who pays.")
@click.argument("what", metavar="[FILE | - | EXECUTION]", required=False)
@click.option("--pod", "pod", metavar="POD", help="A pod of a live cluster, by kubeconfig.")
@click.option("-n", "--namespace", metavar="NS", help="The pod's namespace. Default: the context's.")
@click.option("--context", metavar="NAME", help="The context of the kubeconfig. Default: the current one.")
@click.option("-p", "--project", metavar="P", help="The execution's project.")
@click.option("-d", "--domain", metavar="D", help="The execution's domain.")
@click.option("--node", metavar="N", help="Only this node of the execution.")
@click.option("--flyte-config", metavar="FILE", help="Flyte's configuration. Default: what flytekit finds.")
@click.option("--at", type=float, metavar="SECONDS", help="Where to stop in a recorded timeline. Default: at its end.")
@now_option
@click.option("--retries", type=click.IntRange(0, 1000), default=0, show_default=True, help="The task's retries.")
@click.option(
    "--system-retries",
    type=click.IntRange(0, 1000),
    default=3,
    show_default=True,
    help="What the platform allows: max-node-retries-system-failures.",
)
@settings_option
@rules_option
@json_option
@html_option
def explain(what: str | None, pod: str | None, html: str | None, as_json: bool, **options: object) -> int:
    """Explain what happened, who pays on Flyte 1.16, on Flyte 2 and with podtriage, when, and what to do.

    FILE (- is stdin) holds a Pod, a List of pods and events, anything of `kubectl get ... -o yaml|json`, an object
    {"pod", "events"} or a line of a recorded timeline. EXECUTION is a name, PROJECT:DOMAIN:NAME or a link to the
    console; flyteadmin is asked, and what it keeps is a message, so that the answer rests on the message alone.

    The exit code is 1 if a pod is failing or the execution has failed.
    """
    from flytekitplugins_podtriage.cli.executions import explain_execution, is_execution
    from flytekitplugins_podtriage.cli.input import STDIN, stdin_is_terminal
    from flytekitplugins_podtriage.cli.live_pod import live_subject

    if as_json and html:
        raise click.UsageError("--json and --html exclude each other")
    if pod is not None:
        if what is not None:
            raise click.UsageError("give --pod POD or a FILE, not both")
        if options["at"] is not None:
            raise click.UsageError("--at is for a recorded timeline")
        subject = live_subject(pod, _text(options["namespace"]), _text(options["context"]))
        return _explain([subject], as_json, html, options)
    if options["namespace"] or options["context"]:
        raise click.UsageError("-n and --context go with --pod POD")
    if what is None and stdin_is_terminal():
        raise click.UsageError("give a FILE, - for stdin, --pod POD, or an EXECUTION")
    if what is not None and is_execution(what, options):
        return explain_execution(what, as_json, html, options)
    return _explain(_read(what or STDIN, options["at"]), as_json, html, options)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _read(path: str, at: object) -> list[Subject]:
    from flytekitplugins_podtriage.cli.input import name_of, read_whole
    from flytekitplugins_podtriage.cli.json_or_yaml import documents
    from flytekitplugins_podtriage.cli.pod_documents import subjects

    where = name_of(path)
    second = at if isinstance(at, float) else None
    if second is not None and not abs(second) <= _LONGEST_STORY:  # nor is it "nan"
        raise click.UsageError(f"--at {second:g} is no second of a recorded timeline; allowed: seconds after its begin")
    found = subjects(documents(read_whole(path), where), where, second)
    if second is not None and all(one.memory is None for one in found):
        raise click.UsageError("--at is for a recorded timeline")
    return found


def _explain(found: list[Subject], as_json: bool, html: str | None, options: dict[str, object]) -> int:
    """Explain some pods and show the answers."""
    from flytekitplugins_podtriage.cli.errors import Refused
    from flytekitplugins_podtriage.cli.options import BACKENDS, moment, policies, read_rules, read_settings
    from flytekitplugins_podtriage.core.accounting import Limits
    from flytekitplugins_podtriage.core.decode import read_events, read_pod
    from flytekitplugins_podtriage.core.errors import InvalidPod
    from flytekitplugins_podtriage.core.flyte_pods import attempts_before
    from flytekitplugins_podtriage.report.explanation import explain as put_together
    from flytekitplugins_podtriage.report.timeline import last_moment

    settings, now, retries, most = options["settings"], options["now"], options["retries"], options["system_retries"]
    assert isinstance(settings, tuple) and isinstance(retries, int) and isinstance(most, int)
    judges = policies(BACKENDS, read_settings(settings), read_rules(_text(options["rules_file"])))
    limits = Limits(retries=retries, max_system_failures=most)
    told = []
    for one in found:
        try:
            pod, events = read_pod(one.pod), read_events(one.events)
            at = moment(_text(now), one.now, partial(last_moment, pod, events))
            told.append(
                put_together(
                    pod,
                    events=events,
                    attempts_before=attempts_before(one.pod),
                    memory=one.memory,
                    policies=judges,
                    limits=limits,
                    now=at,
                    asked_for_now=now is not None or one.now is not None,
                )
            )
        except InvalidPod as error:
            raise Refused(f"{one.where}: {error}") from error
    _show(told, as_json, html)
    return 1 if any(one.failing for one in told) else 0


def _show(told: list[Explanation], as_json: bool, html: str | None) -> None:
    from flytekitplugins_podtriage.cli.output import print_json, print_view, write_page

    if html is not None:
        from flytekitplugins_podtriage.report.html.explanation import page

        write_page(html, page(told))
    elif as_json:
        from flytekitplugins_podtriage.report.as_json import explanation_json

        for one in told:
            print_json(explanation_json(one))
    else:
        from flytekitplugins_podtriage.report.console.explanation import Explanations

        print_view(Explanations(told))
