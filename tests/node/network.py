"""The network of a node's pods: a bridge of its own, whose address is the node's too (a kubelet refuses a loopback one)."""

from __future__ import annotations

import ipaddress
import json
import subprocess
import time
from pathlib import Path
from typing import Any

_NETWORKS = ipaddress.ip_network("198.18.0.0/15").subnets(new_prefix=24)  # for tests of networks: RFC 2544
_PATIENCE = 30.0


class Bridge:
    """A bridge that leads nowhere: pods get addresses, but no route.

    Args:
        name: of at most 15 characters.
        folder: where the configuration of the Container Network Interface is written.
    """

    def __init__(self, name: str, folder: Path) -> None:
        taken = {
            ipaddress.ip_interface(f"{address['local']}/{address['prefixlen']}").network
            for link in _links()
            for address in link.get("addr_info", [])
            if address.get("family") == "inet"
        }
        network = next(one for one in _NETWORKS if not any(one.overlaps(other) for other in taken))
        self.name = name
        self.address = str(network[1])
        bridge = {
            "type": "bridge",
            "bridge": self.name,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": str(network), "rangeStart": str(network[2])}]],
            },
        }
        configuration = {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}
        folder.mkdir()
        (folder / "pods.conflist").write_text(json.dumps(configuration))
        _ip("link", "add", self.name, "type", "bridge")
        _ip("address", "add", f"{self.address}/{network.prefixlen}", "dev", self.name)
        _ip("link", "set", self.name, "up")

    def close(self) -> None:
        """Remove it, once the kernel has removed the pods' ends of it.

        Raises:
            RuntimeError: there are pods left.
        """
        until = time.monotonic() + _PATIENCE
        while pods := [link["ifname"] for link in _links() if link.get("master") == self.name]:
            if time.monotonic() > until:
                raise RuntimeError(f"{self.name} has interfaces left: {', '.join(pods)}")
            time.sleep(0.05)
        remove(self.name)


def interfaces() -> set[str]:
    """Return the names of the machine's network interfaces."""
    return {link["ifname"] for link in _links()}


def remove(name: str) -> None:
    """Remove an interface."""
    _ip("link", "delete", name)


def _links() -> list[dict[str, Any]]:
    links: list[dict[str, Any]] = json.loads(_ip("-json", "address", "show"))
    return links


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout
