"""The requests of ``KubeCluster`` to a real API server, and its errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from flytekitplugins_podtriage.core.pod_cluster import (
    ClusterBusy,
    ClusterDenied,
    ClusterError,
    PodExists,
    PodRejected,
    QuotaExceeded,
)
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.http import Timeouts
from flytekitplugins_podtriage.kube.pod_cluster import KubeCluster
from tests.apiserver.api import Api, pods
from tests.apiserver.front import Front
from tests.apiserver.kubelet import ScriptedKubelet
from tests.apiserver.watching import gone, opened, there, until, watching
from tests.builders import manifest

ClusterOf = Callable[..., Connection]


async def test_a_created_pod_is_cached_at_once(cluster_of: ClusterOf, admin: Api, namespace: str) -> None:
    async with watching(cluster_of("connector"), namespace) as kube:
        uid = await kube.create(namespace, manifest(name="p"))
        assert admin.get(pods(namespace, "p"))["metadata"]["uid"] == uid
        assert kube.get_cached(namespace, "p").pod.metadata.uid == uid


async def test_a_pod_of_that_name_exists(cluster_of: ClusterOf, admin: Api, namespace: str) -> None:
    made = admin.post(pods(namespace), manifest(name="p"))
    async with opened(cluster_of("connector"), namespace) as kube:
        with pytest.raises(PodExists, match="create pods 'p'"):
            await kube.create(namespace, manifest(name="p"))
        assert (await kube.get(namespace, "p")).pod.metadata.uid == made["metadata"]["uid"]


async def test_simultaneous_creates_make_one_pod(cluster_of: ClusterOf, admin: Api, namespace: str) -> None:
    async with opened(cluster_of("connector"), namespace) as one, opened(cluster_of("connector"), namespace) as other:
        done = await asyncio.gather(
            *(kube.create(namespace, manifest(name="p")) for kube in (one, other)), return_exceptions=True
        )
        assert sorted(type(each).__name__ for each in done) == ["PodExists", "str"]
        assert admin.get(pods(namespace, "p"))["metadata"]["uid"] in done


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"containers": []}, 422, "spec.containers: Required value"),
        ({"restartPolicy": "Sometimes"}, 422, "Unsupported value"),
        ({"containers": "none"}, 400, "cannot unmarshal"),
        ({"priorityClassName": "no-such-class", "runtimeClassName": "no-such"}, 403, "RuntimeClass"),
    ],
    ids=["no containers", "a bad value", "another type", "admission"],
)
async def test_an_invalid_pod_is_rejected(
    cluster_of: ClusterOf, namespace: str, change: dict[str, Any], status: int, words: str
) -> None:
    made = manifest(name="p")
    made["spec"].update(change)
    async with opened(cluster_of("connector"), namespace) as kube:
        with pytest.raises(PodRejected, match=words) as caught:
            await kube.create(namespace, made)
        assert caught.value.status == status


async def test_a_limit_range_rejects_a_pod(cluster_of: ClusterOf, admin: Api, namespace: str) -> None:
    limits = {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}
    path = f"/api/v1/namespaces/{namespace}/limitranges"
    admin.post(path, {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small"}, "spec": limits})
    made = manifest(name="p")
    made["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "2"}}
    async with opened(cluster_of("connector"), namespace) as kube:
        with pytest.raises(PodRejected, match="maximum cpu usage per Container is 1, but limit is 2") as caught:
            await kube.create(namespace, made)
        assert caught.value.status == 403


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"hard": {"pods": "0"}, "used": {"pods": "0"}}, "exceeded quota: small"),
        ({"hard": {"pods": "9"}}, "status unknown for quota: small"),
    ],
    ids=["full", "not counted yet"],
)
async def test_an_exceeded_quota(
    cluster_of: ClusterOf, admin: Api, namespace: str, status: dict[str, Any], words: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}}
    admin.post(path, {**quota, "spec": {"hard": {"pods": "9"}}})
    admin.merge(f"{path}/small/status", {"status": status})  # as the controller of quotas does
    async with opened(cluster_of("connector"), namespace) as kube:

        async def fill() -> None:
            for number in range(1000):  # admission learns of quotas through a watch of its own, within milliseconds
                await kube.create(namespace, manifest(name=f"p{number}"))

        with pytest.raises(QuotaExceeded, match=words):
            await fill()


async def test_a_missing_namespace_rejects_pods(cluster_of: ClusterOf) -> None:
    async with opened(cluster_of("connector"), "default") as kube:
        with pytest.raises(PodRejected, match='namespaces "no-such" not found') as caught:
            await kube.create("no-such", manifest(name="p"))
        assert caught.value.status == 404


async def test_a_deletion_applies_to_its_uid_only(cluster_of: ClusterOf, admin: Api, namespace: str) -> None:
    made = admin.post(pods(namespace), manifest(name="p"))
    async with watching(cluster_of("connector"), namespace) as kube:
        await kube.delete(namespace, "p", uid="of-an-earlier-pod")
        assert admin.find(pods(namespace, "p")) is not None
        await kube.delete(namespace, "p", uid=made["metadata"]["uid"])
        assert admin.find(pods(namespace, "p")) is None
        await until(kube, namespace, "p", gone)
        await kube.delete(namespace, "p", uid=made["metadata"]["uid"])
        await kube.delete(namespace, "p")


@pytest.mark.parametrize(("grace", "seconds"), [(None, 5), (60, 60), (1, 1)])
async def test_the_grace_period_of_a_deletion(
    cluster_of: ClusterOf,
    admin: Api,
    kubelet: ScriptedKubelet,
    namespace: str,
    grace: int | None,
    seconds: int,
) -> None:
    admin.post(pods(namespace), manifest(name="p"))
    kubelet.running(namespace, "p")
    async with opened(cluster_of("connector"), namespace) as kube:
        await kube.delete(namespace, "p", grace=grace)
        assert admin.get(pods(namespace, "p"))["metadata"]["deletionGracePeriodSeconds"] == seconds
        await kube.delete(namespace, "p", grace=0)
        assert admin.find(pods(namespace, "p")) is None


async def test_get_returns_the_current_state(
    cluster_of: ClusterOf, admin: Api, kubelet: ScriptedKubelet, front: Front, namespace: str
) -> None:
    async with watching(cluster_of("connector", front), namespace) as kube:
        assert await kube.get(namespace, "p") is None
        admin.post(pods(namespace), manifest(name="p"))
        await until(kube, namespace, "p", there)
        front.wait_for_watches(2)
        held = front.hold("watch", "pods")
        front.cut()  # so that the watch cannot know
        kubelet.running(namespace, "p")
        assert (await kube.get(namespace, "p")).pod.status.phase == "Running"
        assert kube.get_cached(namespace, "p").pod.status.phase == "Running"
        held.release()


async def test_pods_are_listed_by_all_labels(cluster_of: ClusterOf, admin: Api, namespace: str) -> None:
    for name, labels in {"a": {"x": "1"}, "b": {"x": "1", "y": "2"}, "c": {"x": "2", "y": "2"}}.items():
        admin.post(pods(namespace), manifest(name=name, labels=labels))
    async with opened(cluster_of("connector"), namespace) as kube:

        async def listed(**labels: str) -> list[str]:
            return sorted(str(snapshot.pod.metadata.name) for snapshot in await kube.list(namespace, labels))

        assert await listed(x="1") == ["a", "b"]
        assert await listed(x="1", y="2") == ["b"]
        assert await listed() == ["a", "b", "c"]
        assert await listed(x="3") == []


async def test_the_end_of_a_log(cluster_of: ClusterOf, admin: Api, kubelet: ScriptedKubelet, namespace: str) -> None:
    admin.post(pods(namespace), manifest(name="p"))
    async with opened(cluster_of("connector"), namespace) as kube:
        assert await kube.logs(namespace, "p", "p", 10) == ""  # it is not bound
        kubelet.running(namespace, "p")
        assert await kube.logs(namespace, "p", "p", 10) == ""  # nothing was written
        kubelet.logs[namespace, "p", "p"] = "one\ntwo\nthree\n"
        assert await kube.logs(namespace, "p", "p", 2) == "two\nthree\n"
        assert await kube.logs(namespace, "p", "no-such", 2) == ""
        assert await kube.logs(namespace, "no-such", "p", 2) == ""


CALLS: dict[str, Callable[[KubeCluster, str], Coroutine[Any, Any, Any]]] = {
    "create pods": lambda kube, namespace: kube.create(namespace, manifest(name="new")),
    "delete pods": lambda kube, namespace: kube.delete(namespace, "p"),
    "get pods": lambda kube, namespace: kube.get(namespace, "p"),
    "list pods": lambda kube, namespace: kube.list(namespace, {}),
    "get pods/log": lambda kube, namespace: kube.logs(namespace, "p", "p", 3),
}


@pytest.mark.parametrize("right", CALLS)
async def test_a_missing_permission_is_named(
    cluster_of: ClusterOf, admin: Api, guest_may: Callable[..., None], namespace: str, right: str
) -> None:
    """With all the others nothing else is missing; with it nothing is."""
    admin.post(pods(namespace), manifest(name="p"))
    async with opened(cluster_of("guest"), namespace) as kube:
        guest_may(*(each for each in CALLS if each != right))
        with pytest.raises(ClusterDenied, match=f"may not {right} in namespace '{namespace}'") as caught:
            await CALLS[right](kube, namespace)
        verb, resource = right.split()
        assert f"--verb={verb} --resource={resource} -n {namespace}" in str(caught.value)
        guest_may(right)
        await CALLS[right](kube, namespace)


async def test_an_invalid_login(cluster_of: ClusterOf, namespace: str) -> None:
    async with opened(cluster_of("a-stranger"), namespace) as kube:
        for call in CALLS.values():
            with pytest.raises(ClusterDenied, match="not logged in"):
                await call(kube, namespace)


async def test_after_a_lost_response_the_pod_may_have_been_created(
    cluster_of: ClusterOf, front: Front, namespace: str
) -> None:
    front.lose("create", "pods")
    async with opened(cluster_of("connector", front), namespace) as kube:
        with pytest.raises(ClusterBusy, match="create pods 'p'"):
            await kube.create(namespace, manifest(name="p"))
        with pytest.raises(PodExists):
            await kube.create(namespace, manifest(name="p"))


@pytest.mark.parametrize("code", [429, 500, 503, 504])
async def test_a_busy_server(cluster_of: ClusterOf, front: Front, namespace: str, code: int) -> None:
    async with opened(cluster_of("connector", front), namespace) as kube:
        for right, call in CALLS.items():
            verb, resource = right.split()
            front.answer(verb, resource, code)
            with pytest.raises(ClusterBusy, match=str(code)):
                await call(kube, namespace)


async def test_a_server_that_hangs_blocks_nobody_beyond_the_timeout(
    cluster_of: ClusterOf, admin: Api, front: Front, namespace: str
) -> None:
    held = front.hold("create", "pods")
    admin.post(pods(namespace), manifest(name="q"))
    timeouts = Timeouts(total=0.2)
    async with watching(cluster_of("connector", front), namespace, timeouts=timeouts) as kube:
        with pytest.raises(ClusterBusy, match="none within 0.2 s"):
            await kube.create(namespace, manifest(name="p"))
        assert await kube.get(namespace, "q") is not None  # others are not held up
        held.release()
        await until(kube, namespace, "p", there)  # it was made after all


async def test_an_unreachable_server_is_named(cluster_of: ClusterOf, front: Front, namespace: str) -> None:
    front.refuse()
    async with opened(cluster_of("connector", front), namespace) as kube:
        for right, call in CALLS.items():
            with pytest.raises(ClusterError, match=f"{front.url}.*{right}") as caught:
                await call(kube, namespace)
            assert isinstance(caught.value, ClusterBusy)
