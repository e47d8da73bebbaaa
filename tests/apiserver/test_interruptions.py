"""Whatever happens to its watch, the cache of ``KubeCluster`` ends with the state of the cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy, ClusterDenied
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.informer.backoff import WatchOptions
from tests.apiserver.api import Api, pods
from tests.apiserver.front import Front
from tests.apiserver.kubelet import ScriptedKubelet
from tests.apiserver.server import ApiServer
from tests.apiserver.watching import eventually, gone, listed, names, opened, phase, there, until, watching
from tests.builders import manifest

ClusterOf = Callable[..., Connection]

# A server that is killed resets connections whose TLS handshake has not begun yet. Python's SSLSocket._create then leaves
# its socket to the garbage collector (3.11: ``recv(1)`` after ENOTCONN fails with ECONNRESET, and nobody closes it).
pytestmark = pytest.mark.filterwarnings(r"ignore:unclosed <ssl\.SSLSocket:ResourceWarning")


@pytest.fixture
def waiting(admin: Api, kubelet: ScriptedKubelet, namespace: str) -> str:
    """Return the namespace, with the pods "a" and "b" in it, which run."""
    for name in ("a", "b"):
        admin.post(pods(namespace), manifest(name=name))
        kubelet.running(namespace, name)
    return namespace


def change(admin: Api, kubelet: ScriptedKubelet, namespace: str) -> None:
    """End "a", delete "b", make "c"."""
    kubelet.failed(namespace, "a")
    admin.delete(pods(namespace, "b"), grace=0)
    admin.post(pods(namespace), manifest(name="c"))


@pytest.mark.parametrize("how", ["cut", "end"])
async def test_a_watch_that_ends_resumes(
    cluster_of: ClusterOf, admin: Api, kubelet: ScriptedKubelet, front: Front, waiting: str, how: str
) -> None:
    async with watching(cluster_of("connector", front), waiting) as kube:
        front.wait_for_watches(2)
        held = front.hold("watch", "pods")
        assert getattr(front, how)() == 2
        await asyncio.to_thread(held.wait)
        change(admin, kubelet, waiting)
        held.release()
        await until(kube, waiting, "a", phase("Failed"))
        await until(kube, waiting, "b", gone)
        await until(kube, waiting, "c", there)
        assert front.count("list", "pods") == front.count("list", "events") == 1


@pytest.mark.parametrize("how", ["inside the stream", "as a status"])
async def test_an_expired_version_requires_a_new_list(
    cluster_of: ClusterOf, admin: Api, kubelet: ScriptedKubelet, front: Front, waiting: str, how: str
) -> None:
    async with watching(cluster_of("connector", front), waiting) as kube:
        front.wait_for_watches(2)
        if how == "as a status":
            front.answer("watch", "pods", 410, "too old resource version: 1 (2)")
        held = front.hold("list", "pods")
        (front.cut if how == "as a status" else front.expire)()
        await asyncio.to_thread(held.wait)
        change(admin, kubelet, waiting)
        held.release()
        await until(kube, waiting, "a", phase("Failed"))
        await until(kube, waiting, "b", gone)
        await until(kube, waiting, "c", there)
        assert front.count("list", "pods") == 2


async def test_a_version_compacted_before_a_restart_requires_a_new_list(
    server: ApiServer, cluster_of: ClusterOf, admin: Api, kubelet: ScriptedKubelet, front: Front, waiting: str
) -> None:
    """No answer is made up here: the server begins anew, etcd is compacted, and the watch comes with an old version."""
    async with watching(cluster_of("connector", front), waiting) as kube:
        front.wait_for_watches(2)
        front.refuse()
        change(admin, kubelet, waiting)
        server.compact()
        server.kill()
        server.start()
        front.accept()
        await until(kube, waiting, "a", phase("Failed"))
        await until(kube, waiting, "b", gone)
        await until(kube, waiting, "c", there)
        assert front.count("list", "pods") == 2


async def test_pages_that_expire_during_a_list_are_read_again(
    server: ApiServer, cluster_of: ClusterOf, admin: Api, kubelet: ScriptedKubelet, front: Front, waiting: str
) -> None:
    options = WatchOptions(page_size=1, first_wait=0.02, max_wait=0.1, lag_wait=0.02, min_duration=0.0)
    async with opened(cluster_of("connector", front), waiting, watch_options=options) as kube:
        held = front.hold("list", "pods", query="continue")
        await asyncio.to_thread(held.wait)
        change(admin, kubelet, waiting)
        server.compact()
        server.kill()
        server.start()
        held.release()
        await listed(kube)
        assert names(kube) == ["a", "c"]


@pytest.mark.parametrize("code", [429, 500, 503, 504])
@pytest.mark.parametrize("verb", ["list", "watch"])
async def test_a_busy_server_is_retried(
    cluster_of: ClusterOf, admin: Api, front: Front, namespace: str, verb: str, code: int
) -> None:
    front.answer(verb, "pods", code, times=2)
    async with watching(cluster_of("connector", front), namespace) as kube:
        front.wait_for(verb, "pods", 3)
        admin.post(pods(namespace), manifest(name="p"))
        await until(kube, namespace, "p", there)
        assert kube.watch_error() is None


async def test_a_server_whose_cache_lags_needs_no_new_list(
    cluster_of: ClusterOf, admin: Api, front: Front, namespace: str
) -> None:
    async with watching(cluster_of("connector", front), namespace) as kube:
        front.wait_for_watches(2)
        front.answer("watch", "pods", 504, "Timeout: Too large resource version: 9, current: 8", times=3)
        front.cut()
        admin.post(pods(namespace), manifest(name="p"))
        await until(kube, namespace, "p", there)
        assert front.count("list", "pods") == 1


async def test_a_server_that_never_catches_up_is_listed_again(
    cluster_of: ClusterOf, admin: Api, front: Front, namespace: str
) -> None:
    async with watching(cluster_of("connector", front), namespace) as kube:
        front.wait_for_watches(2)
        front.answer("watch", "pods", 504, "Timeout: Too large resource version: 9, current: 8", times=6)
        front.cut()
        admin.post(pods(namespace), manifest(name="p"))
        await until(kube, namespace, "p", there)
        assert front.count("list", "pods") == 2


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_restart_of_the_api_server(
    server: ApiServer, cluster_of: ClusterOf, admin: Api, kubelet: ScriptedKubelet, waiting: str, how: str
) -> None:
    async with watching(cluster_of("connector"), waiting) as kube:
        getattr(server, how)()
        assert names(kube) == ["a", "b"]  # the cache stays
        server.start()
        change(admin, kubelet, waiting)
        await until(kube, waiting, "a", phase("Failed"))
        await until(kube, waiting, "b", gone)
        await until(kube, waiting, "c", there)
        assert kube.watch_error() is None


async def test_an_api_server_that_starts_later(cluster_of: ClusterOf, admin: Api, front: Front, namespace: str) -> None:
    admin.post(pods(namespace), manifest(name="p"))
    front.refuse()
    async with opened(cluster_of("connector", front), namespace) as kube:
        await eventually(lambda: kube.watch_error() is not None)
        assert isinstance(kube.watch_error(), ClusterBusy)
        assert not kube.synced()
        front.accept()
        await listed(kube)
        assert names(kube) == ["p"]
        assert kube.synced()


@pytest.mark.parametrize("right", ["list pods", "watch pods", "list events", "watch events"])
async def test_a_missing_permission_is_named_and_retried(
    cluster_of: ClusterOf, admin: Api, guest_may: Callable[..., None], namespace: str, right: str
) -> None:
    every = ["list pods", "watch pods", "list events", "watch events"]
    guest_may(*(each for each in every if each != right))
    async with opened(cluster_of("guest"), namespace) as kube:
        watch_error = kube.watch_error if right.endswith("pods") else kube.events_error
        await eventually(lambda: isinstance(watch_error(), ClusterDenied))
        assert f"may not {right} in namespace '{namespace}'" in str(watch_error())
        guest_may(*every)
        await listed(kube)
        admin.post(pods(namespace), manifest(name="p"))
        await until(kube, namespace, "p", there)
        await eventually(lambda: watch_error() is None)


async def test_a_watch_of_all_namespaces_needs_permission_in_all(
    cluster_of: ClusterOf, guest_may: Callable[..., None]
) -> None:
    guest_may()
    async with opened(cluster_of("guest")) as kube:
        await eventually(lambda: isinstance(kube.watch_error(), ClusterDenied))
        assert "may not list pods in all namespaces" in str(kube.watch_error())


async def test_after_close_there_are_no_requests(cluster_of: ClusterOf, front: Front, namespace: str) -> None:
    async with watching(cluster_of("connector", front), namespace):
        front.wait_for_watches(2)
    front.wait_for_watches(0)
    requests = front.count()
    front.refuse()
    front.accept()
    assert front.count() == requests
