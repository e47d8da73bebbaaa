"""``podtriage triage``: one pod, or lines of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from flytekitplugins_podtriage.cli.triage_lines import CONFIG

FIELDS = ("phase", "kind", "code", "message", "cleanup", "reason")


def line_of(case: dict[str, Any], **more: object) -> str:
    return json.dumps({**case, **more}) + "\n"


def test_a_pod_is_judged_as_json(run: Callable[..., Result], limited: dict[str, Any]) -> None:
    result = run(
        "triage",
        "-",
        "--json",
        "--backend",
        "flyte-1.16",
        "--now",
        "2026-11-23T15:28:00Z",
        input=json.dumps(limited["pod"]),
    )
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert (answer["phase"], answer["kind"], answer["cleanup"]) == ("RetryableFailure", "USER", True)
    assert {"category", "rule", "remedy", *FIELDS} <= set(answer)


def test_a_pod_that_is_not_failing_ends_with_0(run: Callable[..., Result], limited: dict[str, Any]) -> None:
    result = run("triage", "-", "--json", "--now", "2026-11-23T15:26:49Z", input=json.dumps(limited["pod"]))
    assert result.exit_code == 0
    assert json.loads(result.stdout)["category"] == "registry_rate_limited"


def test_the_clock_is_read_where_no_moment_is_given(run: Callable[..., Result], limited: dict[str, Any]) -> None:
    long_ago = json.dumps(limited["pod"]).replace("2026-11-23", "2020-11-23")
    assert run("triage", "-", "--backend", "flyte-1.16", input=long_ago).exit_code == 1
    assert run("triage", "-", "--backend", "flyte-1.16", "--now", "last", input=long_ago).exit_code == 0


@pytest.mark.parametrize("setting", ["image-pull-backoff-grace-period=10m", "image_pull_backoff_grace_period=600"])
def test_settings_of_the_backend_count(run: Callable[..., Result], limited: dict[str, Any], setting: str) -> None:
    arguments = ["triage", "-", "--backend", "flyte-1.16", "--now", "2026-11-23T15:28:00Z", "--set", setting]
    assert run(*arguments, input=json.dumps(limited["pod"])).exit_code == 0


def test_yaml_is_read_as_kubectl_prints_it(run: Callable[..., Result], limited: dict[str, Any]) -> None:
    import yaml

    text = yaml.safe_dump(limited["pod"])
    result = run("triage", "-", "--now", "2026-11-23T15:26:49Z", input=text)
    assert result.stdout == run("triage", "-", "--now", limited["now"], input=json.dumps(limited["pod"])).stdout


def test_every_pod_of_a_list_has_its_line(run: Callable[..., Result], limited: dict[str, Any]) -> None:
    listed = {"kind": "List", "items": [limited["pod"], *limited["events"], {"kind": "Pod", "metadata": {"name": "b"}}]}
    result = run("triage", "-", "--json", "--now", limited["now"], input=json.dumps(listed))
    assert [json.loads(line)["category"] for line in result.stdout.splitlines()] == ["registry_rate_limited", "unknown"]


def test_the_events_of_a_list_are_evidence(run: Callable[..., Result], limited: dict[str, Any]) -> None:
    creating = json.loads(json.dumps(limited["pod"]))
    creating["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "ContainerCreating"}}
    listed = {"kind": "List", "items": [*limited["events"], creating]}
    result = run("triage", "-", "--json", "--now", limited["now"], input=json.dumps(listed))
    assert json.loads(result.stdout)["evidence"][0]["source"] == "event"


def test_lines_are_answered_line_for_line(run: Callable[..., Result], limited: dict[str, Any]) -> None:
    lines = [
        line_of({"pod": limited["pod"]}, now="2026-11-23T15:26:00Z"),
        line_of({"pod": limited["pod"]}, now="2026-11-23T15:28:00Z"),
        line_of({"pod": limited["pod"]}, now="2026-11-23T15:28:00Z", config={"image_pull_backoff_grace_period_s": 600}),
        line_of(limited, config=None),
        json.dumps(limited["pod"]) + "\n",
    ]
    result = run("triage", "--jsonl", "--backend", "flyte-1.16", "--now", "2026-11-23T15:28:00Z", input="".join(lines))
    assert result.exit_code == 0
    phases = [json.loads(line)["phase"] for line in result.stdout.splitlines()]
    assert phases == ["Initializing", "RetryableFailure", "Initializing", "Initializing", "RetryableFailure"]


def test_the_answer_to_a_line_is_that_to_the_pod(run: Callable[..., Result], limited: dict[str, Any]) -> None:
    line = run("triage", "--jsonl", input=line_of(limited)).stdout
    assert line == run("triage", "-", "--json", input=json.dumps(limited)).stdout


def test_the_last_line_need_not_end(run: Callable[..., Result], limited: dict[str, Any]) -> None:
    result = run("triage", "--jsonl", input=(line_of(limited) * 2).rstrip("\n"))
    assert len(result.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "the line is empty"),
        ("hello", "malformed"),
        ('{"pod": {"kind": "Pod"', "truncated"),
        ("{}", "the line has no pod"),
        ('{"kind": "Deployment"}', "the line has no pod"),
        ('{"pod": []}', "not a Pod"),
        ('{"pod": {"kind": "Node"}}', "not a Pod but a 'Node'"),
        ('{"pod": {}, "now": "noon"}', "$.now"),
        ('{"pod": {}, "now": "2026-01-01T00:00:00"}', "$.now"),
        ('{"pod": {}, "events": 5}', "$.events"),
        ('{"pod": {}, "events": [5]}', "not an Event"),
        ('{"pod": {}, "config": {"grace": 1}}', "image_pull_backoff_grace_period_s"),
        ('{"pod": {}, "config": {"pod_pending_timeout_s": "1m"}}', "seconds"),
        ('{"pod": {}, "config": 5}', "config: is not an object"),
        ('{"pod": ' + "[" * 5000, "nested too deeply"),
        ('{"pod": "\\ud800"}', "not a Pod"),
    ],
)
def test_a_bad_line_is_answered_in_its_place_and_the_rest_goes_on(
    run: Callable[..., Result], limited: dict[str, Any], line: str, words: str
) -> None:
    good = line_of(limited)
    result = run("triage", "--jsonl", input=f"{good}{line}\n{good}")
    assert result.exit_code == 2
    assert result.stderr == ""
    first, bad, last = [json.loads(text) for text in result.stdout.splitlines()]
    assert first == last
    assert bad["line"] == 2
    assert words in bad["error"] or "truncated" in bad["error"]


def test_a_line_that_is_too_long_is_skipped(
    run: Callable[..., Result], limited: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "long.jsonl"
    with open(path, "w") as file:
        file.write('{"pod": "' + "a" * (17 * 1024 * 1024) + '"}\n')
        file.write(line_of(limited))
    first, second = [json.loads(text) for text in run("triage", "--jsonl", path).stdout.splitlines()]
    assert first == {"error": "the line is longer than 16 MB", "line": 1}
    assert second["category"] == "registry_rate_limited"


def test_a_stream_is_answered_in_constant_memory(tmp_path: Path, limited: dict[str, Any]) -> None:
    def peak(count: int) -> int:
        """Return the peak of the program's memory, in KB, for so many lines of 8 KB."""
        path = tmp_path / f"{count}.jsonl"
        line = line_of(limited).encode()
        path.write_bytes(line * count)
        code = (
            "import resource, subprocess, sys\n"
            f"with open({str(path)!r}, 'rb') as file:\n"
            "    subprocess.run([sys.executable, '-m', 'flytekitplugins_podtriage.cli', 'triage', '--jsonl'],"
            " stdin=file, stdout=subprocess.DEVNULL, check=True)\n"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)

    assert peak(2000) < peak(100) + 4096


