"""The program as a whole: help, versions, ways to end, and what it does not load."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from flytekitplugins_podtriage.cli import options
from flytekitplugins_podtriage.cli.errors import EXIT_INTERRUPTED, EXIT_PIPE_CLOSED
from flytekitplugins_podtriage.cli.main import COMMANDS
from flytekitplugins_podtriage.core import policy

HEAVY = ("flytekit", "flyteidl", "kubernetes", "grpc", "rich", "yaml", "msgspec", "attrs")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []])
def test_help_names_every_command(run: Callable[..., Result], arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 0
    assert all(name in result.stdout for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run: Callable[..., Result], command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Options:" in result.stdout


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_loads_neither_flytekit_nor_kubernetes_nor_anything_else_that_takes_time(command: str | None) -> None:
    arguments = [*([command] if command else []), "--help"]
    process = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from flytekitplugins_podtriage.cli.main import cli\n"
            f"try: cli({arguments!r})\n"
            f"except SystemExit: print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stderr.strip() == "[]"


def test_explaining_a_file_loads_neither_flytekit_nor_kubernetes(tmp_path: Path, limited: dict[str, Any]) -> None:
    path = tmp_path / "case.json"
    path.write_text(json.dumps(limited))
    process = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from flytekitplugins_podtriage.cli.main import cli\n"
            f"try: cli(['explain', {str(path)!r}])\n"
            "except SystemExit: print([n for n in ('flytekit', 'kubernetes', 'grpc') if n in sys.modules], file=sys.stderr)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stderr.strip() == "[]"


def test_the_backends_of_the_options_are_those_of_the_core() -> None:
    assert options.BACKENDS == policy.BACKENDS


def test_the_version_is_printed(run: Callable[..., Result]) -> None:
    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("podtriage ")


def test_an_unknown_command_is_refused_with_those_that_there_are(refused: Callable[..., str]) -> None:
    error = refused("explian")
    assert "unknown command 'explian'" in error
    assert "explain" in error.partition("expected one of ")[2]


def test_an_unknown_option_is_refused_with_those_that_there_are(refused: Callable[..., str]) -> None:
    error = refused("triage", "--backnd", "x")
    assert "--backend" in error.partition("expected one of ")[2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["triage", "--backend", "flyte-3", "-"], "'podtriage', 'flyte-1.16', 'flyte-2'"),
        (["explain", "--retries", "many", "-"], "--retries"),
        (["explain", "--pod", "p", "file.json"], "--pod POD or a FILE, not both"),
        (["explain", "-n", "ns", "-"], "not both"),
        (["explain", "--json", "--html", "x", "-"], "exclude each other"),
        (["triage", "--now", "yesterday", "-"], "RFC 3339"),
        (["triage", "--now", "2026-01-01T00:00:00", "-"], "RFC 3339 with a time zone"),
        (["triage", "--now", "last", "--jsonl"], "needs a single record"),
        (["triage", "--set", "grace=1", "-"], "image-pull-backoff-grace-period"),
        (["triage", "--set", "image-pull-backoff-grace-period=soon", "-"], "'3m0s'"),
        (["audit", "--project", "p"], "go together"),
        (["audit", "--project", "p", "--domain", "d", "file"], "not both"),
        (["audit", "--since", "a while", "--project", "p", "--domain", "d"], "90m, 12h, 7d or 2w"),
        (["diagnose", "--rules", "nowhere.toml", "x"], "nowhere.toml: no such file"),
        (["diagnose", " "], "MESSAGE is empty"),
        (["explain", "NOT A FILE/AT ALL"], "no such file"),
    ],
)
def test_bad_usage_is_one_line_that_says_what_is_allowed(
    refused: Callable[..., str], arguments: list[str], words: str, limited: dict[str, Any]
) -> None:
    assert words in refused(*arguments, input=json.dumps(limited))


def test_an_error_that_nobody_foresaw_is_one_line_too(refused: Callable[..., str], monkeypatch: Any) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr("flytekitplugins_podtriage.core.diagnose.diagnose", broken)
    error = refused("diagnose", "x")
    assert "ZeroDivisionError: on purpose" in error
    assert "PODTRIAGE_TRACEBACK" in error


def test_its_traceback_can_be_asked_for(run: Callable[..., Result], monkeypatch: Any) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr("flytekitplugins_podtriage.core.diagnose.diagnose", broken)
    monkeypatch.setenv("PODTRIAGE_TRACEBACK", "1")
    assert isinstance(run("diagnose", "x").exception, ZeroDivisionError)


def test_a_reader_that_goes_away_is_taken_quietly() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "flytekitplugins_podtriage.cli", "triage", "--jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(b'{"pod":{}}\n')
    process.stdin.flush()
    process.stdout.readline()
    process.stdout.close()
    try:
        process.stdin.write(b'{"pod":{}}\n' * 100)
        process.stdin.close()
    except BrokenPipeError:
        pass
    assert process.wait(60) == EXIT_PIPE_CLOSED
    assert process.stderr.read() == b""
    process.stderr.close()


def test_ctrl_c_ends_it_quietly() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "flytekitplugins_podtriage.cli", "triage", "--jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b'{"pod":{}}\n')
    process.stdin.flush()
    process.stdout.readline()  # it is at work
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == EXIT_INTERRUPTED
    assert stderr == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_one_line(tmp_path: Path, limited: dict[str, Any]) -> None:
    path = tmp_path / "case.json"
    path.write_text(json.dumps(limited))
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            [sys.executable, "-m", "flytekitplugins_podtriage.cli", "explain", str(path)],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert result.returncode == 2
    assert result.stderr.decode().splitlines() == ["podtriage: stdout: No space left on device"]


def test_no_escape_sequence_goes_to_a_pipe(program: Callable[..., Any], limited: dict[str, Any]) -> None:
    result = program("explain", "-", input=json.dumps(limited).encode(), env={"FORCE_COLOR": ""})
    assert result.returncode == 0, result.stderr
    assert b"\x1b" not in result.stdout
    assert result.stderr == b""
    assert not any(line.endswith(b" ") for line in result.stdout.splitlines())


def test_an_encoding_without_other_signs_gets_plain_ones(program: Callable[..., Any], limited: dict[str, Any]) -> None:
    result = program("explain", "-", input=json.dumps(limited).encode(), env={"PYTHONIOENCODING": "ascii"})
    assert result.returncode == 0, result.stderr
    assert result.stdout.isascii()
    assert b"\\" not in result.stdout
