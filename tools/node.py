"""What a machine needs to run a real node in tests: Linux, root, a few Debian packages, and containers that start.

python3 tools/node.py                   say in a line what is missing, if anything is
python3 tools/node.py --packages        the Debian packages that are missing
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

PACKAGES = {
    "containerd": "containerd",
    "containerd-shim-runc-v2": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "busybox": "busybox-static",
    "ip": "iproute2",
    "setpriv": "util-linux",
    "nsenter": "util-linux",
    "unshare": "util-linux",
}
"""Programs of a node, and the Debian package of each."""
PLUGINS = ("bridge", "host-local", "loopback")
"""Plugins of the Container Network Interface."""
_PLUGINS_PACKAGE = "containernetworking-plugins"
_PLUGIN_FOLDERS = ("/usr/lib/cni", "/opt/cni/bin")
APART = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
"""Starts a program with mounts and processes of its own, all of which end with it."""
_PATIENCE = 60.0  # seconds for a container that does nothing; it takes 0.1


def plugins() -> Path | None:
    """Return the folder that holds the plugins of the Container Network Interface; None if there is none."""
    for folder in map(Path, _PLUGIN_FOLDERS):
        if all((folder / name).is_file() for name in PLUGINS):
            return folder
    return None


def missing_packages(environ: Mapping[str, str]) -> list[str]:
    """Return the Debian packages of which something is missing."""
    path = environ.get("PATH", os.defpath)
    missing = {package for name, package in PACKAGES.items() if shutil.which(name, path=path) is None}
    if plugins() is None:
        missing.add(_PLUGINS_PACKAGE)
    return sorted(missing)


def missing(environ: Mapping[str, str]) -> str | None:
    """Return in a line what keeps a node from running on this machine; None if nothing does."""
    if sys.platform != "linux":
        return f"the kubelet runs on Linux only, and this is {sys.platform}"
    if os.geteuid() != 0:
        return "a kubelet and containers need root"
    packages = missing_packages(environ)
    if packages:
        return f"not installed: {', '.join(packages)} (Debian packages)"
    return _refusal(environ)


def _refusal(environ: Mapping[str, str]) -> str | None:
    """Return why runc cannot start a container with a limit of memory here; None if it can."""
    with tempfile.TemporaryDirectory(prefix="podtriage-container-") as folder:
        bundle = Path(folder)
        files = bundle / "files"
        (files / "proc").mkdir(parents=True)
        busybox = shutil.which("busybox", path=environ.get("PATH"))
        assert busybox is not None  # it has been looked for
        shutil.copy(busybox, files / "busybox")
        (bundle / "config.json").write_text(json.dumps(_container("files", f"/{bundle.name}")))
        command = [*APART, "runc", "--root", str(bundle / "runc"), "run", "--bundle", str(bundle), bundle.name]
        try:
            done = subprocess.run(
                command,
                env=environ,
                capture_output=True,
                text=True,
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=_PATIENCE,
            )
        except subprocess.TimeoutExpired:
            return f"runc has not run a container in {_PATIENCE:.0f} s"
    if done.returncode == 0:
        return None
    output = [line.strip() for line in done.stderr.splitlines() if line.strip()] or ["it says nothing"]
    return f"runc cannot start a container with a limit of memory here: {output[-1][:300]}"


def _container(files: str, cgroup: str) -> dict[str, object]:
    """Return the configuration of a container that does nothing (OCI runtime specification, config.md)."""
    return {
        "ociVersion": "1.0.2",
        "root": {"path": files, "readonly": True},
        "process": {"cwd": "/", "args": ["/busybox", "true"], "user": {"uid": 0, "gid": 0}},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "linux": {
            "cgroupsPath": cgroup,
            "resources": {"memory": {"limit": 64 << 20}},
            "namespaces": [{"type": name} for name in ("pid", "mount", "ipc", "uts", "network")],
        },
    }


if __name__ == "__main__":
    if sys.argv[1:] == ["--packages"]:
        print(*missing_packages(os.environ))
    else:
        why = missing(os.environ)
        sys.exit(f"tools/node.py: {why}" if why else 0)
