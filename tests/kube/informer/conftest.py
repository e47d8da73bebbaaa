"""A reflector that follows a script, and its waits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.http import Response
from flytekitplugins_podtriage.kube.informer.pod_store import PodStore
from flytekitplugins_podtriage.kube.informer.reflector import Reflector
from flytekitplugins_podtriage.kube.informer.watch_events import PODS
from tests.builders import NAMESPACE as NS
from tests.kube.informer.scripted_source import Client, Script, Watch


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def store() -> PodStore:
    return PodStore(lambda: datetime(2026, 3, 1, tzinfo=timezone.utc))


@pytest.fixture
def watch(script: Script, store: PodStore) -> Reflector[Any]:
    """A reflector whose random part is always a quarter."""
    return Reflector(
        Connection(Client(), name="the cluster"),
        script,
        PODS,
        store,
        "pods",
        NS,
        clock=lambda: script.time,
        chance=lambda: 0.25,
    )


@pytest.fixture
def play(script: Script, watch: Reflector[Any]) -> Callable[..., list[float]]:
    """Return a function that runs the reflector against these responses, and returns its waits."""

    def run(*upcoming: Response | Watch | Exception) -> list[float]:
        script.upcoming = list(upcoming)
        waits = []
        while script.upcoming:
            waits.append(watch.once())
        return waits

    return run
