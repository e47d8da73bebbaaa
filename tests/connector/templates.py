"""Task templates and execution metadata as flytekit's service hands them to a connector."""

from __future__ import annotations

from typing import Any

from flyteidl.admin import agent_pb2
from flyteidl.core import tasks_pb2
from flytekit.models.task import TaskExecutionMetadata, TaskTemplate
from google.protobuf import json_format

IMAGE = "docker.io/library/app:1"


def pod_spec(**more: Any) -> dict[str, Any]:
    return {
        "containers": [
            {"name": "primary", "image": IMAGE, "args": ["pyflyte-execute"], "ports": [{"containerPort": 8080}]}
        ],
        "restartPolicy": "Never",
        **more,
    }


def template(
    *,
    outputs: tuple[str, ...] = ("o0",),
    retries: int = 0,
    spec: dict[str, Any] | None = None,
    custom: dict[str, Any] | None = None,
    secrets: list[dict[str, str]] | None = None,
    primary: str = "primary",
    target: str = "k8s_pod",
    data_config: bool = False,
    **more: Any,
) -> TaskTemplate:
    """Return a template as it arrives: through flyteidl's messages."""
    message: dict[str, Any] = {
        "id": {"resource_type": "TASK", "project": "p", "domain": "d", "name": "app.workflows.train", "version": "v1"},
        "type": "podtriage",
        "metadata": {"retries": {"retries": retries}},
        "interface": {"inputs": {}, "outputs": {"variables": {n: {"type": {"simple": "STRING"}} for n in outputs}}},
        "custom": custom or {},
        **more,
    }
    if target == "k8s_pod":
        message["config"] = {"primary_container_name": primary}
        message["k8s_pod"] = {
            "metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}},
            "pod_spec": pod_spec() if spec is None else spec,
        }
        if data_config:
            message["k8s_pod"]["data_config"] = {"enabled": True}
    elif target == "container":
        message["container"] = {
            "image": IMAGE,
            "args": ["run"],
            "env": [{"key": "A", "value": "b"}],
            "resources": {"requests": [{"name": "CPU", "value": "1"}, {"name": "MEMORY", "value": "100Mi"}]},
        }
    if secrets:
        message["security_context"] = {"secrets": secrets}
    return TaskTemplate.from_flyte_idl(json_format.ParseDict(message, tasks_pb2.TaskTemplate()))


def execution_metadata(*, attempt: int = 0, node: str = "n0", execution: str = "f1a2", **more: Any) -> Any:
    message: dict[str, Any] = {
        "task_execution_id": {
            "task_id": {"resource_type": "TASK", "project": "p", "domain": "d", "name": "t", "version": "v1"},
            "node_execution_id": {"node_id": node, "execution_id": {"project": "p", "domain": "d", "name": execution}},
            "retry_attempt": attempt,
        },
        "namespace": "flytesnacks-development",
        "labels": {"execution-id": execution, "node-id": node},
        **more,
    }
    return TaskExecutionMetadata.from_flyte_idl(json_format.ParseDict(message, agent_pb2.TaskExecutionMetadata()))
