"""The connector on the sandbox: pods that fail in all ways, pods that cannot be created, and clusters that fail."""

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
from tests.connector.faulty_cluster import DENIED, NAMESPACE, FaultyCluster, never
from tests.connector.world import World, run

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
def test_each_fault_is_charged_to_its_kind(world: Make, plan: str, origin: int, category: str) -> None:
    async def test() -> None:
        here = world(plan)
        response, _ = await here.until_over(await here.create())
        document = here.error_document()
        assert response.phase == idl.SUCCEEDED and document is not None
        assert response.custom_info is not None
        assert (document.error.origin, response.custom_info["podtriage"]["category"]) == (origin, category)

    run(test())


def test_a_rate_limit_that_ends_while_the_pod_is_held_costs_nothing(world: Make) -> None:
    async def test() -> None:
        here = world("docker.io: 429 for 4m")
        response, earlier = await here.until_over(await here.create())
        assert response.phase == idl.SUCCEEDED and here.error_document() is None
        assert {one.phase for one in earlier} == {idl.QUEUED, idl.INITIALIZING, idl.RUNNING}
        assert any("HTTP 429" in (one.message or "") for one in earlier)

    run(test())


# The pods


def test_the_pod_is_the_rendered_one_with_name_labels_annotations_and_secrets(world: Make) -> None:
    async def test() -> None:
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

    run(test())


