"""Container tasks of the type ``podtriage``: what their serialized form passes to a backend."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
from flytekit import ContainerTask, PodTemplate, Resources, Secret, kwtypes, workflow
from flytekit.exceptions.user import FlyteValidationException
from flytekit.tools.translator import get_serializable

from flytekitplugins_podtriage import PodTriage, Policy
from flytekitplugins_podtriage.flyte.task import MARKER
from tests.flyte.serialization import FAST, SETTINGS, container_task, primary, spec, template


def test_a_container_task_is_a_k8s_pod_whose_data_copilot_loads() -> None:
    serialized = template(container_task(metadata_format=ContainerTask.MetadataFormat.YAML))

    assert (serialized.type, serialized.task_type_version, serialized.WhichOneof("target")) == (
        "podtriage",
        0,
        "k8s_pod",
    )
    assert dict(serialized.config) == {"primary_container_name": "primary"}
    data = serialized.k8s_pod.data_config
    assert (data.enabled, data.input_path, data.output_path) == (True, "/var/inputs", "/var/outputs")
    assert data.format == ContainerTask.MetadataFormat.YAML.value
    assert primary(container_task())["command"] == ["sh", "-c", "echo {{.inputs.n}} > /var/outputs/o"]
    assert list(serialized.interface.outputs.variables) == ["o"]


def test_fast_registration_leaves_a_container_tasks_command_alone() -> None:
    assert spec(container_task(), FAST) == spec(container_task())


@pytest.mark.parametrize(
    ("inputs", "enabled"),
    [({"n": int}, True), ({}, False)],
    ids=["its inputs are loaded all the same", "with nothing to load there is no copilot"],
)
def test_a_container_task_without_outputs_declares_the_marker(inputs: dict[str, Any], enabled: bool) -> None:
    serialized = template(container_task(inputs=kwtypes(**inputs), outputs=None, command=["true"]))

    assert list(serialized.interface.outputs.variables) == [MARKER]
    # The connector tells by this field that no program in the pod writes the marker.
    assert serialized.k8s_pod.HasField("data_config")
    assert serialized.k8s_pod.data_config.enabled is enabled


@pytest.mark.parametrize(
    ("options", "field", "expected"),
    [
        ({"secret_requests": [Secret(group="g", key="k")]}, lambda t: t.security_context.secrets[0].key, "k"),
        ({"pod_template_name": "of-the-cluster"}, lambda t: t.metadata.pod_template_name, "of-the-cluster"),
        (
            {"task_config": PodTriage(policy=Policy(user_patience=60))},
            lambda t: dict(t.custom),
            {"user_patience": 60.0, "system_patience": 1800.0},
        ),
        (
            {"pod_template": PodTemplate(primary_container_name="work")},
            lambda t: dict(t.config),
            {"primary_container_name": "work"},
        ),
        (
            {"task_config": PodTriage(pod_template=PodTemplate(labels={"a": "b"}))},
            lambda t: dict(t.k8s_pod.metadata.labels),
            {"a": "b"},
        ),
    ],
)
def test_what_is_set_on_a_container_task_arrives_too(options: dict[str, Any], field: Any, expected: Any) -> None:
    assert field(template(container_task(**options))) == expected


def test_a_container_tasks_resources_and_environment_are_its_containers() -> None:
    container = primary(container_task(requests=Resources(cpu="1"), environment={"A": "1"}))

    assert container["resources"]["requests"] == {"cpu": "1"}
    assert container["env"] == [{"name": "A", "value": "1"}]


def test_a_container_tasks_template_may_be_given_once() -> None:
    with pytest.raises(FlyteValidationException, match="given twice"):
        container_task(
            task_config=PodTriage(pod_template=PodTemplate()), pod_template=PodTemplate(primary_container_name="b")
        )


def test_the_markers_name_is_podtriages_own() -> None:
    with pytest.raises(FlyteValidationException, match="the output name 'podtriage_done' is reserved; allowed"):
        container_task(outputs=kwtypes(podtriage_done=bool))


def test_a_container_tasks_marker_is_nothing_that_a_workflow_binds() -> None:
    quiet_shell = container_task(name="quiet", inputs=None, outputs=None, command=["true"])
    shell = container_task()

    @workflow
    def test_flow(n: int) -> str:
        quiet_shell()
        result: str = shell(n=n)
        return result

    serialized = get_serializable(OrderedDict(), SETTINGS, test_flow).template.to_flyte_idl()
    assert [output.var for output in serialized.outputs] == ["o0"]
    assert len(serialized.nodes) == 2
