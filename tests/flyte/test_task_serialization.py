"""What a serialized task passes to a backend, setting by setting, and what it does not."""

from __future__ import annotations

import functools
import inspect
from collections import OrderedDict
from datetime import timedelta
from typing import Any

import pytest
from flyteidl.core import tasks_pb2 as task_pb2
from flytekit import (
    PodTemplate,
    Resources,
    Secret,
    conditional,
    dynamic,
    map_task,
    task,
    workflow,
)
from flytekit.configuration import SerializationSettings
from flytekit.core.array_node_map_task import ArrayNodeMapTask
from flytekit.core.options import Options
from flytekit.exceptions.user import FlyteValidationException
from flytekit.extras.accelerators import T4
from flytekit.models.task import TaskTemplate
from flytekit.tools.translator import get_serializable
from kubernetes.client import V1Container, V1EnvVar, V1PodSpec, V1Toleration, V1Volume

from flytekitplugins_podtriage import PodTriage, Policy
from flytekitplugins_podtriage.connector.task_attempt import TaskAttempt
from tests.flyte.serialization import FAST, IMAGE, SETTINGS, container_task, primary, spec, template


def made(**options: Any) -> Any:
    @task(task_config=PodTriage(), container_image=IMAGE, **options)
    def test_function(n: int) -> int:
        return n

    return test_function


# What flytekit's users set on a task, and where it arrives.


@pytest.mark.parametrize(
    ("options", "field", "expected"),
    [
        ({}, lambda t: t.metadata.retries.retries, 0),
        ({"retries": 4}, lambda t: t.metadata.retries.retries, 4),
        ({"timeout": timedelta(minutes=5)}, lambda t: t.metadata.timeout.seconds, 300),
        ({"timeout": 90}, lambda t: t.metadata.timeout.seconds, 90),
        ({}, lambda t: t.metadata.WhichOneof("interruptible_value"), None),
        ({"interruptible": True}, lambda t: t.metadata.interruptible, True),
        ({"interruptible": False}, lambda t: t.metadata.WhichOneof("interruptible_value"), "interruptible"),
        (
            {"cache": True, "cache_version": "7", "cache_serialize": True, "cache_ignore_input_vars": ("n",)},
            lambda t: (
                t.metadata.discoverable,
                t.metadata.discovery_version,
                t.metadata.cache_serializable,
                list(t.metadata.cache_ignore_input_vars),
            ),
            (True, "7", True, ["n"]),
        ),
        (
            {"secret_requests": [Secret(group="g", key="k", mount_requirement=Secret.MountType.FILE)]},
            lambda t: [(one.group, one.key, one.mount_requirement) for one in t.security_context.secrets],
            [("g", "k", Secret.MountType.FILE.value)],
        ),
        ({"pod_template_name": "of-the-cluster"}, lambda t: t.metadata.pod_template_name, "of-the-cluster"),
        ({"enable_deck": True}, lambda t: t.metadata.generates_deck.value, True),
        ({"accelerator": T4}, lambda t: t.extended_resources.gpu_accelerator.device, "nvidia-tesla-t4"),
        ({"shared_memory": "1Gi"}, lambda t: t.extended_resources.shared_memory.size_limit, "1Gi"),
        ({"deprecated": "use the other"}, lambda t: t.metadata.deprecated_error_message, "use the other"),
        pytest.param(
            {"labels": {"team": "a"}, "annotations": {"note": "b"}},
            lambda t: (dict(t.metadata.metadata.labels), dict(t.metadata.metadata.annotations)),
            ({"team": "a"}, {"note": "b"}),
            marks=pytest.mark.skipif(
                "labels" not in inspect.signature(task).parameters, reason="flytekit 1.16.0 has no labels of a task"
            ),
        ),
    ],
)
def test_what_is_set_on_a_task_arrives_where_flyte_looks(options: dict[str, Any], field: Any, expected: Any) -> None:
    assert field(template(made(**options))) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"requests": Resources(cpu="1", mem="2Gi"), "limits": Resources(mem="3Gi")},
            {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "3Gi"}},
        ),
        (
            {"resources": Resources(cpu=("1", "2"), ephemeral_storage="1Gi")},
            {
                "requests": {"cpu": "1", "ephemeral-storage": "1Gi"},
                "limits": {"cpu": "2"},
            },
        ),
    ],
)
def test_resources_are_those_of_the_primary_container(options: dict[str, Any], expected: dict[str, Any]) -> None:
    assert primary(made(**options))["resources"] == expected


