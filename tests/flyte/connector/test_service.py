"""The connector on a cluster that does as told: every story that propeller may see."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from flyteidl.core.execution_pb2 import ExecutionError

from flytekitplugins_podtriage.core.cluster import (
    ClusterBusy,
    ClusterDenied,
    ClusterError,
    PodRejected,
    QuotaExceeded,
    Sight,
)
from flytekitplugins_podtriage.flyte import idl
from flytekitplugins_podtriage.flyte.connector import manifest
from flytekitplugins_podtriage.flyte.connector.meta import PodMeta
from flytekitplugins_podtriage.sandbox.cluster import SandboxCluster
from flytekitplugins_podtriage.sandbox.plan import Plan
from tests.flyte.connector.conftest import World, run

Make = Callable[..., World]
USER, SYSTEM = ExecutionError.USER, ExecutionError.SYSTEM
DENIED = ClusterDenied('create pods in namespace "ns": forbidden: User "c" cannot create resource "pods"')
NAMESPACE = "flytesnacks-development"


class Strained:
    """A sandbox whose calls fail or hang as told; everything else is as in the sandbox."""

    def __init__(self, plan: str = "", **failing: Any) -> None:
        self.real = SandboxCluster(Plan.parse(plan))
        self.failing: dict[str, Any] = failing
        self.calls: list[str] = []
        self.blind = False
        self.hang = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def _meet(self, call: str) -> None:
        self.calls.append(call)
        error = self.failing.get(call)
        if error == "hang":
            await self.hang.wait()
        elif error is not None:
            raise error

    async def create(self, namespace: str, pod: Any) -> str:
        await self._meet("create")
        return await self.real.create(namespace, pod)

    async def delete(self, namespace: str, name: str, **more: Any) -> None:
        await self._meet("delete")
        await self.real.delete(namespace, name, **more)

    async def list(self, namespace: str, labels: Any) -> Any:
        await self._meet("list")
        return await self.real.list(namespace, labels)

    async def read(self, namespace: str, name: str) -> Sight | None:
        await self._meet("read")
        return await self.real.read(namespace, name)

    def look(self, namespace: str, name: str) -> Sight | None:
        return None if self.blind else self.real.look(namespace, name)

    def synced(self) -> bool:
        return not self.blind

    def trouble(self) -> ClusterError | None:
        return ClusterBusy("list pods: nobody answers") if self.blind else None


@pytest.mark.parametrize(
    ("plan", "origin", "category"),
    [
        ("docker.io: 429", SYSTEM, "registry_rate_limited"),
        ("pull: not found", USER, "not_found"),
        ("node: shutdown at 30s\nbody: 5m", SYSTEM, "node_shutdown"),
        ("pod: evicted at 30s\nbody: 5m", SYSTEM, "evicted"),
        ("pod: preempted at 30s\nbody: 5m", SYSTEM, "preempted"),
        ("node: lost at 30s\nbody: 5m", SYSTEM, "node_lost"),
        ("body: oom", USER, "oom"),
        ("body: exit 3", USER, "app_error"),
        ("start: secret db not found", USER, "config_missing"),
        ("pod: rejected OutOfcpu", SYSTEM, "admission_rejected"),
    ],
)
def test_every_story_ends_with_the_budget_of_whose_fault_it_is(
    world: Make, plan: str, origin: int, category: str
) -> None:
    async def story() -> None:
        here = world(plan)
        told, _ = await here.until_over(await here.create())
        found = here.error()
        assert told.phase == idl.SUCCEEDED and found is not None
        assert told.custom_info is not None
        assert (found.error.origin, told.custom_info["podtriage"]["category"]) == (origin, category)

    run(story())


def test_a_limit_that_passes_while_the_pod_is_held_costs_nothing(world: Make) -> None:
    async def story() -> None:
        here = world("docker.io: 429 for 4m")
        told, before = await here.until_over(await here.create())
        assert told.phase == idl.SUCCEEDED and here.error() is None
        assert {one.phase for one in before} == {idl.QUEUED, idl.INITIALIZING, idl.RUNNING}
        assert any("HTTP 429" in (one.message or "") for one in before)

    run(story())


# What is made


def test_the_pod_is_what_propeller_made_of_the_task_with_what_it_does_not_hand_on(world: Make) -> None:
    async def story() -> None:
        here = world()
        meta = await here.create(retries=2, secrets=[{"group": "g", "key": "k"}])
        pod = here.cluster._pods[NAMESPACE, meta.pod].manifest
        labels, notes = pod["metadata"]["labels"], pod["metadata"]["annotations"]
        assert labels["execution-id"] == "f1a2" and labels["team"] == "a"
        assert labels["inject-flyte-secrets"] == "true" and notes["flyte.secrets/s0"]
        assert notes["primary_container_name"] == "primary" and notes["note"] == "b"
        assert notes[manifest.PREFIX] == str(here.prefix())
        assert PodMeta.decode(notes[manifest.META].encode()) == meta
        port = pod["spec"]["containers"][0]["ports"][0]["containerPort"]
        assert (port, type(port)) == (8080, int)

    run(story())


def test_the_pod_gets_what_stock_pods_get_by_configuration(world: Make) -> None:
    async def story() -> None:
        here = world(pod_labels={"team": "all", "cost": "ml"}, image_pull_policy="IfNotPresent")
        meta = await here.create()
        pod = here.cluster._pods[NAMESPACE, meta.pod].manifest
        [container] = pod["spec"]["containers"]
        assert pod["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
        assert (pod["metadata"]["labels"]["team"], pod["metadata"]["labels"]["cost"]) == ("a", "ml")
        assert container["imagePullPolicy"] == "IfNotPresent"
        assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"

    run(story())


def test_a_propeller_that_does_not_render_pods_is_told_of_and_the_user_does_not_pay(world: Make) -> None:
    async def story() -> None:
        here = world()
        raw = {"containers": [{"name": "primary", "image": "i", "args": ["--inputs", "{{.input}}"]}]}
        told, _ = await here.until_over(await here.create(spec=raw))
        found = here.error()
        assert told.phase == idl.SUCCEEDED and found is not None and found.error.origin == SYSTEM
        assert "Flyte 1.16.7 or newer" in found.error.message and here.pods() == []

    run(story())


def test_names_come_from_the_output_prefix(world: Make) -> None:
    async def story() -> None:
        here = world()
        first, second = await here.create(0), await here.create(1)
        assert first.pod != second.pod and first.pod[:-1] == second.pod[:-1]
        assert len(first.pod) <= 63 and first.pod.startswith("f1a2-n0-")

    run(story())


def test_the_create_of_an_attempt_removes_the_pods_of_earlier_ones_and_no_others(world: Make) -> None:
    async def story() -> None:
        here = world("body: 40m")
        for attempt in (0, 1):
            await here.create(attempt)
        other = dict(here.cluster._pods[NAMESPACE, (await here.create(2)).pod].manifest)
        assert len(here.pods()) == 1
        other["metadata"] = {**other["metadata"], "name": "other", "annotations": {manifest.PREFIX: "s3://b/x/0"}}
        await here.cluster.create(NAMESPACE, other)
        await here.create(3)
        assert "other" in here.pods() and len(here.pods()) == 2

    run(story())


def test_a_pod_that_is_there_already_is_taken_for_its_own_only_by_its_prefix(world: Make) -> None:
    async def story() -> None:
        here = world()
        meta = await here.create()
        again = await here.create(connector=here.replica())
        assert again.pod == meta.pod and len(here.pods()) == 1
        told, _ = await here.until_over(again)
        assert told.phase == idl.SUCCEEDED and here.error() is None

    run(story())


def test_a_name_that_is_taken_by_another_is_the_platforms_failure_and_the_other_pod_stays(world: Make) -> None:
    async def story() -> None:
        here = world("body: 40m")
        name = manifest.pod_name(here.connector._hook.prefix(_attempt(here)), "f1a2", "n0")
        container = {"name": "c", "image": "i"}
        theirs = {"kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container]}}
        await here.cluster.create(NAMESPACE, theirs)
        told, _ = await here.until_over(await here.create())
        found = here.error()
        assert told.phase == idl.SUCCEEDED and found is not None
        assert (found.error.origin, found.error.code) == (SYSTEM, "PodNameTaken")
        assert "belongs to another attempt" in found.error.message
        await here.connector.close()
        assert here.pods() == [name]

    run(story())


def _attempt(here: World) -> Any:
    from flytekitplugins_podtriage.flyte.hook import TaskAttempt

    return TaskAttempt(str(here.prefix()))


@pytest.mark.parametrize("outputs", [("o0",), ()])
def test_a_template_without_a_container_is_told_in_flytes_terms_and_no_pod_is_made(
    world: Make, outputs: tuple[str, ...]
) -> None:
    async def story() -> None:
        here = world()
        told, _ = await here.until_over(await here.create(target="none", outputs=outputs))
        found = here.error()
        assert found is not None and (found.error.origin, found.error.code) == (USER, "BadTaskSpecification")
        assert told.phase == (idl.SUCCEEDED if outputs else idl.FAILED)
        assert "neither a container nor a pod" in found.error.message and here.pods() == []

    run(story())


def test_a_primary_container_that_there_is_not_is_told_with_those_that_there_are(world: Make) -> None:
    async def story() -> None:
        here = world()
        told, _ = await here.until_over(await here.create(primary="main"))
        assert told.message is not None and "'main'; allowed: primary" in told.message

    run(story())


def test_a_container_target_runs_too(world: Make) -> None:
    async def story() -> None:
        here = world()
        meta = await here.create(target="container")
        spec = here.cluster._pods[NAMESPACE, meta.pod].manifest["spec"]
        assert spec["restartPolicy"] == "Never"
        assert spec["containers"][0]["resources"] == {"requests": {"cpu": "1", "memory": "100Mi"}}
        assert spec["containers"][0]["env"] == [{"name": "A", "value": "b"}]
        told, _ = await here.until_over(meta)
        assert told.phase == idl.SUCCEEDED

    run(story())


# An API server that does not do as asked


def test_create_answers_while_the_api_server_hangs_and_the_pod_is_made_all_the_same(world: Make) -> None:
    async def story() -> None:
        cluster = Strained(create="hang")
        here = world(cluster=cluster)
        here.connector = here.replica(patience=0)
        meta = await here.create()
        assert (await here.get(meta)).phase == idl.QUEUED and here.pods() == []
        cluster.hang.set()
        told, _ = await here.until_over_with_turns(meta)
        assert told.phase == idl.SUCCEEDED and here.error() is None

    run(story())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ClusterBusy("create pods: no answer within 5 s"), "no answer within 5 s"),
        (QuotaExceeded('create pods "x": exceeded quota: q, requested: cpu=2'), "exceeded quota"),
        (DENIED, 'cannot create resource "pods"'),
    ],
)
def test_what_may_pass_is_waited_for_and_told(world: Make, error: ClusterError, words: str) -> None:
    async def story() -> None:
        cluster = Strained(create=error)
        turn = asyncio.Event()

        async def wait(_: float) -> None:
            await turn.wait()

        here = world(cluster=cluster)
        here.connector = here.replica(sleep=wait)
        meta = await here.create_in_background()
        told = await here.get(meta)
        assert told.phase == idl.WAITING_FOR_RESOURCES
        assert told.message is not None and words in told.message and "nothing is charged" in told.message
        del cluster.failing["create"]
        turn.set()
        told, _ = await here.until_over_with_turns(meta)
        assert told.phase == idl.SUCCEEDED and here.error() is None

    run(story())


@pytest.mark.parametrize("error", [ClusterBusy("nobody answers"), QuotaExceeded("exceeded quota: q"), DENIED])
def test_what_does_not_pass_within_the_patience_is_the_platforms(world: Make, error: ClusterError) -> None:
    async def story() -> None:
        here = world(cluster=Strained(create=error), system_patience=0)
        here.connector = here.replica(sleep=_never)
        told = await here.get(await here.create_in_background())
        found = here.error()
        assert told.phase == idl.SUCCEEDED and found is not None and found.error.origin == SYSTEM
        assert str(error) in found.error.message
        await here.connector.close()

    run(story())


@pytest.mark.parametrize("status", [400, 422])
def test_a_pod_that_is_none_fails_for_good_as_the_users(world: Make, status: int) -> None:
    async def story() -> None:
        error = PodRejected('Pod "x" is invalid: spec.containers[0].image: Required value', status=status)
        here = world(cluster=Strained(create=error))
        told, _ = await here.until_over(await here.create())
        found = here.error()
        assert told.phase == idl.SUCCEEDED and found is not None
        assert (found.error.origin, found.error.kind) == (USER, 0)  # NON_RECOVERABLE
        assert "spec.containers[0].image" in found.error.message

    run(story())


def test_a_connector_without_a_cluster_tells_why_and_charges_nobody(world: Make) -> None:
    async def story() -> None:
        here = world()

        async def opened() -> Any:
            raise ClusterDenied("kubeconfig /etc/kube/config: Permission denied; allowed: a kubeconfig")

        from flytekitplugins_podtriage.flyte.connector.service import PodTriageConnector

        connector = PodTriageConnector(opened, here.connector._hook, sleep=_never)
        meta = await here.create_in_background(connector)
        told = await here.get(meta, connector)
        assert told.phase == idl.WAITING_FOR_RESOURCES
        assert told.message is not None and "Permission denied" in told.message
        await connector.delete(meta)
        await connector.close()

    run(story())


async def _never(_: float) -> None:
    await asyncio.Event().wait()


# Restarts and replicas


def test_an_attempt_whose_pod_was_not_made_yet_is_taken_up_by_whoever_is_asked(world: Make) -> None:
    async def story() -> None:
        cluster = Strained(create="hang")
        here = world(cluster=cluster)
        dead = here.replica(patience=0)
        meta = await here.create_in_background(dead)
        await dead.close()  # all that it knew is lost
        del cluster.failing["create"]
        told, _ = await here.until_over_with_turns(meta)
        assert told.phase == idl.SUCCEEDED and here.error() is None
        assert cluster.calls.count("create") == 2

    run(story())


def test_a_pod_is_not_made_a_second_time_for_one_attempt(world: Make) -> None:
    async def story() -> None:
        here = world("body: 40m")
        meta = await here.create()
        await here.settle_down()
        await here.cluster.delete(NAMESPACE, meta.pod, grace=0)
        fresh = Strained()  # a cluster that never saw the pod: as after its deletion while nobody watched
        told = await here.get(meta, here.replica(fresh))
        found = here.error()
        assert "create" not in fresh.calls
        assert told.phase == idl.SUCCEEDED and found is not None
        assert (found.error.origin, found.error.code) == (SYSTEM, "PodGone")

    run(story())


@pytest.mark.parametrize("plan", ["body: exit 3", "body: 2s", "docker.io: 429"])
def test_a_create_that_is_repeated_after_the_end_makes_no_pod_and_tells_the_same(world: Make, plan: str) -> None:
    async def story() -> None:
        here = world(plan, keep_finished=0)
        told, _ = await here.until_over(await here.create())
        await here.settle_down()
        again = await here.create(connector=here.replica())
        assert here.pods() == []
        found = await here.get(again)
        assert (found.phase, found.message) == (told.phase, told.message)

    run(story())


def test_nothing_is_concluded_from_a_cluster_that_is_not_known_yet(world: Make) -> None:
    async def story() -> None:
        cluster = Strained("body: 40m")
        here = world(cluster=cluster)
        meta = await here.create()
        await here.settle_down()
        cluster.blind = True
        told = await here.get(meta, here.replica())
        assert told.phase == idl.WAITING_FOR_RESOURCES and here.error() is None
        assert told.message is not None and "list pods: nobody answers" in told.message
        cluster.blind = False
        assert (await here.get(meta, here.replica())).phase == idl.QUEUED

    run(story())


@pytest.mark.parametrize("error", [ClusterBusy("nobody answers"), ClusterDenied("get pods: forbidden")])
def test_nothing_is_concluded_from_an_api_server_that_does_not_answer(world: Make, error: ClusterError) -> None:
    async def story() -> None:
        here = world("body: 40m")
        meta = await here.create()
        await here.settle_down()
        told = await here.get(meta, here.replica(Strained(read=error)))
        assert told.phase == idl.WAITING_FOR_RESOURCES and here.error() is None
        assert told.message is not None and str(error) in told.message

    run(story())


@pytest.mark.parametrize("plan", ["docker.io: 429", "body: exit 3", "body: 2s"])
def test_after_the_end_every_replica_tells_the_same_with_or_without_the_pod(world: Make, plan: str) -> None:
    async def story() -> None:
        here = world(plan, keep_finished=0)
        meta = await here.create()
        told, _ = await here.until_over(meta)
        written = here.error()
        await here.settle_down()
        assert here.pods() == []
        for cluster in (here.cluster, Strained(), Strained(read=ClusterBusy("nobody answers"))):
            again = await here.get(meta, here.replica(cluster))
            assert (again.phase, again.message, again.custom_info) == (told.phase, told.message, told.custom_info)
        assert here.error() == written

    run(story())


def test_an_end_that_was_told_is_told_again_though_the_pod_has_recovered(world: Make) -> None:
    async def story() -> None:
        cluster = Strained("docker.io: 429 for 31m\nbody: 40m", delete=ClusterBusy("nobody answers"))
        here = world(cluster=cluster)
        meta = await here.create()
        told, _ = await here.until_over(meta)
        await _move(here, meta, timedelta(minutes=10))
        sight = cluster.real.look(NAMESPACE, meta.pod)
        assert sight is not None and sight.pod.status.phase == "Running"
        again = await here.get(meta, here.replica())
        assert (again.phase, again.message) == (told.phase, told.message)

    run(story())


def test_get_answers_though_the_store_hangs_and_tells_the_end_once_it_does_not(world: Make) -> None:
    async def story() -> None:
        here = world("body: exit 3")
        meta = await here.create()
        await here.settle_down()
        await _move(here, meta, timedelta(minutes=1))
        let_go = threading.Event()
        settle = here.connector._hook.settle

        def hang(ending: Any) -> Any:
            let_go.wait()
            return settle(ending)

        here.connector._hook.settle = hang  # type: ignore[method-assign]
        here.connector._within = 0.01
        told = await here.get(meta)
        assert told.phase == idl.WAITING_FOR_RESOURCES
        assert told.message is not None and str(here.prefix()) in told.message
        let_go.set()
        here.connector._within = 60
        assert (await here.get(meta)).phase == idl.SUCCEEDED
        found = here.error()
        assert found is not None and found.error.origin == USER

    run(story())


# Delete


def test_a_deleted_attempt_has_no_pod(world: Make) -> None:
    async def story() -> None:
        here = world("body: 40m")
        meta = await here.create()
        await here.connector.delete(resource_meta=meta)
        assert here.pods() == []

    run(story())


@pytest.mark.parametrize("error", [ClusterBusy("nobody answers"), ClusterDenied("delete pods: forbidden")])
def test_delete_does_not_raise_and_what_is_left_is_collected(world: Make, error: ClusterError) -> None:
    async def story() -> None:
        cluster = Strained("body: 40m", delete=error)
        here = world(cluster=cluster)
        meta = await here.create()
        await here.settle_down()
        await here.connector.delete(resource_meta=meta)
        assert len(here.pods()) == 1
        del cluster.failing["delete"]
        await here.connector.collector.round(cluster)
        assert here.pods() == []

    run(story())


def test_a_pod_that_is_made_after_its_attempt_was_given_up_elsewhere_is_deleted(world: Make) -> None:
    async def story() -> None:
        cluster = Strained("body: 40m", create="hang")
        here = world(cluster=cluster)
        slow = here.replica(patience=0)
        meta = await here.create_in_background(slow)
        await here.connector.delete(resource_meta=meta)  # propeller asks another replica
        cluster.hang.set()
        await here.settle_down(slow)
        assert here.pods() == [] and cluster.calls.count("create") == 1

    run(story())


# Resource metas


def test_a_meta_of_a_long_prefix_keeps_within_512_bytes(world: Make) -> None:
    prefix = "s3://acme-flyte-production-eu-central-1/metadata/propeller/flytesnacks-development-" + "f" * 20
    meta = PodMeta(
        "flytesnacks-development", "x" * 63, f"{prefix}/n0-0-dn12-n3/data/0/n1/12", 1_800_000_000, retries=10
    )
    assert len(meta.encode()) <= 512


@pytest.mark.parametrize(
    "meta",
    [
        PodMeta("ns", "p", "s3://b/0", 5),
        PodMeta("ns", "p", "s3://b/0", 5, outputs=False, marker=True, retries=3, user_patience=1.5, system_patience=0),
        PodMeta("ns", "p", "/tmp/ü 'x'", 5),
    ],
)
def test_a_meta_reads_back_as_it_was(meta: PodMeta) -> None:
    assert PodMeta.decode(meta.encode()) == meta


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff", b"null", b"[]", b"{}", b'{"v": "1"}', b'{"v": 1, "n": "a"}', b"[" * 100_000]
    + [b'{"v":1,"n":"a","p":"b","o":"c","t":%s}' % t for t in (b'"x"', b"null", b"1e999", b"99999999999999999")],
)
def test_what_is_no_meta_charges_nobody(world: Make, data: bytes) -> None:
    async def story() -> None:
        here = world()
        meta = PodMeta.decode(data)
        told = await here.connector.get(resource_meta=meta)
        assert told.phase == idl.WAITING_FOR_RESOURCES and told.message is not None
        await here.connector.delete(resource_meta=meta)

    run(story())


def test_a_meta_of_a_newer_version_says_so() -> None:
    assert "version 2: this version reads up to 1" in PodMeta.decode(b'{"v": 2}').unreadable


def test_a_meta_that_lacks_what_later_versions_added_is_read(world: Make) -> None:
    assert PodMeta.decode(b'{"v":1,"n":"a","p":"b","o":"c","t":1}') == PodMeta("a", "b", "c", 1)


# Settings that cannot be read


def test_get_tells_what_is_wrong_with_the_settings(world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        here = world()
        from flytekitplugins_podtriage.flyte.hook import TriageHook

        monkeypatch.setenv("FLYTE_PODTRIAGE_SYSTEM_RESERVE", "many")
        here.connector._hook = TriageHook()
        told = await here.get(await here.create())
        assert told.phase == idl.WAITING_FOR_RESOURCES
        assert told.message is not None and "FLYTE_PODTRIAGE_SYSTEM_RESERVE" in told.message

    run(story())


# Collection


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_pod_that_has_ended_and_that_nobody_asks_for_is_recorded_and_deleted(world: Make) -> None:
    async def story() -> None:
        here, clock = world("body: exit 3"), Clock()
        here.connector = here.replica(clock=clock)
        meta = await here.create()
        await here.settle_down()
        await _move(here, meta, timedelta(minutes=5))
        for now, pods in ((0.0, 1), (599.0, 1), (600.0, 0)):
            clock.now = now
            await here.connector.collector.round(here.cluster)
            assert len(here.pods()) == pods
        found = here.error()
        assert found is not None and found.error.origin == USER
        told = await here.get(meta, here.replica())
        assert told.message == found.error.message

    run(story())


def test_a_pod_whose_execution_is_over_is_deleted_and_one_of_which_that_is_unknown_is_not(world: Make) -> None:
    async def story() -> None:
        here, clock = world("body: 40h"), Clock()
        answers: dict[str, bool | None] = {"f1a2": None}
        asked: list[str] = []

        async def over(namespace: str, execution: str) -> bool | None:
            asked.append(f"{namespace}/{execution}")
            return answers[execution]

        here.connector = here.replica(clock=clock, execution_over=over)
        await here.create()
        await here.settle_down()
        for now, answer, pods in ((0.0, True, 1), (1800.0, None, 1), (3600.0, False, 1), (5400.0, True, 0)):
            clock.now, answers["f1a2"] = now, answer
            await here.connector.collector.round(here.cluster)
            assert len(here.pods()) == pods
        assert asked == [f"{NAMESPACE}/f1a2"] * 3

    run(story())


def test_a_pod_that_propeller_asks_for_is_left_alone(world: Make) -> None:
    async def story() -> None:
        here, clock = world("body: 40h"), Clock()

        async def over(namespace: str, execution: str) -> bool | None:
            raise AssertionError("nobody is asked about a pod that is wanted")

        here.connector = here.replica(clock=clock, execution_over=over)
        meta = await here.create()
        await here.settle_down()
        for now in range(0, 7200, 60):
            clock.now = float(now)
            await here.get(meta)
            await here.connector.collector.round(here.cluster)
        assert len(here.pods()) == 1

    run(story())


def test_a_pod_of_an_attempt_that_others_have_followed_is_deleted(world: Make) -> None:
    async def story() -> None:
        here = world("body: 40h")
        first = await here.create(0)
        await here.settle_down()
        late = dict(here.cluster._pods[NAMESPACE, first.pod].manifest)
        await here.create(1)
        await here.cluster.delete(NAMESPACE, first.pod, grace=0)
        await _move(here, first, timedelta(minutes=1))
        await here.cluster.create(NAMESPACE, late)  # a create that reached the API server late
        assert len(here.pods()) == 2
        await here.connector.collector.round(here.cluster)
        assert [name[-1] for name in here.pods()] == ["1"]

    run(story())


def test_pods_of_others_are_none_of_the_collectors_business(world: Make) -> None:
    async def story() -> None:
        here, clock = world("body: exit 3"), Clock()
        here.connector = here.replica(clock=clock)
        spec = {"containers": [{"name": "c", "image": "i"}]}
        await here.cluster.create(NAMESPACE, {"kind": "Pod", "metadata": {"name": "other"}, "spec": spec})
        for clock.now in (0.0, 1e6):
            await here.connector.collector.round(here.cluster)
        assert here.pods() == ["other"]

    run(story())


async def _move(here: World, meta: PodMeta, by: timedelta) -> None:
    """Let cluster time pass."""
    until: datetime = here.cluster.now() + by
    while here.cluster.now() < until:
        await here.cluster.change(meta.namespace, meta.pod, until)


def test_logs_are_told_or_why_there_are_none(world: Make) -> None:
    async def story() -> None:
        here = world()
        meta = await here.create()
        assert list((await here.connector.get_logs(resource_meta=meta)).body.results) == []

        class Mute(Strained):
            async def logs(self, *_: Any) -> str:
                raise ClusterDenied('get pods/log in namespace "ns": forbidden')

        told = await here.replica(Mute()).get_logs(resource_meta=meta)
        assert list(told.body.results) == ['podtriage: get pods/log in namespace "ns": forbidden']

    run(story())


def test_the_recorded_requests_of_a_real_propeller_become_pods(world: Make) -> None:
    from flyteidl.admin import agent_pb2
    from flytekit.models.task import TaskExecutionMetadata, TaskTemplate
    from google.protobuf import json_format

    from tests.core.data import DATA

    async def story() -> None:
        here = world()
        lines = (DATA / "connector_requests.jsonl").read_text(encoding="utf-8").splitlines()
        asked = [json.loads(line)["request"] for line in lines if '"CreateTask"' in line]
        assert len(asked) >= 3
        for one in asked:
            request = json_format.ParseDict(one, agent_pb2.CreateTaskRequest())
            meta = await here.connector.create(
                task_template=TaskTemplate.from_flyte_idl(request.template),
                output_prefix=str(here.folder / request.output_prefix.partition("://")[2]),
                task_execution_metadata=TaskExecutionMetadata.from_flyte_idl(request.task_execution_metadata),
            )
            assert meta.pod in here.pods()
        named = here.cluster._pods["default", meta.pod].manifest
        assert [one["name"] for one in named["spec"]["containers"]] == ["primary", "side"]
        assert named["metadata"]["annotations"]["an"] == "2" and named["metadata"]["labels"]["l"] == "1"

    run(story())
