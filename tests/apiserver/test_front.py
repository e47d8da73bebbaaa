"""The proxy before the API server does what it is told, and nothing else."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator

import pytest
import urllib3

from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.errors import Forbidden, TransportError
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.paging import list_items
from tests.apiserver.api import Api, ApiStatus, pods
from tests.apiserver.asked import Asked
from tests.apiserver.front import Front
from tests.apiserver.server import ApiServer, token
from tests.builders import manifest


@pytest.fixture
def through(front: Front) -> Iterator[Api]:
    """Return the administrator's client, through the front."""
    api = Api(front.url, token("admin"))
    yield api
    api.close()


class Watch:
    """A watch of a namespace's pods through the front."""

    def __init__(self, front: Front, namespace: str) -> None:
        host, _, port = front.url.removeprefix("http://").rpartition(":")
        self._connection = http.client.HTTPConnection(host, int(port), timeout=30)
        headers = {"Authorization": f"Bearer {token('admin')}"}
        self._connection.request("GET", f"{pods(namespace)}?watch=1", headers=headers)
        self._answer = self._connection.getresponse()

    def next(self) -> dict[str, object] | None:
        """Return the next event; None at a proper end.

        Raises:
            IncompleteRead: the connection was cut.
        """
        line = self._answer.readline()
        return json.loads(line) if line else None

    def rest(self) -> bytes:
        return self._answer.read()

    def close(self) -> None:
        self._answer.close()
        self._connection.close()


@pytest.fixture
def watch(front: Front, namespace: str) -> Iterator[Watch]:
    watch = Watch(front, namespace)
    front.wait_for_watches(1)
    yield watch
    watch.close()


@pytest.mark.parametrize(
    ("line", "verb", "resource"),
    [
        ("GET /api/v1/namespaces/n/pods/p", "get", "pods"),
        ("GET /api/v1/namespaces/n/pods?limit=1", "list", "pods"),
        ("GET /api/v1/pods", "list", "pods"),
        ("GET /api/v1/namespaces/n/events?watch=true", "watch", "events"),
        ("GET /api/v1/pods?watch=0", "list", "pods"),
        ("GET /api/v1/namespaces/n/pods/p/log?tailLines=3", "get", "pods/log"),
        ("GET /api/v1/namespaces/n", "get", "namespaces"),
        ("GET /api/v1/namespaces", "list", "namespaces"),
        ("POST /api/v1/namespaces/n/pods", "create", "pods"),
        ("PUT /api/v1/namespaces/n/pods/p/status", "update", "pods/status"),
        ("PATCH /api/v1/namespaces/n/pods/p", "patch", "pods"),
        ("DELETE /api/v1/namespaces/n/pods/p", "delete", "pods"),
        ("DELETE /api/v1/namespaces/n/pods", "deletecollection", "pods"),
        ("GET /apis/flyte.lyft.com/v1alpha1/namespaces/n/flyteworkflows/w", "get", "flyteworkflows"),
        ("GET /version", "get", ""),
    ],
)
def test_requests_are_named_as_the_authorizer_names_them(line: str, verb: str, resource: str) -> None:
    asked = Asked.read(*line.split())
    assert (asked.verb, asked.resource) == (verb, resource)


def test_what_is_asked_reaches_the_server_as_the_user_who_asks(
    front: Front, cluster_of: Callable[..., Connection], admin: Api, namespace: str
) -> None:
    admin.post(pods(namespace), manifest(name="p"))
    assert len(list(list_items(cluster_of("connector", front), Operation("list", "pods", namespace)))) == 1
    with pytest.raises(Forbidden, match="nobody"):
        list(list_items(cluster_of("nobody", front), Operation("list", "pods", namespace)))
    assert front.count("list", "pods") == front.count() == 2


@pytest.mark.parametrize("code", [403, 409, 410, 429, 500, 504])
def test_the_next_matching_request_is_answered_with_an_error(
    front: Front, through: Api, admin: Api, namespace: str, code: int
) -> None:
    front.answer("create", "pods", code)
    through.get(pods(namespace))
    with pytest.raises(ApiStatus) as caught:
        through.post(pods(namespace), manifest(name="p"))
    assert caught.value.code == code
    assert admin.find(pods(namespace, "p")) is None
    through.post(pods(namespace), manifest(name="p"))
    assert admin.find(pods(namespace, "p")) is not None


