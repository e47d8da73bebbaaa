"""The task type: its configuration, and what its body leaves in a pod."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import pydoc
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any, cast

import attrs
import pytest
from flyteidl.core import dynamic_job_pb2
from flytekit import FlyteContext, PodTemplate, PythonFunctionTask, map_task, task
from flytekit.configuration import FastSerializationSettings, ImageConfig, SerializationSettings
from flytekit.exceptions.user import FlyteValidationException
from flytekit.models import literals
from flytekit.tools.translator import get_serializable

from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.flyte.task import MARKER, PodTriage, PodTriageFunctionTask
from flytekitplugins_podtriage.local import task as local
from flytekitplugins_podtriage.local import task_data

sys.path.insert(0, str(Path(__file__).parent))
tasks: Any = importlib.import_module("workflow_of_tasks")

SETTINGS = SerializationSettings(ImageConfig.auto_default_image(), project="p", domain="d", version="v")


def template(entity: Any, settings: SerializationSettings = SETTINGS) -> Any:
    return get_serializable(OrderedDict(), settings, entity).template


def in_pod(python: str, location: task_data.DataLocation, entity: Any, attempt: int = 0) -> None:
    """Run a task's container as a kubelet would: a process of its own, with this Python."""
    container = task_data.primary_container(task_data.manifest(entity, location.context))
    command = task_data.command(container, location, attempt)
    environment = task_data.environment(container, attempt)
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), environment["PYTHONPATH"]])
    assert command[0] == sys.executable
    subprocess.run([python, *command[1:]], env=environment, check=True, capture_output=True)


def location_with(n: int) -> task_data.DataLocation:
    location = task_data.DataLocation.new(FlyteContext.current_context())
    one = literals.Literal(scalar=literals.Scalar(primitive=literals.Primitive(integer=n)))
    location.write_inputs(literals.LiteralMap({"n": one}))
    return location


def test_a_task_serializes_as_a_pod_with_its_primary_container_named() -> None:
    serialized = template(tasks.twice)

    assert (serialized.type, serialized.container, serialized.task_type_version) == ("podtriage", None, 0)
    assert serialized.config == {"primary_container_name": "primary"}
    assert serialized.k8s_pod.pod_spec["containers"][0]["image"] == "docker.io/acme/app:1"
    assert list(serialized.interface.outputs) == ["o0"]


def test_fast_registration_changes_the_command_and_nothing_else() -> None:
    fast = SETTINGS.new_builder().with_fast_serialization_settings(
        FastSerializationSettings(enabled=True, distribution_location="s3://b/x.tgz", destination_dir="/root")
    )

    serialized = template(tasks.twice, fast.build())

    assert serialized.k8s_pod.pod_spec["containers"][0]["args"][0] == "pyflyte-fast-execute"


@pytest.mark.parametrize("entity", [tasks.silent, tasks.several])
def test_a_task_without_outputs_declares_the_marker(entity: Any) -> None:
    assert list(template(entity).interface.outputs) == [MARKER]


def test_a_workflow_cannot_bind_the_marker() -> None:
    serialized = template(tasks.flow)

    assert [output.var for output in serialized.outputs] == ["o0"]
    assert tasks.silent.python_interface.outputs == {}


def test_a_mapped_task_is_refused_at_serialization_with_the_reason() -> None:
    with pytest.raises(FlyteValidationException, match=r"twice: Flyte 1\.16 cannot run .*map_task; allowed"):
        template(map_task(tasks.twice))

    assert template(tasks.twice).k8s_pod is not None  # and it is as it was


def test_the_policy_of_a_task_is_part_of_its_template() -> None:
    function = tasks.twice.task_function
    entity = PodTriageFunctionTask(PodTriage(policy=Policy(user_patience=60)), function)

    assert entity.get_custom(SETTINGS) == {"user_patience": 60.0, "system_patience": 1800.0}
    assert PodTriageFunctionTask(PodTriage(), function).get_custom(SETTINGS) == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"policy": "flyte-1.16"}, "allowed: a Policy"),
        ({"policy": Policy.for_backend("flyte-1.16")}, "allowed: a Policy"),
        ({"pod_template": {"spec": {}}}, "allowed: a flytekit PodTemplate"),
        ({"enabled": "no"}, "allowed: True, False"),
    ],
)
def test_an_invalid_configuration_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PodTriage(**arguments)


