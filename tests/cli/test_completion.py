"""Completion for shells and for kubectl, and usage lines that say how the program was called."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from flytekitplugins_podtriage.cli import kubectl_completion
from flytekitplugins_podtriage.cli.main import COMMANDS, called_as, cli

Run = Callable[..., Result]


def asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[list[str], str]:
    """Ask as kubectl does; return the candidates and the directive."""
    monkeypatch.setattr("sys.argv", ["kubectl_complete-podtriage", *words])
    kubectl_completion.main()
    *lines, directive = capsys.readouterr().out.splitlines()
    return [line.partition("\t")[0] for line in lines], directive


@pytest.mark.parametrize(
    ("words", "candidates", "directive"),
    [
        ([""], list(COMMANDS), ":4"),
        (["ex"], ["explain"], ":4"),
        (["plan", ""], ["check"], ":4"),
        (["rules", "pull-4"], ["pull-429"], ":4"),
        (["triage", "--backend", "flyte"], ["flyte-1.16", "flyte-2"], ":4"),
        (["triage", "--jso"], ["--jsonl", "--json"], ":4"),
        (["explain", "-o", ""], ["json", "yaml", "wide"], ":4"),
        (["triage", "--set", "pod"], ["pod-pending-timeout="], ":4"),
        (["completion", "z"], ["zsh"], ":4"),
        (["explain", ""], [], ":0"),
        (["explain", "--html", ""], [], ":0"),
        (["rehearse", "x.py", ""], [], ":4"),
    ],
)
def test_kubectl_is_given_what_may_follow(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    candidates: list[str],
    directive: str,
) -> None:
    assert asked(monkeypatch, capsys, *words) == (candidates, directive)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(run: Run, shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert f"_PODTRIAGE_COMPLETE={shell}_complete" in result.stdout
    assert "podtriage" in result.stdout


def test_bash_accepts_its_script(run: Run) -> None:
    script = run("completion", "bash").stdout
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_a_shell_that_has_none_is_refused(refused: Callable[..., str]) -> None:
    assert "'bash', 'zsh', 'fish'" in refused("completion", "tcsh")


def test_the_program_answers_bash(program: Callable[..., subprocess.CompletedProcess[bytes]]) -> None:
    environ = {"_PODTRIAGE_COMPLETE": "bash_complete", "COMP_WORDS": "podtriage expl", "COMP_CWORD": "1"}
    assert program(env=environ).stdout.split() == [b"plain,explain"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/usr/local/bin/kubectl-podtriage", "kubectl podtriage"),
        ("kubectl-podtriage.exe", "kubectl podtriage"),
        ("/usr/local/bin/podtriage", "podtriage"),
        ("/x/flytekitplugins_podtriage/__main__.py", "python -m flytekitplugins_podtriage"),
        ("/x/flytekitplugins_podtriage/cli/__main__.py", "python -m flytekitplugins_podtriage.cli"),
    ],
)
def test_usage_lines_say_how_it_was_called(path: str, name: str) -> None:
    assert called_as(path) == name
    assert cli.get_usage(cli.make_context(name, ["--help"], resilient_parsing=True)).startswith(f"Usage: {name} ")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_an_example(run: Run, command: str) -> None:
    assert (
        f"Examples:\n    podtriage {command}" in run(command, "--help").stdout
        or "| podtriage" in run(command, "--help").stdout
        or "source <(podtriage completion" in run(command, "--help").stdout
    )


@pytest.mark.parametrize("name", ["f3a91c-n0-0", "somename"])
def test_a_name_that_is_no_execution_says_how_to_name_a_pod(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    empty = tmp_path / "empty.yaml"
    empty.write_text("podtriage: {}\n")
    monkeypatch.setenv("FLYTECTL_CONFIG", str(empty))
    monkeypatch.chdir(tmp_path)
    error = refused("explain", name)
    assert f"a pod is named by --pod {name} -n NAMESPACE" in error
