"""Programs of Kubernetes for the tests: found on this machine, or built once with Go.

python3 tools/assets.py                 print the folder of etcd and kube-apiserver; without one, build them (minutes)
python3 tools/assets.py kubelet         the same for the kubelet

They are looked for in the folder that an environment variable names, ``KUBEBUILDER_ASSETS`` (the convention of
controller-runtime's envtest) or ``KUBELET_ASSETS``; in one folder of ``PATH``; then where an earlier run has built
them: the user's cache folder, by the hash of what they are built from.
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
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Programs:
    """Programs that are kept in one folder."""

    module: Path
    """The Go module that says which versions are built. One for each set: a change of it does not rebuild another."""
    packages: Mapping[str, str]
    """What is needed, and the Go package of each."""
    named: str
    """The environment variable that may name a folder that holds them."""

    def __str__(self) -> str:
        return " and ".join(self.packages)


API_SERVER = Programs(
    module=_HERE / "assets",
    packages={"etcd": "go.etcd.io/etcd/server/v3", "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver"},
    named="KUBEBUILDER_ASSETS",
)
KUBELET = Programs(
    module=_HERE / "kubelet", packages={"kubelet": "k8s.io/kubernetes/cmd/kubelet"}, named="KUBELET_ASSETS"
)
_BY_ITSELF = (1, 21)  # since then go fetches a newer toolchain by itself, unless GOTOOLCHAIN=local
_FETCHING = (
    "dial tcp",
    "lookup disabled",
    "module lookup",
    "i/o timeout",
    "no such host",
    "proxyconnect",
    "TLS handshake",
)


class Missing(Exception):
    """The programs are not there and cannot be built; the message says in a line what is missing."""


def find(environ: Mapping[str, str], programs: Programs = API_SERVER) -> Path | None:
    """Return the folder that holds the programs, or None if none does.

    Raises:
        Missing: the environment names a folder without them.
    """
    named = environ.get(programs.named)
    if named:
        lacking = [name for name in programs.packages if not _holds(Path(named), name)]
        if lacking:
            raise Missing(f"{programs.named}={named}: no {' and no '.join(lacking)} to run there")
        return Path(named).resolve()
    folders = [Path(folder) for folder in environ.get("PATH", os.defpath).split(os.pathsep) if folder]
    for folder in [*folders, _cache_directory(environ, programs)]:
        if all(_holds(folder, name) for name in programs.packages):
            return folder.resolve()
    return None


def prepared(environ: Mapping[str, str], programs: Programs = API_SERVER) -> Path:
    """Return the folder that holds the programs; they are built if there is none.

    Raises:
        Missing: they cannot be built.
    """
    folder = find(environ, programs)
    if folder is not None:
        return folder
    go = _go(environ, programs)
    directory = _cache_directory(environ, programs)
    try:
        with _alone(directory.parent):
            if not directory.is_dir():  # else another process has been at it meanwhile
                _build(go, directory, environ, programs)
    except OSError as error:
        raise Missing(f"{directory}: {programs} cannot be kept there: {error.strerror}") from error
    return directory.resolve()


def _holds(folder: Path, name: str) -> bool:
    return (folder / name).is_file() and os.access(folder / name, os.X_OK)


def _cache_directory(environ: Mapping[str, str], programs: Programs) -> Path:
    """Return where programs of these versions for this machine are kept."""
    digest = hashlib.sha256()
    for part in ((programs.module / "go.mod").read_bytes(), (programs.module / "go.sum").read_bytes()):
        digest.update(hashlib.sha256(part).digest())
    digest.update(f"{platform.system()} {platform.machine()}".encode())
    cache = environ.get("XDG_CACHE_HOME") or os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".cache")
    return Path(cache) / "flytekitplugins-podtriage" / "assets" / digest.hexdigest()[:16]


def _go(environ: Mapping[str, str], programs: Programs) -> str:
    """Return a go that is new enough.

    Raises:
        Missing: there is none.
    """
    needed = from_go_mod(programs, r"^go (\d+)\.(\d+)")
    wanted = f"go {needed[0]}.{needed[1]} or newer builds {'it' if len(programs.packages) == 1 else 'them'}"
    go = shutil.which("go", path=environ.get("PATH"))
    if go is None:
        raise Missing(f"no {programs} in {programs.named}, PATH or the cache, and no go on PATH; {wanted}")
    output = _run([go, "env", "GOVERSION", "GOTOOLCHAIN"], "/", environ).stdout.split()
    version = re.match(r"go(\d+)\.(\d+)", output[0]) if output else None
    if version is None:
        raise Missing(f"{go}: it does not tell its version; {wanted}")
    here = (int(version[1]), int(version[2]))
    if here < (int(needed[0]), int(needed[1])) and (here < _BY_ITSELF or output[1:] == ["local"]):
        raise Missing(f"{go} is {output[0]}: too old; {wanted}")
    return go


def _build(go: str, directory: Path, environ: Mapping[str, str], programs: Programs) -> None:
    """Build the programs; they appear there all at once, or not at all.

    Raises:
        Missing: go could not.
    """
    # Without the version they call themselves v0.0.0-master, and kubelets and clients judge their skew by it.
    version = from_go_mod(programs, r"^\s+k8s\.io/kubernetes (v\S+)")[0]
    flags = ["-trimpath", "-ldflags", f"-s -w -X k8s.io/component-base/version.gitVersion={version}"]
    setting = {name: value for name, value in environ.items() if name not in ("GOOS", "GOARCH")}
    print(f"Building {programs} {version} (once; some minutes) ...", end=" ", file=sys.stderr, flush=True)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix="building-") as scratch:
        built = Path(scratch) / "programs"
        for name, package in programs.packages.items():
            command = [go, "build", *flags, "-o", str(built / name), package]
            done = _run(command, str(programs.module), {**setting, "CGO_ENABLED": "0", "GOWORK": "off"})
            if done.returncode:
                print("failed", file=sys.stderr)
                raise Missing(
                    _build_error(name, done.stderr, _run([go, "env", "GOPROXY"], "/", environ).stdout.strip())
                )
        built.rename(directory)
    print(f"done in {time.monotonic() - start:.0f} s", file=sys.stderr)


def _build_error(name: str, words: str, proxy: str) -> str:
    """Say in a line why go could not build a program."""
    lines = [line.strip() for line in words.splitlines() if line.strip()] or ["go says nothing"]
    for line in lines:
        if any(word in line for word in _FETCHING):
            return (
                f"the sources of {name} cannot be fetched; needed: a Go module proxy (GOPROXY is {proxy}): {line[:300]}"
            )
    return f"go could not build {name}: {lines[-1][:300]}"


def from_go_mod(programs: Programs, pattern: str) -> tuple[str, ...]:
    """Return what go.mod of the programs says.

    Raises:
        Missing: it says nothing of the kind.
    """
    file = programs.module / "go.mod"
    match = re.search(pattern, file.read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise Missing(f"{file}: nothing in it matches {pattern}")
    return match.groups()


def _run(command: list[str], folder: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Missing(f"{command[0]}: it cannot be started: {error}") from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process builds here."""
    import fcntl  # kube-apiserver is made for Linux, and builds on macOS; it has no Windows

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    try:
        print(prepared(os.environ, KUBELET if sys.argv[1:] == ["kubelet"] else API_SERVER))
    except Missing as error:
        sys.exit(f"tools/assets.py: {error}")