def test_a_template_given_twice_is_refused() -> None:
    with pytest.raises(FlyteValidationException, match="given twice"):
        PodTriageFunctionTask(
            PodTriage(pod_template=PodTemplate(primary_container_name="a")),
            tasks.twice.task_function,
            pod_template=PodTemplate(primary_container_name="b"),
        )


def test_in_its_pod_a_task_runs_its_body_and_writes_its_outputs(warm_python: str) -> None:
    location = location_with(21)

    in_pod(warm_python, location, tasks.twice)

    assert location.read_outputs(0).literals["o0"].scalar.primitive.integer == 42
    assert location.read_error(0) is None
    assert location.read_outputs(1) is None


def test_in_its_pod_a_task_without_outputs_writes_the_marker(warm_python: str) -> None:
    location = location_with(1)

    in_pod(warm_python, location, tasks.silent, attempt=2)

    assert location.read_outputs(2).literals[MARKER].scalar.primitive.boolean is True


def test_an_exception_of_the_body_is_a_permanent_user_failure(warm_python: str) -> None:
    location = location_with(-1)

    in_pod(warm_python, location, tasks.silent)

    failure = location.read_error(0)
    assert (failure.kind, failure.recoverable) == ("USER", False)
    assert "-1 is negative" in failure.message
    assert location.read_outputs(0) is None


def test_a_dynamic_task_without_outputs_binds_the_marker(warm_python: str) -> None:
    location = location_with(2)

    in_pod(warm_python, location, tasks.several)

    job = location._read(0, "futures.pb", dynamic_job_pb2.DynamicJobSpec)
    assert [binding.var for binding in job.outputs] == [MARKER]
    assert len(job.nodes) == 4


def test_arguments_are_rendered_with_the_prefixes() -> None:
    location = location_with(1)

    rendered = location.render_arguments(
        ["--inputs", "{{.input}}", "{{.outputPrefix}}/x", "{{.prevCheckpointPrefix}}"], 1
    )

    assert rendered == [
        "--inputs",
        f"{location.prefix}/inputs.pb",
        f"{location.prefix}/1/x",
        f"{location.prefix}/0/checkpoint",
    ]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_class_in_place_of_an_instance_is_refused_with_the_right_spelling(asynchronous: bool) -> None:
    def plain(n: int) -> int:
        return n

    async def awaited(n: int) -> int:
        return n

    with pytest.raises(FlyteValidationException, match=r"task_config=PodTriage is the class; allowed: .*PodTriage\(\)"):
        task(task_config=local.PodTriage)(awaited if asynchronous else plain)
    with pytest.raises(FlyteValidationException, match=r"task shell: task_config=PodTriage is the class"):
        local.PodTriageContainerTask(name="shell", image="a:1", command=["true"], task_config=cast("Any", PodTriage))


@pytest.mark.parametrize("template_given_to", ["task", "PodTriage"])
def test_a_disabled_task_is_flytekits_own_and_keeps_its_pod_template(template_given_to: str) -> None:
    pod = PodTemplate(primary_container_name="mine")
    here = {"pod_template": pod}

    @task(
        task_config=PodTriage(enabled=False, **(here if template_given_to == "PodTriage" else {})),
        retries=2,
        **(here if template_given_to == "task" else {}),
    )
    def plain(n: int) -> int:
        return n

    assert type(plain) is PythonFunctionTask
    serialized = template(plain)
    assert (serialized.type, serialized.metadata.retries.retries) == ("python-task", 2)
    assert serialized.config == {"primary_container_name": "mine"}
    assert list(template(map_task(plain)).interface.outputs) == ["o0"]


def test_help_explains_every_argument() -> None:
    text = pydoc.render_doc(PodTriage)

    assert [name for name in attrs.fields_dict(PodTriage) if f"{name}: " not in text.partition("Args:")[2]] == []


def test_an_asynchronous_task_serializes_like_any_other_and_is_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_PODTRIAGE_BODIES", "inline")

    @task(task_config=PodTriage(), container_image="docker.io/acme/app:1")
    async def awaited(n: int) -> int:
        return n + 1

    assert template(awaited).type == "podtriage"
    assert inspect.iscoroutinefunction(awaited.__call__)
    assert asyncio.run(awaited(n=1)) == 2
    assert importlib.import_module("cloudpickle").dumps(awaited)  # as flytekit does with tasks of a notebook