def test_the_pod_gets_the_configured_defaults_of_stock_pods(world: Make) -> None:
    async def test() -> None:
        here = world(pod_labels={"team": "all", "cost": "ml"}, image_pull_policy="IfNotPresent")
        meta = await here.create()
        pod = here.cluster._pods[NAMESPACE, meta.pod].manifest
        [container] = pod["spec"]["containers"]
        assert pod["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
        assert (pod["metadata"]["labels"]["team"], pod["metadata"]["labels"]["cost"]) == ("a", "ml")
        assert container["imagePullPolicy"] == "IfNotPresent"
        assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"

    run(test())


def test_a_template_that_flytepropeller_has_not_rendered_is_a_system_failure(world: Make) -> None:
    async def test() -> None:
        here = world()
        raw = {"containers": [{"name": "primary", "image": "i", "args": ["--inputs", "{{.input}}"]}]}
        response, _ = await here.until_over(await here.create(spec=raw))
        document = here.error_document()
        assert response.phase == idl.SUCCEEDED and document is not None and document.error.origin == SYSTEM
        assert "Flyte 1.16.7 or newer" in document.error.message and here.pods() == []

    run(test())


def test_the_name_of_a_pod_follows_from_the_output_prefix(world: Make) -> None:
    async def test() -> None:
        here = world()
        first, second = await here.create(0), await here.create(1)
        assert first.pod != second.pod and first.pod[:-1] == second.pod[:-1]
        assert len(first.pod) <= 63 and first.pod.startswith("f1a2-n0-")

    run(test())


def test_create_deletes_the_pods_of_earlier_attempts_and_no_others(world: Make) -> None:
    async def test() -> None:
        here = world("body: 40m")
        for attempt in (0, 1):
            await here.create(attempt)
        other = dict(here.cluster._pods[NAMESPACE, (await here.create(2)).pod].manifest)
        assert len(here.pods()) == 1
        other["metadata"] = {**other["metadata"], "name": "other", "annotations": {pod_manifest.PREFIX: "s3://b/x/0"}}
        await here.cluster.create(NAMESPACE, other)
        await here.create(3)
        assert "other" in here.pods() and len(here.pods()) == 2

    run(test())


def test_a_repeated_create_keeps_the_pod_of_the_attempt(world: Make) -> None:
    async def test() -> None:
        here = world()
        meta = await here.create()
        again = await here.create(connector=here.replica())
        assert again.pod == meta.pod and len(here.pods()) == 1
        response, _ = await here.until_over(again)
        assert response.phase == idl.SUCCEEDED and here.error_document() is None

    run(test())


def test_a_name_taken_by_another_pod_is_a_system_failure_and_that_pod_stays(world: Make) -> None:
    async def test() -> None:
        here = world("body: 40m")
        name = pod_manifest.pod_name(here.connector._hook.prefix(_attempt(here)), "f1a2", "n0")
        container = {"name": "c", "image": "i"}
        theirs = {"kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container]}}
        await here.cluster.create(NAMESPACE, theirs)
        response, _ = await here.until_over(await here.create())
        document = here.error_document()
        assert response.phase == idl.SUCCEEDED and document is not None
        assert (document.error.origin, document.error.code) == (SYSTEM, "PodNameTaken")
        assert "belongs to another attempt" in document.error.message
        await here.connector.close()
        assert here.pods() == [name]

    run(test())


def _attempt(here: World) -> Any:
    from flytekitplugins_podtriage.connector.task_attempt import TaskAttempt

    return TaskAttempt(str(here.prefix()))


@pytest.mark.parametrize("outputs", [("o0",), ()])
def test_a_template_without_a_container_is_a_bad_task_specification(world: Make, outputs: tuple[str, ...]) -> None:
    async def test() -> None:
        here = world()
        response, _ = await here.until_over(await here.create(target="none", outputs=outputs))
        document = here.error_document()
        assert document is not None and (document.error.origin, document.error.code) == (USER, "BadTaskSpecification")
        assert response.phase == (idl.SUCCEEDED if outputs else idl.FAILED)
        assert "neither a container nor a pod" in document.error.message and here.pods() == []

    run(test())


def test_an_unknown_primary_container_is_reported_with_the_known_ones(world: Make) -> None:
    async def test() -> None:
        here = world()
        response, _ = await here.until_over(await here.create(primary="main"))
        assert response.message is not None and "'main'; allowed: primary" in response.message

    run(test())


def test_a_container_target_runs_too(world: Make) -> None:
    async def test() -> None:
        here = world()
        meta = await here.create(target="container")
        spec = here.cluster._pods[NAMESPACE, meta.pod].manifest["spec"]
        assert spec["restartPolicy"] == "Never"
        assert spec["containers"][0]["resources"] == {"requests": {"cpu": "1", "memory": "100Mi"}}
        assert spec["containers"][0]["env"] == [{"name": "A", "value": "b"}]
        response, _ = await here.until_over(meta)
        assert response.phase == idl.SUCCEEDED

    run(test())


# Errors of the API server


def test_create_replies_while_the_api_server_hangs_and_the_pod_is_created_later(world: Make) -> None:
    async def test() -> None:
        cluster = FaultyCluster(create="hang")
        here = world(cluster=cluster)
        meta = await here.ask_to_create()
        assert (await here.get(meta)).phase == idl.QUEUED and here.pods() == []
        cluster.hang.set()
        response, _ = await here.until_over_in_background(meta)
        assert response.phase == idl.SUCCEEDED and here.error_document() is None

    run(test())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ClusterBusy("create pods: no answer within 5 s"), "no answer within 5 s"),
        (QuotaExceeded('create pods "x": exceeded quota: q, requested: cpu=2'), "exceeded quota"),
        (DENIED, 'cannot create resource "pods"'),
    ],
)
def test_a_temporary_error_of_the_cluster_is_reported_and_the_pod_created_later(
    world: Make, error: ClusterError, words: str
) -> None:
    async def test() -> None:
        cluster = FaultyCluster(create=error)
        turn = asyncio.Event()

        async def wait(_: float) -> None:
            await turn.wait()

        here = world(cluster=cluster)
        here.connector = here.replica(sleep=wait)
        meta = await here.create_in_background()
        response = await here.get(meta)
        assert response.phase == idl.WAITING_FOR_RESOURCES
        assert response.message is not None and words in response.message and "nothing is charged" in response.message
        del cluster.failing["create"]
        turn.set()
        response, _ = await here.until_over_in_background(meta)
        assert response.phase == idl.SUCCEEDED and here.error_document() is None

    run(test())