def test_somebody_who_waits_for_each_answer_gets_it() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "flytekitplugins_podtriage.cli", "triage", "--jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for _ in range(3):
        process.stdin.write(b'{"pod": {}}\n')
        process.stdin.flush()
        assert b'"schema"' in process.stdout.readline()
    process.stdin.close()
    assert process.wait(60) == 0
    process.stdout.close()


def test_secrets_of_a_stock_message_are_masked(run: Callable[..., Result], limited: dict[str, Any]) -> None:
    text = json.dumps(limited["pod"]).replace("pulling from host", "https://bob:hunter2@registry.example pulling from")
    assert "hunter2" in text
    for arguments, given in ((["-"], text), (["--jsonl"], f'{{"pod": {text}}}\n')):
        result = run("triage", *arguments, "--backend", "flyte-1.16", "--now", "2026-11-23T15:28:00Z", input=given)
        assert "hunter2" not in result.stdout
        assert "***@registry.example" in result.stdout


def test_every_duration_of_a_policy_can_be_set_by_a_line(run: Callable[..., Result]) -> None:
    from flytekitplugins_podtriage.cli.options import duration_fields

    assert sorted(CONFIG.values()) == sorted(duration_fields())
    line = json.dumps({"pod": {}, "config": dict.fromkeys(CONFIG, 1)})
    assert run("triage", "--jsonl", input=line).exit_code == 0


def test_a_person_reads_text(limited: dict[str, Any]) -> None:
    import io

    from rich.console import Console

    from flytekitplugins_podtriage.cli.times import parse_time
    from flytekitplugins_podtriage.core.triage import triage
    from flytekitplugins_podtriage.report.console.diagnosis import render_verdict

    out = io.StringIO()
    verdict = triage(limited["pod"], now=parse_time(limited["now"], "now"))
    Console(file=out, width=120).print(render_verdict(verdict))
    for words in (
        "limits how often",
        "SYSTEM  registry_rate_limited",
        "phase: Initializing",
        "fix: ",
        "recheck at",
    ):
        assert words in out.getvalue()
