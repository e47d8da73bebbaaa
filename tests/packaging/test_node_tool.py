"""What the tests with a real node say of a machine that cannot run one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.paths import ROOT


class Machine:
    """A made-up Linux with root: its programs, and how runc answers."""

    def __init__(self, module: ModuleType, root: Path) -> None:
        self._module = module
        self._programs = root / "bin"
        self._programs.mkdir()
        self.environ = {"PATH": str(self._programs)}
        for name in module.PACKAGES:
            self.put(name, "exit 0")

    def put(self, name: str, script: str) -> None:
        (self._programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (self._programs / name).chmod(0o755)

    def remove(self, name: str) -> None:
        (self._programs / name).unlink()

    def packages(self) -> list[str]:
        packages: list[str] = self._module.missing_packages(self.environ)
        return packages

    def missing(self) -> str | None:
        why: str | None = self._module.missing(self.environ)
        return why


@pytest.fixture
def machine(tool: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    import node

    plugins = tmp_path / "plugins"
    plugins.mkdir()
    for name in node.PLUGINS:
        (plugins / name).touch()
    monkeypatch.setattr(node, "_PLUGIN_FOLDERS", (str(tmp_path / "nowhere"), str(plugins)))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return Machine(node, tmp_path)


def test_a_machine_with_all_of_it_may_run_a_node(machine: Machine) -> None:
    assert (machine.packages(), machine.missing()) == ([], None)


def test_it_takes_linux(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert machine.missing() == "the kubelet runs on Linux only, and this is darwin"


def test_it_takes_root(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert machine.missing() == "a kubelet and containers need root"


def test_packages_are_named_once_and_in_order(machine: Machine, tmp_path: Path) -> None:
    for name in ("ctr", "containerd", "busybox"):
        machine.remove(name)
    (tmp_path / "plugins" / "host-local").unlink()
    assert machine.packages() == ["busybox-static", "containerd", "containernetworking-plugins"]
    expected = "not installed: busybox-static, containerd, containernetworking-plugins (Debian packages)"
    assert machine.missing() == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            "echo first >&2; echo cgroups: cgroup mountpoint does not exist >&2; exit 1",
            "cgroup mountpoint does not exist",
        ),
        ("exit 1", "it says nothing"),
    ],
)
def test_a_kernel_that_allows_no_containers_is_quoted(machine: Machine, script: str, expected: str) -> None:
    machine.put("unshare", script)
    why = machine.missing()
    assert why is not None
    assert why.startswith("runc cannot start a container with a limit of memory here: ") and why.endswith(expected)


def test_without_a_node_the_tests_are_skipped_or_fail_as_asked_with_the_reason() -> None:
    program = [sys.executable, str(ROOT / "tools" / "test_node.py")]
    environ = {**os.environ, "PATH": "/nowhere"}
    skipped = subprocess.run(program, env=environ, capture_output=True, text=True, check=False)
    required = subprocess.run([*program, "--required"], env=environ, capture_output=True, text=True, check=False)
    assert (skipped.returncode, required.returncode) == (0, 1)
    assert skipped.stderr.startswith("tools/test_node.py: the tests are skipped: ")
    assert required.stderr.removeprefix("tools/test_node.py: ") in skipped.stderr
