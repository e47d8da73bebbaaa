"""A real node: containerd and a kubelet, in namespaces of their own, so that all they leave goes with them.

``/run``, ``/var/lib`` and ``/var/log``, where both have folders that no option moves, are the node's own, in memory.
Its processes are in a PID namespace whose first process is containerd: when that one ends, all end, whatever ends it.
What the flags do: the references of containerd's CRI plugin (docs/cri/config.md) and of KubeletConfiguration.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.apiserver.api import Api
from tests.apiserver.process import Process
from tests.apiserver.server import KUBELET, NODE, ApiServer
from tests.node import cgroups
from tests.node.images import busybox_image
from tests.node.leftovers import NAME, remove_of_ended_runs
from tests.node.network import Bridge
from tests.recordings import moment

_PATIENCE = 60.0  # seconds; a start takes five, on a machine that is not busy
_SOCKET = "/run/containerd/containerd.sock"
_PAUSE = "localhost/pause:1"
_OWN: Final = ("/run", "/var/lib", "/var/log")
_KERNEL: Final = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}
"""What a kubelet sets for the whole machine unless it is so (kubernetes pkg/util/sysctl): it reads that it is so."""


class Node:
    """The one node of an API server.

    Args:
        server: its API server, which runs.
        kubelet: the program.
        busybox: what the image of the pods' sandboxes holds.
        plugins: the folder of the plugins of the Container Network Interface.
        apart: the command that starts a program in namespaces of its own.
        home: an empty folder for configurations and logs.
    """

    def __init__(
        self, *, server: ApiServer, kubelet: Path, busybox: Path, plugins: Path, apart: list[str], home: Path
    ) -> None:
        for folder in _OWN:
            assert not home.is_relative_to(folder), f"TMPDIR is below {folder}, which the node cannot see"
        self._server = server
        self._kubelet = kubelet
        self._apart = apart
        self._plugins = plugins
        self._home = home
        self._busybox = busybox
        self._bridge: Bridge | None = None
        self._running: dict[str, Process] = {}
        self._read: dict[str, int] = {}
        self.name = NODE

    def start(self) -> None:
        """Start it, and wait until it is ready for pods."""
        remove_of_ended_runs()
        self._bridge = Bridge(NAME, self._home / "cni")
        pause = busybox_image(self._busybox, "pause", ("sleep", "2147483647"))
        (self._home / "pause.tar").write_bytes(pause.archive(_PAUSE))
        (self._home / "containerd.toml").write_text(self._containerd_configuration())
        self._launch("containerd", [*self._apart, "sh", "-ec", self._first_process()])
        self._await("containerd", self._imported)
        self.start_kubelet()

    def start_kubelet(self) -> None:
        """Start the kubelet if it does not run, and wait until the API server has the node as ready."""
        if "kubelet" in self._running:
            return
        (self._home / "kubelet.json").write_text(json.dumps(self._kubelet_configuration()))
        flags = [
            f"--config={self._home / 'kubelet.json'}",
            f"--kubeconfig={self._server.kubeconfig(KUBELET)}",
            f"--hostname-override={self.name}",
            f"--node-ip={self._bridge.address if self._bridge else ''}",
        ]
        began = time.time()
        # What enters a PID namespace is a child of nsenter, and has to end with it.
        self._launch("kubelet", [*self._inside(), "setpriv", "--pdeathsig", "KILL", str(self._kubelet), *flags])
        self._await("kubelet", lambda: self._ready(began))

    def kill_kubelet(self) -> None:
        """End the kubelet as a crash does; containers run on."""
        if "kubelet" in self._running:
            self._end("kubelet")

    def close(self) -> None:
        """End everything, and remove what the kernel keeps of it."""
        self.kill_kubelet()
        if "containerd" in self._running:
            for child in self._children():  # then `unshare` waits for it, and ends
                os.kill(child, signal.SIGKILL)
            self._await_end("containerd")
            self._end("containerd")
        if self._bridge is not None:
            self._bridge.close()
            self._bridge = None
        cgroups.remove(NAME)

    def begin(self) -> None:
        """Begin a test: :meth:`log_tails` tells what is logged from now on."""
        self._read = {name: self._log(name).stat().st_size for name in self._running}

    def log_tails(self, size: int = 6000) -> dict[str, str]:
        """Return what each program has logged since the test began: the last of it."""
        tails = {}
        for name in self._running:
            content = self._log(name).read_bytes()[self._read.get(name, 0) :]
            tails[name] = content[-size:].decode(errors="replace")
        return tails

    def _first_process(self) -> str:
        """Return the script that makes the node's own folders, and goes on as containerd."""
        lines = []
        for name, value in _KERNEL.items():
            file = self._home / name.replace("/", ".")
            file.write_text(f"{value}\n")
            lines.append(f"mount --bind {shlex.quote(str(file))} /proc/sys/{name}")
        lines += [f"mount -t tmpfs tmpfs {folder}" for folder in _OWN]
        lines.append(f"exec containerd --config {shlex.quote(str(self._home / 'containerd.toml'))}")
        return "\n".join(lines)

    def _inside(self) -> list[str]:
        """Return the command that starts a program in the node's namespaces."""
        children = self._children()
        assert children, f"containerd has ended: {self.log_tails()['containerd']}"
        return ["nsenter", "--target", str(children[0]), "--mount", "--pid", "--"]

    def _children(self) -> list[int]:
        """Return the first process of the node's namespace, by its id in the one of the tests; none if it has ended."""
        outer = self._running["containerd"].pid
        try:
            return [int(child) for child in Path(f"/proc/{outer}/task/{outer}/children").read_text().split()]
        except FileNotFoundError:
            return []

    def _imported(self) -> bool:
        """Whether containerd has the image of the pods' sandboxes."""
        if not self._children():
            return False
        command = [*self._inside(), "ctr", "--address", _SOCKET, "--namespace", "k8s.io", "images", "import"]
        options = ["--snapshotter", "native", str(self._home / "pause.tar")]
        return subprocess.run([*command, *options], capture_output=True, check=False).returncode == 0

    def _containerd_configuration(self) -> str:
        # Where CAP_SYS_RESOURCE is missing runc may not lower a score of the OOM killer, and every sandbox would fail.
        # The native snapshotter copies, and works on any file system.
        return f"""
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
address = "{_SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
path = "/var/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{_PAUSE}"
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
stream_server_address = "127.0.0.1"
stream_server_port = "0"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{self._plugins}"
conf_dir = "{self._home / "cni"}"
"""

    def _kubelet_configuration(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": f"unix://{_SOCKET}",
            # No systemd, and no cgroups but those of the containers.
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{NAME}",
            "cgroupsPerQOS": False,
            "enforceNodeAllocatable": [],
            "failCgroupV1": False,
            "failSwapOn": False,
            # The disks of the machine are none of its business.
            "evictionHard": {"memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%"},
            "localStorageCapacityIsolation": False,
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "serializeImagePulls": False,  # else one pull that hangs holds up all others
            "makeIPTablesUtilChains": False,
            "resolvConf": "",
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "address": "127.0.0.1",
            "port": _free_port(),
            "healthzPort": 0,
            "readOnlyPort": 0,
        }

    def _ready(self, since: float) -> bool:
        """Whether the API server has the node as ready, by what the kubelet has written since then."""
        node = self._api.find(f"/api/v1/nodes/{self.name}")
        conditions = node["status"].get("conditions", []) if node else []
        return any(
            one["type"] == "Ready"
            and one["status"] == "True"
            and moment(one["lastHeartbeatTime"]).timestamp() >= int(since)
            for one in conditions
        )

    @property
    def _api(self) -> Api:
        return self._server.api("admin")

    def _log(self, name: str) -> Path:
        return self._home / f"{name}.log"

    def _launch(self, name: str, command: list[str]) -> None:
        self._running[name] = Process(command, self._log(name))

    def _end(self, name: str) -> None:
        self._running.pop(name).end(signal.SIGKILL)

    def _await_end(self, name: str) -> None:
        until = time.monotonic() + _PATIENCE
        while self._running[name].code is None and time.monotonic() < until:
            time.sleep(0.05)

    def _await(self, name: str, condition: Callable[[], bool]) -> None:
        """Wait until it is so.

        Raises:
            RuntimeError: the program ended, or it takes too long; the message has the end of its log.
        """
        until = time.monotonic() + _PATIENCE
        while not condition():
            code = self._running[name].code
            if code is not None:
                raise RuntimeError(f"{name} ended with {code}: {self.log_tails()[name]}")
            if time.monotonic() > until:
                raise RuntimeError(f"{name} is not ready after {_PATIENCE} s: {self.log_tails()[name]}")
            time.sleep(0.1)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])
