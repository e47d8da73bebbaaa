"""The connector on a cluster that does as told: every story that propeller may see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from flyteidl.core.execution_pb2 import ExecutionError

from flytekitplugins_podtriage.connector import idl, pod_manifest
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.core.pod_cluster import (
    ClusterBusy,
    ClusterDenied,
    ClusterError,
    PodRejected,
    QuotaExceeded,
)
from tests.connector.conftest import World, run
from tests.connector.strained import DENIED, NAMESPACE, Strained, never

Make = Callable[..., World]
USER, SYSTEM = ExecutionError.USER, ExecutionError.SYSTEM


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
        assert notes[pod_manifest.PREFIX] == str(here.prefix())
        assert PodMeta.decode(notes[pod_manifest.META].encode()) == meta
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
        other["metadata"] = {**other["metadata"], "name": "other", "annotations": {pod_manifest.PREFIX: "s3://b/x/0"}}
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
        name = pod_manifest.pod_name(here.connector._hook.prefix(_attempt(here)), "f1a2", "n0")
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
    from flytekitplugins_podtriage.connector.task_attempt import TaskAttempt

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
        here.connector = here.replica(reply_wait=0)
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
        here.connector = here.replica(sleep=never)
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

        from flytekitplugins_podtriage.connector.service import PodTriageConnector

        connector = PodTriageConnector(opened, here.connector._hook, sleep=never)
        meta = await here.create_in_background(connector)
        told = await here.get(meta, connector)
        assert told.phase == idl.WAITING_FOR_RESOURCES
        assert told.message is not None and "Permission denied" in told.message
        await connector.delete(meta)
        await connector.close()

    run(story())


# Settings that cannot be read


def test_get_tells_what_is_wrong_with_the_settings(world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        here = world()
        from flytekitplugins_podtriage.connector.hook import TriageHook

        monkeypatch.setenv("FLYTE_PODTRIAGE_SYSTEM_RESERVE", "many")
        here.connector = here.replica(hook=TriageHook())
        told = await here.get(await here.create())
        assert told.phase == idl.WAITING_FOR_RESOURCES
        assert told.message is not None and "FLYTE_PODTRIAGE_SYSTEM_RESERVE" in told.message

    run(story())


# Logs


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

    from tests.paths import DATA

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
