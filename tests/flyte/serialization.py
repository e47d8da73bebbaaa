"""Serializing tasks, as pyflyte does when it registers them."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from flytekit import kwtypes
from flytekit.configuration import FastSerializationSettings, ImageConfig, SerializationSettings
from flytekit.tools.translator import get_serializable

from flytekitplugins_podtriage import PodTriageContainerTask

IMAGE = "docker.io/acme/app:1"
SETTINGS = SerializationSettings(ImageConfig.auto_default_image(), project="p", domain="d", version="v")
FAST = (
    SETTINGS.new_builder()
    .with_fast_serialization_settings(
        FastSerializationSettings(enabled=True, distribution_location="s3://b/x.tgz", destination_dir="/root")
    )
    .build()
)


def template(entity: Any, settings: SerializationSettings = SETTINGS) -> Any:
    """Return a task's template as flyteidl has it."""
    return get_serializable(OrderedDict(), settings, entity).template.to_flyte_idl()


def spec(entity: Any, settings: SerializationSettings = SETTINGS) -> Any:
    """Return the spec of a task's pod."""
    return get_serializable(OrderedDict(), settings, entity).template.k8s_pod.pod_spec


def primary(entity: Any, name: str = "primary") -> Any:
    """Return one container of a task's pod."""
    (container,) = [container for container in spec(entity)["containers"] if container["name"] == name]
    return container


def container_task(**options: Any) -> Any:
    """Return a container task, with these options in place of its own."""
    defaults: dict[str, Any] = {
        "name": "shell",
        "image": IMAGE,
        "command": ["sh", "-c", "echo {{.inputs.n}} > /var/outputs/o"],
        "inputs": kwtypes(n=int),
        "outputs": kwtypes(o=str),
        "input_data_dir": "/var/inputs",
        "output_data_dir": "/var/outputs",
    }
    return PodTriageContainerTask(**{**defaults, **options})
