"""helm for the tests of the charts: found on this machine, or built once with Go.

python3 tools/helm.py                   print its path; without one, build it (a minute or two)

It is looked for in ``HELM``, on ``PATH``, then where an earlier run has built it: the user's cache folder, by the hash
of what it is built from.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

NAMED = "HELM"
MODULE = Path(__file__).resolve().parent / "helm"
"""The Go module that says which version is built."""
_PACKAGE = "helm.sh/helm/v3/cmd/helm"


class NoHelm(Exception):
    """There is no helm; the message says in a line what is missing."""


def find(environ: Mapping[str, str]) -> Path | None:
    """Return helm's path, or None if it is nowhere.

    Raises:
        NoHelm: ``HELM`` names none.
    """
    named = environ.get(NAMED)
    if named:
        if not _runs(Path(named)):
            raise NoHelm(f"{NAMED}={named}: no program there")
        return Path(named).resolve()
    on_path = shutil.which("helm", path=environ.get("PATH"))
    if on_path is not None:
        return Path(on_path).resolve()
    built = _cache_directory(environ) / "helm"
    return built if _runs(built) else None


def prepared(environ: Mapping[str, str]) -> Path:
    """Return helm's path; it is built if it is nowhere.

    Raises:
        NoHelm: it cannot be built.
    """
    program = find(environ)
    if program is not None:
        return program
    go = shutil.which("go", path=environ.get("PATH"))
    if go is None:
        raise NoHelm(f"no helm in {NAMED}, PATH or the cache, and no go on PATH to build it with")
    directory = _cache_directory(environ)
    directory.mkdir(parents=True, exist_ok=True)
    version = _required(r"helm\.sh/helm/v3 (v\S+)")
    print(f"Building helm {version} (once; a minute or two) ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=directory, prefix="building-") as scratch:
        built = Path(scratch) / "helm"
        setting = {name: value for name, value in environ.items() if name not in ("GOOS", "GOARCH")}
        done = subprocess.run(
            [go, "build", "-trimpath", "-ldflags", f"-s -w {_stamps(version)}", "-o", str(built), _PACKAGE],
            cwd=MODULE,
            env={**setting, "CGO_ENABLED": "0", "GOWORK": "off"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            output = [line.strip() for line in done.stderr.splitlines() if line.strip()] or ["go says nothing"]
            raise NoHelm(f"go could not build helm {version}: {output[-1][:300]}")
        built.replace(directory / "helm")  # two that build at once leave one whole program
    return directory / "helm"


def _stamps(version: str) -> str:
    """Return the linker's options by which helm knows its version, and the Kubernetes that it renders for.

    Without them that is 1.20 (helm's Makefile sets the same).
    """
    minor = _required(r"k8s\.io/client-go v0\.(\d+)")
    variables = {"internal/version.version": version}
    for package in ("pkg/chartutil", "pkg/lint/rules"):
        variables |= {f"{package}.k8sVersionMajor": "1", f"{package}.k8sVersionMinor": minor}
    return " ".join(f"-X helm.sh/helm/v3/{name}={value}" for name, value in variables.items())


def _required(pattern: str) -> str:
    """Return the version that go.mod requires."""
    match = re.search(pattern, (MODULE / "go.mod").read_text(encoding="utf-8"))
    if match is None:
        raise NoHelm(f"{MODULE / 'go.mod'}: nothing in it matches {pattern}")
    return match[1]


def _runs(program: Path) -> bool:
    return program.is_file() and os.access(program, os.X_OK)


def _cache_directory(environ: Mapping[str, str]) -> Path:
    """Return the folder where helm of this version for this machine is kept."""
    digest = hashlib.sha256(f"{platform.system()} {platform.machine()}".encode())
    for name in ("go.mod", "go.sum"):
        digest.update(hashlib.sha256((MODULE / name).read_bytes()).digest())
    cache = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".cache")
    return Path(cache) / "flytekitplugins-podtriage" / "helm" / digest.hexdigest()[:16]


if __name__ == "__main__":
    try:
        print(prepared(os.environ))
    except NoHelm as error:
        sys.exit(f"tools/helm.py: {error}")
