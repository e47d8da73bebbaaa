"""Where the tests find etcd, kube-apiserver and the kubelet, and how these are built where there are none."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

# Stands for go: notes how it is called, and makes what it is asked to build, or fails as go does.
GO = r"""#!/bin/sh
echo "CGO_ENABLED=$CGO_ENABLED GOOS=$GOOS $*" >> "$NOTES"
case "$1 $2" in
"env GOVERSION") printf '%s\n' "$VERSION" "$TOOLCHAIN"; exit ;;
"env GOPROXY") echo https://proxy.example.com,direct; exit ;;
esac
if [ -n "$WORDS" ]; then printf '%b' "$WORDS" >&2; exit 1; fi
while [ "$1" != -o ]; do shift; done
/bin/mkdir -p "${2%/*}"
echo built > "$2"
/bin/chmod 755 "$2"
"""


class Machine:
    """A made-up machine: its folders, and the environment of whoever calls the tool."""

    def __init__(self, module: ModuleType, go_module: Path, root: Path) -> None:
        self.module = module
        self.programs = replace(module.API_SERVER, module=go_module)
        self.kubelet = replace(module.KUBELET, module=go_module)
        self.root = root
        self.notes = root / "notes"
        self.notes.touch()
        self.environ = {
            "PATH": str(root / "bin"),
            "XDG_CACHE_HOME": str(root / "cache"),
            "NOTES": str(self.notes),
            "VERSION": "go1.24.0",
            "TOOLCHAIN": "auto",
        }

    def put(self, folder: str, *names: str) -> Path:
        """Put programs into a folder."""
        directory = self.root / folder
        directory.mkdir(exist_ok=True)
        for name in names:
            (directory / name).write_text(GO)
            (directory / name).chmod(0o755)
        return directory

    def find(self) -> Path | None:
        path: Path | None = self.module.find(self.environ, self.programs)
        return path

    def prepared(self) -> Path:
        prepared: Path = self.module.prepared(self.environ, self.programs)
        return prepared

    def builds(self) -> list[str]:
        """Return the calls of go that build."""
        return [line for line in self.notes.read_text().splitlines() if " build " in line]


@pytest.fixture
def machine(tool: None, tmp_path: Path) -> Machine:
    import assets

    module = tmp_path / "module"
    module.mkdir()
    (module / "go.mod").write_text(
        "module assets\n\ngo 1.24.0\n\nrequire (\n\tk8s.io/kubernetes v1.34.4 // indirect\n)\n"
    )
    (module / "go.sum").write_text("")
    return Machine(assets, module, tmp_path)


@pytest.mark.parametrize("name", ["API_SERVER", "KUBELET"])
def test_the_real_modules_name_a_go_and_their_packages(tool: None, name: str) -> None:
    import assets

    programs = getattr(assets, name)
    assert assets.from_go_mod(programs, r"^go (\d+)\.(\d+)")
    for package in programs.packages.values():
        assert assets.from_go_mod(programs, rf"^(?:tool |\t){re.escape(package)}$") is not None


def test_the_kubelet_is_of_the_release_of_the_api_server(tool: None) -> None:
    import assets

    versions = [
        assets.from_go_mod(programs, r"^\s+k8s\.io/kubernetes (v\S+)")
        for programs in (assets.API_SERVER, assets.KUBELET)
    ]
    assert versions[0] == versions[1]


def test_sets_of_programs_are_kept_apart(machine: Machine) -> None:
    machine.put("bin", "go")
    built = machine.prepared()
    other = machine.root / "other-module"
    other.mkdir()
    for name in ("go.mod", "go.sum"):
        (other / name).write_text((machine.programs.module / name).read_text() + "\n")
    kubelet = machine.module.prepared(machine.environ, replace(machine.kubelet, module=other))
    assert [path.name for path in kubelet.iterdir()] == ["kubelet"]
    assert machine.find() == built


def test_the_named_folder_comes_first_then_path_then_the_cache(machine: Machine) -> None:
    machine.put("bin", "go")
    built = machine.prepared()
    assert machine.find() == built
    both = machine.put("bin", *machine.programs.packages)
    assert machine.find() == both
    named = machine.put("named", *machine.programs.packages)
    machine.environ["KUBEBUILDER_ASSETS"] = str(named)
    assert machine.find() == named


def test_a_folder_of_path_has_to_hold_both(machine: Machine) -> None:
    machine.put("bin", "etcd")
    other = machine.put("other", "kube-apiserver")
    machine.environ["PATH"] += f":{other}"
    assert machine.find() is None
    machine.put("other", "etcd")
    assert machine.find() == other


def test_a_file_that_cannot_be_run_is_no_program(machine: Machine) -> None:
    (machine.put("bin", *machine.programs.packages) / "etcd").chmod(0o644)
    assert machine.find() is None


def test_a_named_folder_without_them_is_told(machine: Machine) -> None:
    machine.put("bin", *machine.programs.packages)
    machine.environ["KUBEBUILDER_ASSETS"] = str(machine.put("named", "etcd"))
    with pytest.raises(machine.module.Missing, match=r"^KUBEBUILDER_ASSETS=\S+/named: no kube-apiserver to run there$"):
        machine.prepared()


def test_they_are_built_once_for_this_machine_and_with_their_version(machine: Machine) -> None:
    machine.put("bin", "go")
    machine.environ["GOOS"] = "plan9"
    folder = machine.prepared()
    assert sorted(path.name for path in folder.iterdir()) == ["etcd", "kube-apiserver"]
    assert len(machine.builds()) == 2
    for line in machine.builds():
        assert line.startswith("CGO_ENABLED=0 GOOS= build -trimpath ")
        assert "-X k8s.io/component-base/version.gitVersion=v1.34.4 " in line
    assert machine.prepared() == folder
    assert len(machine.builds()) == 2


@pytest.mark.parametrize("name", ["go.mod", "go.sum"])
def test_other_versions_are_built_anew(machine: Machine, name: str) -> None:
    machine.put("bin", "go")
    first = machine.prepared()
    with (machine.programs.module / name).open("a") as file:
        file.write("\n")
    assert machine.prepared() != first


def test_two_at_once_build_once(machine: Machine) -> None:
    machine.put("bin", "go")
    threads = [threading.Thread(target=machine.prepared) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(machine.builds()) == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            'go: k8s.io/kubernetes@v1.34.4: Get "https://proxy.example.com/x": dial tcp: lookup proxy.example.com: no such host\\n',
            r"^the sources of etcd cannot be fetched; needed: a Go module proxy \(GOPROXY is https://proxy.example.com,direct\): "
            r"go: k8s.io/kubernetes@v1.34.4: Get .*no such host$",
        ),
        (
            "go: k8s.io/kubernetes@v1.34.4: module lookup disabled by GOPROXY=off\\n",
            r"^the sources of etcd cannot be fetched; needed: a Go module proxy .*GOPROXY=off$",
        ),
        (
            "# etcd\\nx.go:1:1: no space left on device\\n",
            r"^go could not build etcd: x.go:1:1: no space left on device$",
        ),
        ("\\n", r"^go could not build etcd: go says nothing$"),
    ],
    ids="network off disk silent".split(),
)
def test_a_build_that_fails_leaves_nothing_and_says_why_in_a_line(machine: Machine, words: str, expected: str) -> None:
    machine.put("bin", "go")
    machine.environ["WORDS"] = words
    with pytest.raises(machine.module.Missing, match=expected):
        machine.prepared()
    assert machine.find() is None
    assert [path.name for path in (machine.root / "cache").rglob("*") if path.is_file()] == ["lock"]
    del machine.environ["WORDS"]
    assert machine.prepared() == machine.find()


def test_without_go_it_is_told_what_was_looked_for(machine: Machine) -> None:
    with pytest.raises(
        machine.module.Missing, match=r"in KUBEBUILDER_ASSETS, PATH or the cache, and no go on PATH; go 1.24 or"
    ):
        machine.prepared()


@pytest.mark.parametrize(
    ("version", "toolchain", "good"),
    [
        ("go1.19.8", "", False),
        ("go1.22.1", "local", False),
        ("go1.22.1", "auto", True),  # it fetches the toolchain that go.mod asks for
        ("go1.24.0", "local", True),
        ("go1.30rc1", "auto", True),
        ("devel", "auto", False),
    ],
)
def test_which_go_is_new_enough(machine: Machine, version: str, toolchain: str, good: bool) -> None:
    go = machine.put("bin", "go") / "go"
    machine.environ.update(VERSION=version, TOOLCHAIN=toolchain)
    if good:
        assert machine.prepared() == machine.find()
    else:
        with pytest.raises(machine.module.Missing, match=rf"^{go}\b.*; go 1.24 or newer builds them$"):
            machine.prepared()


def test_a_cache_that_cannot_be_written_to_is_told(machine: Machine) -> None:
    machine.put("bin", "go")
    (machine.root / "cache").write_text("")
    with pytest.raises(machine.module.Missing, match=r"etcd and kube-apiserver cannot be kept there: Not a directory$"):
        machine.prepared()
