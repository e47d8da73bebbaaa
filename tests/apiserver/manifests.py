"""Pods for the tests."""

from __future__ import annotations

from typing import Any

IMAGE = "registry.example.com/team/app:v1"


def pod(name: str = "f3a91c-n0-0", **metadata: Any) -> dict[str, Any]:
    """Return a pod as Flyte makes one; the rest goes into its metadata."""
    container = {"name": name, "image": IMAGE}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, **metadata},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 5, "containers": [container]},
    }
