"""``podtriage triage``: from pods to verdicts, for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flytekitplugins_podtriage.cli.options import (
    backend_option,
    json_option,
    now_option,
    rules_option,
    settings_option,
)

if TYPE_CHECKING:
    from flytekitplugins_podtriage.core.model import Verdict


@click.command(short_help="Judge a pod, or thousands of them line by line.")
@click.argument("file", required=False)
@click.option(
    "--jsonl", is_flag=True, help='Read lines {"pod", "events"?, "now"?, "config"?} and answer each in a line.'
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
    """Judge the pod in FILE (- or nothing: stdin; JSON or YAML) as a backend does.

    The exit code is 1 if the pod is failing. With --jsonl the lines are answered one by one, in constant memory; a bad
    line yields {"error", "line"} in its place, the rest goes on, and the exit code is 2.
    """
    from flytekitplugins_podtriage.cli.input import STDIN, stdin_is_terminal
    from flytekitplugins_podtriage.cli.options import policies, read_rules, read_settings

    policy = policies((backend,), read_settings(settings), read_rules(rules_file))[backend]
    if jsonl:
        from flytekitplugins_podtriage.cli.jsonl import answer_lines
        from flytekitplugins_podtriage.cli.times import LAST, clock, parse_moment
        from flytekitplugins_podtriage.cli.triage_lines import line_answer

        if now == LAST:
            raise click.UsageError('--now last is for one record; with --jsonl each line may have a "now" of its own')
        moment = parse_moment(now, "--now") if now is not None else None
        return answer_lines(file or STDIN, line_answer(policy, (lambda: moment) if moment else clock))
    if file is None and stdin_is_terminal():
        raise click.UsageError("give a FILE, - for stdin, or --jsonl")
    verdicts = _judge(file or STDIN, policy, now)
    _show(verdicts, as_json)
    return 1 if any(verdict.failing for verdict in verdicts) else 0


def _judge(path: str, policy: object, now: str | None) -> list[Verdict]:
    """Judge the pods of a document."""
    from flytekitplugins_podtriage.cli.errors import Refused
    from flytekitplugins_podtriage.cli.input import name_of, read_whole
    from flytekitplugins_podtriage.cli.json_or_yaml import documents
    from flytekitplugins_podtriage.cli.options import moment
    from flytekitplugins_podtriage.cli.pod_documents import subjects
    from flytekitplugins_podtriage.core.decode import read_events, read_pod
    from flytekitplugins_podtriage.core.errors import InvalidPod
    from flytekitplugins_podtriage.core.policy import Policy
    from flytekitplugins_podtriage.core.triage import triage as decide
    from flytekitplugins_podtriage.report.timeline import last_moment

    assert isinstance(policy, Policy)
    where = name_of(path)
    verdicts = []
    for one in subjects(documents(read_whole(path), where), where):
        try:
            pod, events = read_pod(one.pod), one.events
            at = moment(now, one.now, lambda pod=pod, events=events: last_moment(pod, read_events(events)))  # type: ignore[misc]
            verdicts.append(decide(pod, events=events, memory=one.memory, policy=policy, now=at))
        except InvalidPod as error:
            raise Refused(f"{one.where}: {error}") from error
    return verdicts


def _show(verdicts: list[Verdict], as_json: bool) -> None:
    """Print verdicts: JSON to a pipe, text to a person."""
    from flytekitplugins_podtriage.cli.output import for_a_person, print_json, print_view
    from flytekitplugins_podtriage.report.text.sanitize import masked

    if as_json or not for_a_person():
        for verdict in verdicts:
            print_json(masked(verdict).to_json())
        return
    from flytekitplugins_podtriage.report.console.diagnosis import render_verdict

    for verdict in verdicts:
        print_view(render_verdict(masked(verdict)))
