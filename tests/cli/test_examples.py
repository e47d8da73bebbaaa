"""Every example does what its row in examples/README.md says."""

from __future__ import annotations

import re
import shlex

import pytest
from click.testing import CliRunner, Result

from flytekitplugins_podtriage.cli.main import cli
from tests.paths import ROOT

COMMANDS = re.findall(r"`podtriage ([^`]+)`", (ROOT / "examples" / "README.md").read_text().partition("| file")[2])

EXPECTED = {
    "explain examples/01_rate_limited_pod.json": (
        0,
        "SYSTEM registry_rate_limited",
        "Flyte 1.16 in 29s user retries, 0 left",
    ),
    "explain examples/02_unknown_image.json --retries 2": (0, "USER not_found", "user retries, 2 left"),
    "triage examples/03_preempted.json --backend flyte-1.16": (
        1,
        "USER (charged to user retries)",
        "code: Interrupted",
    ),
    "explain examples/04_sidecar_waits.json": (0, "container succeeded", "Flyte 1.16 in"),
    "audit examples/05_attempts.jsonl": (
        0,
        "2 of 6 failed attempts were wrongly charged to user retries",
        "evicted",
    ),
    'diagnose --rules examples/06_own_rules.toml "mirror: cache not primed"': (
        0,
        "rule: acme-mirror-cold",
        "Wait five minutes",
    ),
}


def run(command: str, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "120")
    return CliRunner().invoke(cli, shlex.split(command))


def test_every_example_has_a_row_and_every_row_a_test() -> None:
    files = {path.name for path in (ROOT / "examples").iterdir() if path.is_file()} - {"README.md"}
    assert files == {word.rpartition("/")[2] for command in COMMANDS for word in command.split() if "examples/" in word}
    assert sorted(COMMANDS) == sorted(EXPECTED)


@pytest.mark.parametrize("command", COMMANDS)
def test_example(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(command, monkeypatch)
    code, *excerpts = EXPECTED[command]
    assert result.exit_code == code, result.stderr
    assert result.stderr == ""
    shown = " ".join(result.stdout.split())
    for words in excerpts:
        assert words in shown