def test_only_the_named_object_is_meant(front: Front, through: Api, namespace: str) -> None:
    for name in ("a", "b"):
        through.post(pods(namespace), manifest(name=name))
    front.answer("get", "pods", 500, name="a")
    through.get(pods(namespace, "b"))
    with pytest.raises(ApiStatus):
        through.get(pods(namespace, "a"))


def test_an_answer_may_say_when_to_ask_again(front: Front, namespace: str) -> None:
    front.answer("list", "pods", 429, retry_after=7)
    with urllib3.PoolManager() as pool:
        assert pool.request("GET", f"{front.url}{pods(namespace)}", retries=False).headers["Retry-After"] == "7"


def test_a_request_that_is_held_is_done_when_it_is_released(
    front: Front, through: Api, admin: Api, namespace: str
) -> None:
    held = front.hold("create", "pods")
    asking = threading.Thread(target=through.post, args=(pods(namespace), manifest(name="p")))
    asking.start()
    held.wait()
    assert admin.find(pods(namespace, "p")) is None
    held.release()
    asking.join(30)
    assert admin.find(pods(namespace, "p")) is not None
    through.post(pods(namespace), manifest(name="q"))
    front.answer("create", "pods", 500)
    with pytest.raises(ApiStatus):
        through.post(pods(namespace), manifest(name="r"))


def test_a_request_whose_answer_is_lost_is_done_all_the_same(
    front: Front, through: Api, admin: Api, namespace: str
) -> None:
    front.lose("create", "pods")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        through.post(pods(namespace), manifest(name="p"))
    assert admin.find(pods(namespace, "p")) is not None


def test_a_watch_passes_each_event_at_once(watch: Watch, admin: Api, namespace: str) -> None:
    for name in ("a", "b"):
        admin.post(pods(namespace), manifest(name=name))
        seen = watch.next()
        assert (seen["type"], seen["object"]["metadata"]["name"]) == ("ADDED", name)


def test_a_watch_that_is_cut_breaks_off(front: Front, watch: Watch) -> None:
    assert front.cut() == 1
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        watch.rest()
    front.wait_for_watches(0)


def test_a_watch_that_is_ended_ends_properly(front: Front, watch: Watch) -> None:
    assert front.end() == 1
    assert watch.rest() == b""


def test_a_watch_that_expires_says_so_and_ends(front: Front, watch: Watch) -> None:
    assert front.expire() == 1
    seen = watch.next()
    assert (seen["type"], seen["object"]["code"], seen["object"]["reason"]) == ("ERROR", 410, "Expired")
    assert watch.rest() == b""


def test_a_watch_whose_caller_has_gone_is_over(front: Front, watch: Watch) -> None:
    watch.close()
    front.wait_for_watches(0)


def test_a_watch_ends_with_the_server(server: ApiServer, front: Front, watch: Watch) -> None:
    server.kill()
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        watch.rest()


def test_connections_are_refused_until_they_are_accepted_again(
    front: Front, cluster_of: Callable[..., Connection], watch: Watch, namespace: str
) -> None:
    cluster = cluster_of("connector", front)
    list(list_items(cluster, Operation("list", "pods", namespace)))
    url = front.url
    front.refuse()
    with pytest.raises(TransportError):
        list(list_items(cluster, Operation("list", "pods", namespace)))
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        watch.rest()
    front.accept()
    assert front.url == url
    list(list_items(cluster, Operation("list", "pods", namespace)))


def test_errors_and_holds_do_not_outlive_their_number(front: Front, through: Api, namespace: str) -> None:
    front.answer("list", "pods", 504, times=2)
    codes = []
    for _ in range(3):
        try:
            through.get(pods(namespace))
            codes.append(200)
        except ApiStatus as status:
            codes.append(status.code)
    assert codes == [504, 504, 200]