def test_a_gpu_is_requested_by_flytes_name_which_kubernetes_does_not_know() -> None:
    # flytekit writes `gpu`, as for any task with a pod template; nvidia.com/gpu has to be in the template.
    assert primary(made(requests=Resources(gpu="1")))["resources"]["requests"] == {"gpu": "1"}


def test_the_environment_is_that_of_the_primary_container_ahead_of_the_templates() -> None:
    pod = V1PodSpec(containers=[V1Container(name="primary", env=[V1EnvVar(name="A", value="template's")])])

    env = primary(made(environment={"A": "task's", "B": "2"}, pod_template=PodTemplate(pod_spec=pod)))["env"]

    assert [(one["name"], one["value"]) for one in env] == [("A", "task's"), ("B", "2"), ("A", "template's")]


def test_a_pod_template_arrives_with_its_sidecars_volumes_labels_and_annotations() -> None:
    pod = V1PodSpec(
        containers=[V1Container(name="work"), V1Container(name="proxy", image="docker.io/acme/proxy:1")],
        init_containers=[V1Container(name="first", image="docker.io/acme/init:1")],
        volumes=[V1Volume(name="v")],
        tolerations=[V1Toleration(key="gpu", operator="Exists")],
        service_account_name="worker",
    )
    entity = made(pod_template=PodTemplate(pod, "work", {"team": "a"}, {"note": "b"}))

    serialized = template(entity)

    assert dict(serialized.config) == {"primary_container_name": "work"}
    assert (dict(serialized.k8s_pod.metadata.labels), dict(serialized.k8s_pod.metadata.annotations)) == (
        {"team": "a"},
        {"note": "b"},
    )
    pod_spec = spec(entity)
    assert [one["name"] for one in pod_spec["containers"]] == ["work", "proxy"]
    assert [one["image"] for one in pod_spec["initContainers"]] == ["docker.io/acme/init:1"]
    assert (pod_spec["volumes"], pod_spec["serviceAccountName"]) == ([{"name": "v"}], "worker")
    assert pod_spec["tolerations"] == [{"key": "gpu", "operator": "Exists"}]
    assert primary(entity, "work")["args"][0] == "pyflyte-execute"


def test_it_is_a_k8s_pod_with_a_primary_container_and_never_a_container() -> None:
    serialized = template(made())

    assert (serialized.type, serialized.task_type_version, serialized.WhichOneof("target")) == (
        "podtriage",
        0,
        "k8s_pod",
    )
    assert dict(serialized.config) == {"primary_container_name": "primary"}
    assert not serialized.k8s_pod.HasField("data_config")


def test_a_policys_rules_do_not_travel() -> None:
    from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN

    @task(task_config=PodTriage(policy=Policy(rules=BUILT_IN)), container_image=IMAGE)
    def test_function() -> int:
        return 1

    with pytest.raises(FlyteValidationException, match="a task's policy cannot have rules; allowed"):
        template(test_function)


# What a node adds or changes.


step = made(retries=1, timeout=timedelta(minutes=1), interruptible=True)


def test_a_node_carries_what_is_set_for_it_and_the_task_stays_as_it_is() -> None:
    @workflow
    def test_flow(n: int) -> int:
        result: int = step(n=n).with_overrides(
            retries=7,
            timeout=timedelta(minutes=9),
            interruptible=False,
            requests=Resources(cpu="3"),
            container_image="docker.io/acme/other:1",
        )
        return result

    entities: OrderedDict[Any, Any] = OrderedDict()
    (node,) = get_serializable(entities, SETTINGS, test_flow).template.to_flyte_idl().nodes

    assert (node.metadata.retries.retries, node.metadata.timeout.seconds) == (7, 540)
    assert node.metadata.interruptible is False
    overrides = node.task_node.overrides
    assert [one.value for one in overrides.resources.requests] == ["3"]
    assert overrides.container_image == "docker.io/acme/other:1"
    assert entities[step].template.metadata.retries.retries == 1  # a connector sees the task's, not the node's


