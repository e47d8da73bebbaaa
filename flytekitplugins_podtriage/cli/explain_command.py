"""``podtriage explain``: what happened to a pod or an execution, who pays, and how to fix it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from flytekitplugins_podtriage.cli.completers import complete_file
from flytekitplugins_podtriage.cli.errors import EXIT_FAILING
from flytekitplugins_podtriage.cli.options import (
    STOCK_BACKENDS,
    backend_option,
    examples,
    html_option,
    json_option,
    now_option,
    rules_option,
    settings_option,
)

if TYPE_CHECKING:
    from flytekitplugins_podtriage.cli.pod_documents import PodRecord
    from flytekitplugins_podtriage.cli.pod_texts import PastedMessage
    from flytekitplugins_podtriage.report.explanation import Explanation

_RETRIES = "{} gives the task {} user retries."
_MAX_TIMELINE = 1e9
"""In seconds: thirty years."""


@click.command(
    epilog=examples(
        "kubectl get pod,event -n NAMESPACE -o yaml | podtriage explain -",
        "kubectl describe pod NAME -n NAMESPACE | podtriage explain -",
        "podtriage explain --pod f3a91c-n0-0 -n flytesnacks-development --retries 2",
        "podtriage explain -n flytesnacks-development --watch",
        "podtriage explain -A -o wide",
        "podtriage explain f3a91c --project flytesnacks --domain development",
    )
)
@click.argument("subject", metavar="[FILE | - | EXECUTION]", required=False, shell_complete=complete_file)
@click.option("--pod", "pod", metavar="POD", help="Explain this pod of a live cluster, using the kubeconfig.")
@click.option(
    "-n", "--namespace", metavar="NS", help="Namespace of --pod, or of the pods to rank. Default: the context's."
)
@click.option("-A", "--all-namespaces", is_flag=True, help="Rank the pods of all namespaces.")
@click.option("-l", "--selector", metavar="LABELS", help="Rank the pods with these labels.")
@click.option("--execution", metavar="ID", help="Rank the pods of this execution: NAME or PROJECT:DOMAIN:NAME.")
@click.option("-w", "--watch", is_flag=True, help="Keep watching the ranked pods, and redraw as they change.")
@click.option("--details", is_flag=True, help="Explain the ranked pods in full below the list.")
@click.option("--limit", type=click.IntRange(0), metavar="N", help="Show at most N pods; 0: all. Default: 50.")
@click.option("--context", metavar="NAME", help="Context of the kubeconfig. Default: the current one.")
@click.option("-p", "--project", metavar="P", help="Project of the execution.")
@click.option("-d", "--domain", metavar="D", help="Domain of the execution.")
@click.option("--node", metavar="N", help="Explain only this node of the execution.")
@click.option("--flyte-config", metavar="FILE", help="Flyte configuration. Default: as flytekit looks for it.")
@click.option("--at", type=float, metavar="SECONDS", help="Stop a recorded timeline at this second. Default: its end.")
@now_option
@click.option("--retries", type=click.IntRange(0, 1000), default=0, show_default=True, help="User retries of the task.")
@click.option(
    "--system-retries",
    type=click.IntRange(0, 1000),
    default=3,
    show_default=True,
    help="System retries: Flyte's max-node-retries-system-failures.",
)
@settings_option
@rules_option
@backend_option("flyte-1.16", STOCK_BACKENDS, "Rank the pods of a live cluster by this backend's charges.")
@json_option
@click.option(
    "-o", "--output", type=click.Choice(["json", "yaml", "wide"]), help="Print JSON, YAML, or a list with more columns."
)
@html_option
def explain(
    subject: str | None, pod: str | None, html: str | None, as_json: bool, output: str | None, **options: Any
) -> int:
    """Explain what happened, who pays on Flyte 1.16, Flyte 2 and with podtriage, when, and how to fix it.

    FILE (- is stdin) contains a Pod, a List of pods and events, any output of `kubectl get ... -o yaml|json`, an
    object {"pod", "events"}, a line of a recorded timeline, or a text: the output of `kubectl describe pod` or `kubectl
    get events`, lines of a log, an error message. EXECUTION is a name, PROJECT:DOMAIN:NAME or a link to
    Flyte's console; the answer is then based on the error messages that flyteadmin keeps.

    With -n (without --pod), -A, -l or --execution the pods of a live cluster that have trouble are listed, one line
    each, ranked by the time to the next charge. They come from one list and one watch.

    The exit code is 1 if a pod or the execution is failing.
    """
    from flytekitplugins_podtriage.cli.executions import explain_execution, is_execution
    from flytekitplugins_podtriage.cli.input import STDIN, stdin_is_terminal
    from flytekitplugins_podtriage.cli.live_pod import read_live_pod
    from flytekitplugins_podtriage.cli.options import is_default

    form = _form(as_json, html, output)
    is_list = bool(options["all_namespaces"] or options["selector"] or options["execution"])
    if pod is not None and is_list:
        raise click.UsageError("give --pod POD, or -A, -l or --execution, not both")
    if pod is None and (is_list or options["namespace"]):
        if subject is not None:
            raise click.UsageError("-n, -A, -l and --execution are for a live cluster; give them or a FILE, not both")
        from flytekitplugins_podtriage.cli.explain_pods import explain_pods

        return explain_pods(form, html, options)
    if form == "wide" or options["watch"] or options["details"] or options["limit"] is not None:
        raise click.UsageError("-o wide, --watch, --details and --limit need -n, -A, -l or --execution")
    if pod is not None:
        if subject is not None:
            raise click.UsageError("give --pod POD or a FILE, not both")
        if options["at"] is not None:
            raise click.UsageError("--at needs a recorded timeline")
        record = read_live_pod(
            pod,
            options["namespace"],
            options["context"],
            flyte_config=options["flyte_config"],
            needs_retries=is_default("retries"),
        )
        return _explain([record], form, html, options)
    if options["context"]:
        raise click.UsageError("--context needs --pod POD, -n, -A, -l or --execution")
    if subject is None and stdin_is_terminal():
        raise click.UsageError("give a FILE, - for stdin, --pod POD, or an EXECUTION")
    if subject is not None and is_execution(subject, options):
        return explain_execution(subject, form, html, options)
    given = _read_records(subject or STDIN, options["at"], options["now"])
    if isinstance(given, list):
        return _explain(given, form, html, options)
    from flytekitplugins_podtriage.cli.diagnosis import show_diagnosis
    from flytekitplugins_podtriage.cli.options import read_rules

    return show_diagnosis(given, read_rules(options["rules_file"]), form=form, html=html)


def _form(as_json: bool, html: str | None, output: str | None) -> str | None:
    """Return the form of the answer: ``json``, ``yaml``, ``wide``; None: text, or a page."""
    if (as_json or output) and html:
        raise click.UsageError(f"{'--json' if as_json else '-o'} and --html exclude each other")
    if as_json and output not in (None, "json"):
        raise click.UsageError(f"--json and -o {output} exclude each other")
    return "json" if as_json else output


def _read_records(path: str, at: float | None, now: str | None) -> list[PodRecord] | PastedMessage:
    from flytekitplugins_podtriage.cli.pod_texts import read_pods_or_text

    if at is not None and not abs(at) <= _MAX_TIMELINE:  # also rejects NaN
        raise click.UsageError(f"invalid value {at:g} for --at; expected seconds after the timeline's begin")
    records = read_pods_or_text(path, now, at)
    if at is not None and (not isinstance(records, list) or all(record.memory is None for record in records)):
        raise click.UsageError("--at needs a recorded timeline")
    return records


def _explain(records: list[PodRecord], form: str | None, html: str | None, options: dict[str, Any]) -> int:
    """Explain some pods and show the answers; return the exit code."""
    import attrs

    from flytekitplugins_podtriage.cli.errors import input_errors
    from flytekitplugins_podtriage.cli.options import (
        BACKENDS,
        assumptions,
        is_default,
        policies,
        read_rules,
        read_settings,
        resolve_now,
    )
    from flytekitplugins_podtriage.core.accounting import Limits
    from flytekitplugins_podtriage.core.decode import read_events, read_pod
    from flytekitplugins_podtriage.core.errors import InvalidPod
    from flytekitplugins_podtriage.core.flyte_pods import attempts_before
    from flytekitplugins_podtriage.report.explanation import explain as explain_pod
    from flytekitplugins_podtriage.report.timeline import latest_time

    by_backend = policies(BACKENDS, read_settings(options["settings"]), read_rules(options["rules_file"]))
    limits = Limits(retries=options["retries"], max_system_failures=options["system_retries"])
    now = options["now"]
    explanations = []
    for record in records:
        with input_errors(InvalidPod, source=record.source):
            pod, events = read_pod(record.pod), read_events(record.events)
        known = record.retries if is_default("retries") else None
        explanation = explain_pod(
            pod,
            events=events,
            attempts_before=attempts_before(record.pod),
            memory=record.memory,
            policies=by_backend,
            limits=limits if known is None else attrs.evolve(limits, retries=known),
            now=resolve_now(now, record.now, partial(latest_time, pod, events)),
            now_is_explicit=now is not None or record.now is not None,
            missing=record.notes if known is None else (*record.notes, _RETRIES.format(record.retries_from, known)),
            assumed=assumptions(known=("retries",) if known is not None else ()),
        )
        explanations.append(explanation)
    _show(explanations, form, html)
    return EXIT_FAILING if any(explanation.failing for explanation in explanations) else 0


def _show(explanations: list[Explanation], form: str | None, html: str | None) -> None:
    from flytekitplugins_podtriage.cli.output import print_document, print_view, write_page

    if html is not None:
        from flytekitplugins_podtriage.report.html.explanation import page

        write_page(html, page(explanations))
    elif form is not None:
        from flytekitplugins_podtriage.report.as_json import explanation_json

        for explanation in explanations:
            print_document(explanation_json(explanation), form)
    else:
        from flytekitplugins_podtriage.report.console.explanation import ExplanationsView

        print_view(ExplanationsView(explanations))
