"""A real API server: etcd and kube-apiserver on free ports of the loopback, with users and rights.

What the flags do: kube-apiserver's own reference, and k8s.io/kubernetes cmd/kube-apiserver/app/options. What controller
managers would do is not done: no namespace is finalized, no service account is made, no pod is collected.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Final

import urllib3

from tests.apiserver.api import Api
from tests.apiserver.process import Process

NODE: Final = "node-1"
USERS: Final = {
    "admin": "system:masters",
    "connector": "",
    "guest": "",
    "nobody": "",
    f"system:node:{NODE}": "system:nodes",
}
"""Who may log in, and the groups of each: the connector has its chart's role, a guest what a test gives, nobody nothing.
(Names of groups: k8s.io/apiserver pkg/authentication/user.)"""
KUBELET: Final = f"system:node:{NODE}"
_PATIENCE = 60.0  # seconds; a start takes two, on a machine that is not busy


class ApiServer:
    """An API server that can be stopped, killed and started again; its data and its address stay.

    Args:
        programs: the folder of etcd and kube-apiserver.
        home: an empty folder for data, certificates, logs and kubeconfigs.
    """

    def __init__(self, programs: Path, home: Path) -> None:
        self._programs = programs
        self._home = home
        self._apis: dict[str, Api] = {}
        self._running: dict[str, Process] = {}
        self._read: dict[str, int] = {}
        self.starts = 0
        """How many times the API server has been started."""
        etcd, port = _free_ports(2)
        self._etcd = f"http://127.0.0.1:{etcd}"
        self._port = port
        self.url = f"https://127.0.0.1:{port}"
        self.certificate = str(home / "pki" / "apiserver.crt")
        self.key = str(home / "pki" / "apiserver.key")
        lines = [f'{token(name)},{name},{name},"{groups}"\n' for name, groups in USERS.items()]
        (home / "tokens.csv").write_text("".join(lines))

    def start(self) -> None:
        """Start what does not run, and wait until the API server says that it is ready."""
        if "etcd" not in self._running:
            self._launch("etcd", *self._etcd_flags())
        if "kube-apiserver" not in self._running:
            self._launch("kube-apiserver", *self._apiserver_flags())
            self.starts += 1
        self._wait()

    def stop(self) -> None:
        """End the API server as an update of it does: it closes its watches, and lets requests end."""
        self._end("kube-apiserver", signal.SIGTERM)

    def kill(self) -> None:
        """End the API server as a crash does."""
        self._end("kube-apiserver", signal.SIGKILL)

    def pause(self) -> None:
        """Have the API server stand still: connections stay, and nothing is answered."""
        self._running["kube-apiserver"].send(signal.SIGSTOP)

    def resume(self) -> None:
        """Have it go on."""
        self._running["kube-apiserver"].send(signal.SIGCONT)

    def close(self) -> None:
        """End everything."""
        for api in self._apis.values():
            api.close()
        for name in list(self._running):
            self._end(name, signal.SIGKILL)

    @property
    def running(self) -> bool:
        """Whether the API server runs."""
        process = self._running.get("kube-apiserver")
        return process is not None and process.code is None

    def api(self, user: str = "admin") -> Api:
        """Return the client of a user."""
        if user not in self._apis:
            self._apis[user] = Api(self.url, token(user), self.certificate)
        return self._apis[user]

    def kubeconfig(self, user: str, namespace: str = "default", url: str | None = None) -> str:
        """Write the kubeconfig of a user, for this address or that of a proxy; return its path."""
        where: dict[str, Any] = {"server": url or self.url}
        if where["server"].startswith("https:"):
            where["certificate-authority"] = self.certificate
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": user,
            "clusters": [{"name": "test", "cluster": where}],
            "users": [{"name": user, "user": {"token": token(user)}}],
            "contexts": [{"name": user, "context": {"cluster": "test", "user": user, "namespace": namespace}}],
        }
        port = where["server"].rpartition(":")[2]
        path = self._home / f"kubeconfig-{user.replace(':', '-')}-{namespace}-{port}"
        path.write_text(json.dumps(config))
        return str(path)

    def compact(self) -> None:
        """Have etcd forget all revisions but the newest, as the API server itself does every five minutes."""
        with urllib3.PoolManager(retries=False) as pool:
            status = pool.request("POST", f"{self._etcd}/v3/maintenance/status", body=b"{}")
            newest = json.loads(status.data)["header"]["revision"]
            done = pool.request(
                "POST", f"{self._etcd}/v3/kv/compaction", body=json.dumps({"revision": newest, "physical": True})
            )
            assert done.status == 200, done.data

    def begin(self) -> None:
        """Begin a test: :meth:`log_tails` tells what is logged from now on."""
        self._read = {name: log.stat().st_size for name, log in self._logs().items()}

    def log_tails(self) -> dict[str, str]:
        """Return what each program has logged since the test began: the last of it."""
        return {name: _tail(log, self._read.get(name, 0)) for name, log in self._logs().items()}

    def _logs(self) -> dict[str, Path]:
        return {name: self._home / f"{name}.log" for name in self._running}

    def _etcd_flags(self) -> list[str]:
        flags = [
            f"--data-dir={self._home / 'etcd'}",
            f"--listen-client-urls={self._etcd}",
            f"--advertise-client-urls={self._etcd}",
            "--listen-peer-urls=http://127.0.0.1:0",  # it has no peers
        ]
        completed = subprocess.run([self._programs / "etcd", "--help"], capture_output=True, text=True, check=False)
        if "--unsafe-no-fsync" in completed.stdout + completed.stderr:  # since 3.5
            flags.append("--unsafe-no-fsync")
        return flags

    def _apiserver_flags(self) -> list[str]:
        # It makes its own certificate at the first start. The same key signs the tokens of service accounts, none of
        # which is ever asked for.
        return [
            f"--etcd-servers={self._etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._port}",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",  # endpoints may not be loopback addresses
            f"--cert-dir={self._home / 'pki'}",
            f"--token-auth-file={self._home / 'tokens.csv'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self.key}",
            f"--service-account-signing-key-file={self.key}",
            "--authorization-mode=Node,RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--allow-privileged=true",
            "--shutdown-watch-termination-grace-period=5s",  # else a server that is stopped waits a minute for watches
            # Without controller managers nobody makes the default service account or lifts a node's taint, and a pod
            # that was recorded carries the priority that it was given.
            "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition,Priority",
        ]

    def _launch(self, name: str, *flags: str) -> None:
        self._running[name] = Process([str(self._programs / name), *flags], self._home / f"{name}.log")

    def _end(self, name: str, how: signal.Signals) -> None:
        self._running.pop(name).end(how)

    def _wait(self) -> None:
        """Wait until the server is ready.

        Raises:
            RuntimeError: it ended, or takes too long; the message has the end of its log.
        """
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            for name, process in self._running.items():
                if process.code is not None:
                    raise RuntimeError(f"{name} ended with {process.code}: {self.log_tails()[name]}")
            if self._ready():
                return
            time.sleep(0.02)
        raise RuntimeError(f"kube-apiserver is not ready after {_PATIENCE} s: {self.log_tails()['kube-apiserver']}")

    def _ready(self) -> bool:
        if not os.path.exists(self.certificate):
            return False
        try:
            with urllib3.PoolManager(ca_certs=self.certificate, retries=False) as pool:
                headers = {"Authorization": f"Bearer {token('admin')}"}
                return bool(pool.request("GET", f"{self.url}/readyz", headers=headers, timeout=5.0).status == 200)
        except urllib3.exceptions.HTTPError:
            return False


def token(user: str) -> str:
    """Return the bearer token of a user."""
    return f"token-of-{user.replace(':', '-')}"


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _tail(log: Path, start: int, size: int = 4000) -> str:
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - size))
        return file.read().decode(errors="replace")