@pytest.mark.parametrize("error", [ClusterBusy("no answer"), QuotaExceeded("exceeded quota: q"), DENIED])
def test_an_error_of_the_cluster_that_outlasts_the_patience_is_a_system_failure(
    world: Make, error: ClusterError
) -> None:
    async def test() -> None:
        here = world(cluster=FaultyCluster(create=error), system_patience=0)
        here.connector = here.replica(sleep=never)
        response = await here.get(await here.create_in_background())
        document = here.error_document()
        assert response.phase == idl.SUCCEEDED and document is not None and document.error.origin == SYSTEM
        assert str(error) in document.error.message
        await here.connector.close()

    run(test())


@pytest.mark.parametrize("status", [400, 422])
def test_an_invalid_pod_is_a_permanent_user_failure(world: Make, status: int) -> None:
    async def test() -> None:
        error = PodRejected('Pod "x" is invalid: spec.containers[0].image: Required value', status=status)
        here = world(cluster=FaultyCluster(create=error))
        response, _ = await here.until_over(await here.create())
        document = here.error_document()
        assert response.phase == idl.SUCCEEDED and document is not None
        assert (document.error.origin, document.error.kind) == (USER, 0)  # NON_RECOVERABLE
        assert "spec.containers[0].image" in document.error.message

    run(test())


def test_a_connector_without_a_cluster_reports_why_and_charges_nobody(world: Make) -> None:
    async def test() -> None:
        here = world()

        async def opened() -> Any:
            raise ClusterDenied("kubeconfig /etc/kube/config: Permission denied; allowed: a kubeconfig")

        from flytekitplugins_podtriage.connector.service import PodTriageConnector

        connector = PodTriageConnector(opened, here.connector._hook, sleep=never)
        meta = await here.create_in_background(connector)
        response = await here.get(meta, connector)
        assert response.phase == idl.WAITING_FOR_RESOURCES
        assert response.message is not None and "Permission denied" in response.message
        await connector.delete(meta)
        await connector.close()

    run(test())


# Settings


def test_get_reports_invalid_settings(world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        here = world()
        from flytekitplugins_podtriage.connector.hook import TriageHook

        monkeypatch.setenv("FLYTE_PODTRIAGE_SYSTEM_RESERVE", "many")
        here.connector = here.replica(hook=TriageHook())
        response = await here.get(await here.create())
        assert response.phase == idl.WAITING_FOR_RESOURCES
        assert response.message is not None and "FLYTE_PODTRIAGE_SYSTEM_RESERVE" in response.message

    run(test())


# Logs


def test_logs_are_returned_or_why_there_are_none(world: Make) -> None:
    async def test() -> None:
        here = world()
        meta = await here.create()
        assert list((await here.connector.get_logs(resource_meta=meta)).body.results) == []

        class Mute(FaultyCluster):
            async def logs(self, *_: Any) -> str:
                raise ClusterDenied('get pods/log in namespace "ns": forbidden')

        response = await here.replica(Mute()).get_logs(resource_meta=meta)
        assert list(response.body.results) == ['podtriage: get pods/log in namespace "ns": forbidden']

    run(test())


def test_the_recorded_requests_of_a_real_flytepropeller_become_pods(world: Make) -> None:
    from flyteidl.admin import agent_pb2
    from flytekit.models.task import TaskExecutionMetadata, TaskTemplate
    from google.protobuf import json_format

    from tests.paths import DATA

    async def test() -> None:
        here = world()
        lines = (DATA / "connector_requests.jsonl").read_text(encoding="utf-8").splitlines()
        requests = [json.loads(line)["request"] for line in lines if '"CreateTask"' in line]
        assert len(requests) >= 3
        for recorded in requests:
            request = json_format.ParseDict(recorded, agent_pb2.CreateTaskRequest())
            meta = await here.connector.create(
                task_template=TaskTemplate.from_flyte_idl(request.template),
                output_prefix=str(here.directory / request.output_prefix.partition("://")[2]),
                task_execution_metadata=TaskExecutionMetadata.from_flyte_idl(request.task_execution_metadata),
            )
            await here.settle_down()
            assert meta.pod in here.pods()
        named = here.cluster._pods["default", meta.pod].manifest
        assert [one["name"] for one in named["spec"]["containers"]] == ["primary", "side"]
        assert named["metadata"]["annotations"]["an"] == "2" and named["metadata"]["labels"]["l"] == "1"

    run(test())
