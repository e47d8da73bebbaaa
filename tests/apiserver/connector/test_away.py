"""The API server away for longer than the patience: no attempt ends meanwhile, and the right end comes soon after."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from flyteidl.core.execution_pb2 import TaskExecution

from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.http import Timeouts
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.requests import get_pod
from tests.apiserver.api import Api
from tests.apiserver.connector.served import OVER, Served, Task
from tests.apiserver.connector.telling import (
    SUCCEEDED,
    SYSTEM,
    USER,
    AwaitingKubelet,
    ended_well,
    limited,
    made,
    missing,
    name_of,
)
from tests.apiserver.front import Front
from tests.apiserver.server import ApiServer

AWAY = 6.0
"""How long it is away, in seconds: longer than each patience."""
PATIENCES = {"user_patience": "3s", "system_patience": "3s"}
SOON = 30.0
"""Within how many seconds the end has to come."""
REPORTED = 4.0
"""How many seconds after the server's return the kubelet reports what happened meanwhile."""
KINDS = {"rate limit": (limited, SYSTEM), "missing image": (missing, USER)}


class Trouble:
    """One way of being away, and the end of it."""

    def __init__(self, how: str, server: ApiServer, front: Front) -> None:
        self.how = how
        self._server = server
        self._front = front

    @property
    def is_of_server(self) -> bool:
        """Whether the server is away for kubelets too."""
        return self.how in ("stands still", "is killed")

    def begin(self) -> None:
        if self.how == "stands still":
            self._server.pause()
        elif self.how == "is killed":
            self._server.kill()
        elif self.how == "watches hang":
            self._front.freeze()
        elif self.how == "answers 500":
            self._front.answer_everything(500)
        else:
            self._front.grow_old()

    def end(self) -> None:
        if self.how == "stands still":
            self._server.resume()
        elif self.how == "is killed":
            self._server.start()
        elif self.how == "watches hang":
            self._front.thaw()
        elif self.how == "answers 500":
            self._front.answer_everything(0)
        else:
            self._front.grow_old(old=False)


TROUBLES = ["stands still", "is killed", "watches hang", "answers 500", "answers of old"]


@pytest.fixture
def trouble(request: pytest.FixtureRequest, server: ApiServer, front: Front) -> Any:
    made_of = Trouble(request.param, server, front)
    yield made_of
    if made_of.how == "stands still":
        server.resume()


def held(one: Task, served: Served, meta: bytes) -> None:
    """Ask for as long as the server is away: the attempt must not end."""
    until = time.monotonic() + AWAY
    while time.monotonic() < until:
        resource = one.get(served, meta)
        assert resource.phase not in OVER, resource
        time.sleep(0.2)


def over_soon(one: Task, served: Served, meta: bytes, since: float) -> Any:
    resource = one.until_over(served, meta)
    assert time.monotonic() - since < SOON
    return resource


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trouble", TROUBLES, indirect=True)
def test_a_pull_that_succeeds_meanwhile_costs_nobody_anything(
    serve: Callable[..., Served],
    front: Front,
    trouble: Trouble,
    task: Callable[..., Task],
    kubelet: AwaitingKubelet,
    admin: Api,
    cluster_of: Callable[..., Connection],
    namespace: str,
    kind: str,
) -> None:
    served, one = serve(front=front, **PATIENCES), task()
    meta = one.create(served)
    made(admin, namespace, name_of(meta))
    KINDS[kind][0](kubelet, namespace, name_of(meta))
    one.until(served, meta, lambda resource: resource.phase == TaskExecution.INITIALIZING)
    get_pod(cluster_of("connector", front), Operation("get", "pods", namespace, name_of(meta)), Timeouts())
    trouble.begin()
    if not trouble.is_of_server:
        ended_well(kubelet, namespace, name_of(meta))
    if trouble.how != "watches hang":  # what is read is the truth then, and may end it
        held(one, served, meta)
    trouble.end()
    since = time.monotonic()
    if trouble.is_of_server:
        while time.monotonic() < since + REPORTED:
            assert one.get(served, meta).phase not in OVER, "the kubelet has not reported yet"
            time.sleep(0.2)
        ended_well(kubelet, namespace, name_of(meta))
    assert over_soon(one, served, meta, since).phase == SUCCEEDED
    assert one.error() is None


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [(how, list(KINDS)[number % 2]) for number, how in enumerate(TROUBLES)],
    indirect=["trouble"],
)
def test_a_pull_that_still_fails_is_charged_to_the_right_kind_soon_afterwards(
    serve: Callable[..., Served],
    front: Front,
    trouble: Trouble,
    task: Callable[..., Task],
    kubelet: AwaitingKubelet,
    admin: Api,
    cluster_of: Callable[..., Connection],
    namespace: str,
    kind: str,
) -> None:
    served, one = serve(front=front, **PATIENCES), task()
    meta = one.create(served)
    made(admin, namespace, name_of(meta))
    tell, origin = KINDS[kind]
    tell(kubelet, namespace, name_of(meta))
    one.until(served, meta, lambda resource: resource.phase == TaskExecution.INITIALIZING)
    get_pod(cluster_of("connector", front), Operation("get", "pods", namespace, name_of(meta)), Timeouts())
    trouble.begin()
    if trouble.how != "watches hang":
        held(one, served, meta)
    trouble.end()
    over_soon(one, served, meta, time.monotonic())
    document = one.error()
    assert document is not None and document.error.origin == origin
