"""``podtriage triage``: from pods to verdicts, for programs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from flytekitplugins_podtriage.cli.completers import complete_file
from flytekitplugins_podtriage.cli.errors import EXIT_FAILING
from flytekitplugins_podtriage.cli.options import (
    backend_option,
    examples,
    json_option,
    now_option,
    rules_option,
    settings_option,
)

if TYPE_CHECKING:
    from flytekitplugins_podtriage.cli.pod_documents import PodRecord
    from flytekitplugins_podtriage.core.model import Verdict
    from flytekitplugins_podtriage.core.policy import Policy


@click.command(epilog=examples("kubectl get pod NAME -o json | podtriage triage - --backend flyte-1.16"))
@click.argument("file", required=False, shell_complete=complete_file)
@click.option(
    "--jsonl", is_flag=True, help='Read one {"pod", "events"?, "now"?, "config"?} per line, print one verdict per line.'
)
@backend_option("podtriage")
@now_option
@settings_option
@rules_option
@json_option
def triage(
    file: str | None,
    jsonl: bool,
    backend: str,
    now: str | None,
    settings: tuple[str, ...],
    rules_file: str | None,
    as_json: bool,
) -> int:
    """Judge the pod in FILE (JSON, YAML or `kubectl describe pod`; - or nothing is stdin) as a backend does.

    The exit code is 1 if the pod is failing. With --jsonl memory use is constant; a bad line yields {"error", "line"}
    instead of a verdict, the others are still judged, and the exit code is 2.
    """
    from flytekitplugins_podtriage.cli.input import STDIN, stdin_is_terminal
    from flytekitplugins_podtriage.cli.options import policies, read_rules, read_settings

    policy = policies((backend,), read_settings(settings), read_rules(rules_file))[backend]
    if jsonl:
        from flytekitplugins_podtriage.cli.jsonl import answer_lines
        from flytekitplugins_podtriage.cli.times import LAST, parse_time, utc_now
        from flytekitplugins_podtriage.cli.triage_lines import line_triager

        if now == LAST:
            raise click.UsageError('--now last needs a single record; with --jsonl put a "now" into each line')
        at = parse_time(now, "--now") if now is not None else None
        return answer_lines(file or STDIN, line_triager(policy, (lambda: at) if at else utc_now))
    if file is None and stdin_is_terminal():
        raise click.UsageError("give a FILE, - for stdin, or --jsonl")
    from flytekitplugins_podtriage.cli.pod_texts import read_pods_or_text

    given = read_pods_or_text(file or STDIN, now)
    if not isinstance(given, list):
        from flytekitplugins_podtriage.cli.diagnosis import show_diagnosis

        return show_diagnosis(given, policy.rules, form="json" if as_json else None)
    verdicts = _triage_records(given, policy, now)
    _show(verdicts, as_json)
    return EXIT_FAILING if any(verdict.failing for verdict in verdicts) else 0


def _triage_records(records: list[PodRecord], policy: Policy, now: str | None) -> list[Verdict]:
    """Return the verdict on each pod, and what could not be known of it."""
    from flytekitplugins_podtriage.cli.errors import input_errors
    from flytekitplugins_podtriage.cli.options import resolve_now
    from flytekitplugins_podtriage.core.decode import read_events, read_pod
    from flytekitplugins_podtriage.core.errors import InvalidPod
    from flytekitplugins_podtriage.core.model import with_notes
    from flytekitplugins_podtriage.core.triage import triage as triage_pod
    from flytekitplugins_podtriage.report.timeline import latest_time

    verdicts = []
    for record in records:
        with input_errors(InvalidPod, source=record.source):
            pod, events = read_pod(record.pod), read_events(record.events)
            at = resolve_now(now, record.now, partial(latest_time, pod, events))
            verdict = triage_pod(pod, events=events, memory=record.memory, policy=policy, now=at)
        verdicts.append(with_notes(verdict, record.notes))
    return verdicts


def _show(verdicts: list[Verdict], as_json: bool) -> None:
    """Print verdicts, as text or as a line of JSON each."""
    from flytekitplugins_podtriage.cli.output import print_json, print_view
    from flytekitplugins_podtriage.report.text.sanitize import masked

    if as_json:
        for verdict in verdicts:
            print_json(masked(verdict).to_json())
        return
    from flytekitplugins_podtriage.report.console.diagnosis import render_verdict

    for verdict in verdicts:
        print_view(render_verdict(masked(verdict)))