def test_a_conditional_binds_outputs_of_either_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_PODTRIAGE_BODIES", "inline")

    @workflow
    def test_flow(n: int) -> int:
        result: int = conditional("which").if_(n > 1).then(step(n=n)).else_().then(step(n=1))
        return result

    (node,) = get_serializable(OrderedDict(), SETTINGS, test_flow).template.to_flyte_idl().nodes

    assert node.branch_node.if_else.case.then_node.task_node.reference_id.name == step.name
    assert test_flow(n=3) == 3


def test_a_dynamic_task_carries_the_context_it_compiles_with() -> None:
    @dynamic(task_config=PodTriage(), container_image=IMAGE)
    def test_function(n: int) -> int:
        serialized: int = step(n=n)
        return serialized

    serialized = template(test_function)
    env = {one["name"] for one in primary(test_function)["env"]}

    assert serialized.type == "podtriage"
    assert "_F_SS_C" in env


# Map tasks: a stock backend cannot run them.


def mapped(how: str) -> Any:
    one = made()
    return {
        "map_task": lambda: map_task(one),
        "with a ratio": lambda: map_task(one, min_success_ratio=0.5),
        "with concurrency": lambda: map_task(one, concurrency=2),
        "with a least number": lambda: map_task(one, min_successes=1),
        "of a partial": lambda: map_task(functools.partial(added, b=1)),
        "made by hand": lambda: ArrayNodeMapTask(one),
        "of a task without outputs": lambda: map_task(quiet),
    }[how]()


@task(task_config=PodTriage(), container_image=IMAGE)
def added(a: int, b: int) -> int:
    return a + b


@task(task_config=PodTriage(), container_image=IMAGE)
def quiet(n: int) -> None:
    assert n


HOWS = [
    "map_task",
    "with a ratio",
    "with concurrency",
    "with a least number",
    "of a partial",
    "made by hand",
    "of a task without outputs",
]


@pytest.mark.parametrize("settings", [SETTINGS, FAST], ids=["in the image", "fast"])
@pytest.mark.parametrize("how", HOWS)
def test_a_mapped_task_is_refused_with_the_reason(how: str, settings: SerializationSettings) -> None:
    with pytest.raises(
        FlyteValidationException, match=r"Flyte 1\.16 cannot run a connector's task in map_task; allowed"
    ):
        template(mapped(how), settings)


def test_a_workflow_with_a_mapped_task_is_refused_where_pyflyte_registers_it() -> None:
    @workflow
    def test_flow(ns: list[int]) -> list[int]:
        result: list[int] = map_task(added_one)(n=ns)
        return result

    with pytest.raises(FlyteValidationException, match=r"cannot run a connector's task in map_task"):
        get_serializable(OrderedDict(), FAST, test_flow, Options())


added_one = made()


def test_the_task_itself_is_as_it_was_after_a_refusal() -> None:
    one = made()
    with pytest.raises(FlyteValidationException):
        template(map_task(one))

    assert primary(one)["args"][0] == "pyflyte-execute"
    assert spec(one, FAST)["containers"][0]["args"][0] == "pyflyte-fast-execute"


def test_everything_that_pyflyte_registers_can_be_written_to_protobuf() -> None:
    for entity in (made(), container_task(), step):
        assert template(entity).SerializeToString()


@pytest.mark.parametrize(
    ("entity", "outputs", "marker"),
    [
        pytest.param(made(), True, False, id="a function's body writes its outputs"),
        pytest.param(quiet, True, False, id="and the marker, or its error"),
        pytest.param(container_task(name="c1"), True, False, id="copilot uploads a container's outputs"),
        pytest.param(container_task(name="c2", outputs=None), True, True, id="no program writes its marker"),
        pytest.param(container_task(name="c3", inputs=None, outputs=None), True, True, id="with or without copilot"),
    ],
)
def test_the_connector_answers_with_the_marker_where_no_program_writes_it(
    entity: Any, outputs: bool, marker: bool
) -> None:
    sent = TaskTemplate.from_flyte_idl(task_pb2.TaskTemplate.FromString(template(entity).SerializeToString()))

    attempt = TaskAttempt.of(sent, "s3://bucket/data/0")

    assert (attempt.outputs, attempt.marker) == (outputs, marker)
