"""``podtriage guard`` as a program: its options, what it refuses, and its end on a signal."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from flytekitplugins_podtriage.cli import guard_command
from flytekitplugins_podtriage.cli.errors import InputError
from flytekitplugins_podtriage.cli.main import cli
from flytekitplugins_podtriage.core.guard.policy import Mode
from flytekitplugins_podtriage.core.guard.values import Outcome, Report
from flytekitplugins_podtriage.core.pod_cluster import ClusterDenied
from flytekitplugins_podtriage.guard.program import identity
from flytekitplugins_podtriage.guard.settings_file import read_settings
from flytekitplugins_podtriage.kube.client.connection import Connection
from tests.guard.fake_loop import FakeLoop, Fakes
from tests.guard.reported_acts import ACT, NOW
from tests.guard.test_surroundings import CONFIG, DEPLOYMENT, config_map, deployment
from tests.guard.test_switch import PATH as SWITCH
from tests.kube.scripted import Scripted

Options = dict[str, tuple[object, str]]
LOCAL: Options = {
    "port": (0, "--port"),
    "host": ("127.0.0.1", "--set host"),
    "lease-namespace": ("flyte", "--set lease-namespace"),
}


@pytest.fixture
def kubeconfig(scripted: Connection, script: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scripted:
    """A cluster that the kubeconfig leads to."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "scripted"))
    script.reply("GET", CONFIG, 200, config_map())
    script.reply("GET", DEPLOYMENT, 200, deployment("flytepropeller:v1.16.8"))
    script.reply("GET", SWITCH, 200, config_map())
    return script


def ends_itself(action: Callable[[FakeLoop], None] = lambda _: None) -> Fakes:
    """Return parts whose loop does something, and then sends the process a signal."""

    class Ending(FakeLoop):
        async def run(self) -> None:
            action(self)
            os.kill(os.getpid(), signal.SIGTERM)
            await super().run()

    fakes = Fakes()
    fakes.loop_class = Ending
    return fakes


def options_of(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str | None, Options]:
    """Return what the command hands on."""
    given: list[tuple[str | None, Options]] = []

    def take(config: str | None, options: Options) -> int:
        given.append((config, options))
        return 0

    monkeypatch.setattr(guard_command, "run", take)
    result = CliRunner().invoke(cli, ["guard", *arguments])
    assert result.exit_code == 0, result.output
    return given[0]


def test_options_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = (
        "--mode enforce --backend flyte-2 -n a -n b -l team=x --context staging --port 9191 --set margin=7s "
        "--set cap-per-minute=3"
    )
    config, options = options_of(*arguments.split(), monkeypatch=monkeypatch)
    settings = read_settings(config, options)
    assert (settings.mode, settings.backend, settings.namespaces) == (Mode.ENFORCE, "flyte-2", ("a", "b"))
    assert (settings.selector, settings.context, settings.port) == ("team=x", "staging", 9191)
    assert (settings.margin, settings.cap_per_minute) == (7.0, 3)


def test_without_options_the_file_and_the_defaults_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    assert options_of("--config", "guard.yaml", monkeypatch=monkeypatch) == ("guard.yaml", {})


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--mode", "act"], "'act' is not one of 'observe', 'enforce'"),
        (["--backend", "podtriage"], "'flyte-1.16', 'flyte-2'"),
        (["--set", "margin"], "--set 'margin': no value; expected KEY=VALUE"),
        (["--set", "margn=5s"], "--set margn: unknown setting 'margn'; did you mean 'margin'?"),
        (["--set", "margin=soon"], "--set margin: not a duration: 'soon'"),
        (["--config", "/nowhere.yaml"], "/nowhere.yaml: no such file or directory; allowed: a YAML file"),
        (["-n", "A_b"], "--namespace: invalid namespace 'A_b'"),
        (["--backend", "flyte-2", "--set", "rescue=true"], "rescue with backend flyte-2"),
    ],
)
def test_what_is_wrong_is_refused_in_a_line_before_anything_is_opened(arguments: list[str], named: str) -> None:
    result: Result = CliRunner().invoke(cli, ["guard", *arguments])
    assert result.exit_code == 2 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert named in line


def test_without_a_cluster_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere/kubeconfig")
    result = CliRunner().invoke(cli, ["guard"])
    assert result.exit_code == 2 and "no such file; allowed: a kubeconfig" in result.stderr


def test_sigterm_ends_it_with_the_lease_released_and_exit_code_0(kubeconfig: Scripted) -> None:
    fakes = ends_itself()
    assert guard_command.run(None, LOCAL, fakes.programs()) == 0
    assert fakes.loops[0].closed


def test_acts_are_lines_of_the_file_that_is_named(kubeconfig: Scripted, tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"earlier": true}\n')

    def act(loop: FakeLoop) -> None:
        loop.wiring.reporter.report(Report(Outcome.WOULD_ACT, "observe", "", ACT), NOW)

    options: Options = {**LOCAL, "audit-log": (str(path), "--set audit-log"), "cluster": ("prod-eu", "--set cluster")}
    guard_command.run(None, options, ends_itself(act).programs())
    earlier, line = map(json.loads, path.read_text().splitlines())
    assert earlier == {"earlier": True}
    assert (line["outcome"], line["cluster"], line["pod"]) == ("would-act", "prod-eu", "f1a2-n0-0")


def test_a_file_that_cannot_be_written_is_named(kubeconfig: Scripted) -> None:
    with pytest.raises(InputError, match="audit-log /nowhere/x: no such file or directory; allowed: - or a file"):
        guard_command.run(None, {**LOCAL, "audit-log": ("/nowhere/x", "--set")}, Fakes().programs())


def test_a_port_that_is_taken_is_named(kubeconfig: Scripted) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} of 127.0.0.1: address already in use"):
            guard_command.run(None, {**LOCAL, "port": (port, "--port")}, Fakes().programs())


def test_without_the_right_to_list_pods_it_ends_and_names_it(kubeconfig: Scripted) -> None:
    denied = ClusterDenied("list pods in all namespaces: forbidden")
    with pytest.raises(click.ClickException, match="list pods in all namespaces: forbidden"):
        guard_command.run(None, LOCAL, Fakes(error=denied).programs())


def test_a_replica_is_called_as_its_pod_or_host_and_no_two_processes_alike() -> None:
    assert identity({"POD_NAME": "podtriage-guard-5d9-x"}).startswith("podtriage-guard-5d9-x_")
    assert identity({}).startswith(f"{socket.gethostname()}_")
    assert identity({}) != identity({})


def test_the_log_is_given_back(kubeconfig: Scripted) -> None:
    import logging

    logger = logging.getLogger("flytekitplugins_podtriage")
    before: Any = ([*logger.handlers], [*logger.filters], logger.propagate)
    guard_command.run(None, LOCAL, ends_itself().programs())
    assert ([*logger.handlers], [*logger.filters], logger.propagate) == before
