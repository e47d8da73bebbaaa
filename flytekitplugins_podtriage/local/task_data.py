"""What flytekit sees of an attempt in a local run: its container's command, and the documents at its output prefix."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

import attrs
from flyteidl.core import errors_pb2, execution_pb2, literals_pb2
from flytekit import FlyteContext, ImageSpec
from flytekit.configuration import Image, ImageConfig, SerializationSettings
from flytekit.core import utils
from flytekit.core.tracker import extract_task_module
from flytekit.exceptions.system import FlyteSystemException
from flytekit.exceptions.user import FlyteUserException
from flytekit.models import literals

from flytekitplugins_podtriage.core.accounting import Failure
from flytekitplugins_podtriage.core.model import ErrorKind

_INPUTS: Final = "inputs.pb"
_OUTPUTS: Final = "outputs.pb"
_ERROR: Final = "error.pb"
TASK_NAME: Final = "podtriage.flyte.org/task"
ATTEMPT: Final = "podtriage.flyte.org/attempt"
"""Annotations of a pod: the name of its task, and its attempt from 0."""
_NOT_DNS: Final = re.compile(r"[^a-z0-9]+")
_PROGRAM: Final = "from flytekitplugins_podtriage.local.body_program import main; main()"
"""What the console script ``pyflyte-execute`` does, which may not be on the path."""


class PodTriageUserError(FlyteUserException):
    """A task failed for good, and its last failure is of kind USER."""

    _ERROR_CODE = "USER:PodTriage"


class PodTriageSystemError(FlyteSystemException):
    """A task failed for good, and its last failure is of kind SYSTEM."""

    _ERROR_CODE = "SYSTEM:PodTriage"


@attrs.frozen
class DataLocation:
    """Where the attempts of one task read their inputs and write their outputs."""

    context: FlyteContext
    prefix: str

    @classmethod
    def new(cls, context: FlyteContext) -> DataLocation:
        """Return a new location in flytekit's raw output data."""
        return cls(context, context.file_access.get_random_remote_directory())

    def write_inputs(self, inputs: literals.LiteralMap) -> None:
        """Write the inputs, which are the same for every attempt."""
        path = self.context.file_access.get_random_local_path()
        utils.write_proto_to_file(inputs.to_flyte_idl(), path)
        self.context.file_access.put_data(path, f"{self.prefix}/{_INPUTS}")

    def render_arguments(self, arguments: Sequence[str], attempt: int) -> list[str]:
        """Fill in a container's arguments for one attempt, as FlytePropeller does (core/template.go)."""
        outputs = f"{self.prefix}/{attempt}"
        values = {
            "{{.input}}": f"{self.prefix}/{_INPUTS}",
            "{{.inputPrefix}}": self.prefix,
            "{{.outputPrefix}}": outputs,
            "{{.rawOutputDataPrefix}}": f"{outputs}/raw",
            "{{.checkpointOutputPrefix}}": f"{outputs}/checkpoint",
            "{{.prevCheckpointPrefix}}": f"{self.prefix}/{attempt - 1}/checkpoint" if attempt else "",
        }
        rendered = []
        for argument in arguments:
            text = argument
            for name, value in values.items():
                text = text.replace(name, value)
            rendered.append(text)
        return rendered

    def write(self, attempt: int, name: str, message: Any) -> None:
        """Write a document to an attempt's prefix."""
        path = self.context.file_access.get_random_local_path()
        utils.write_proto_to_file(message, path)
        self.context.file_access.put_data(path, f"{self.prefix}/{attempt}/{name}")

    def write_error(self, attempt: int, name: str, code: str, message: str) -> None:
        """Write an error document to an attempt's prefix."""
        error = errors_pb2.ContainerError(code=code, message=message, kind=errors_pb2.ContainerError.RECOVERABLE)
        self.write(attempt, name, errors_pb2.ErrorDocument(error=error))

    def read_outputs(self, attempt: int) -> literals.LiteralMap | None:
        """Return the outputs that an attempt wrote; None if it wrote none."""
        proto = self._read(attempt, _OUTPUTS, literals_pb2.LiteralMap)
        return None if proto is None else literals.LiteralMap.from_flyte_idl(proto)

    def read_error(self, attempt: int, name: str = _ERROR) -> Failure | None:
        """Return the error that an attempt wrote: flytekit writes one after an exception in the body."""
        proto = self._read(attempt, name, errors_pb2.ErrorDocument)
        if proto is None:
            return None
        error = proto.error
        system = error.origin == execution_pb2.ExecutionError.SYSTEM
        return Failure(
            ErrorKind.SYSTEM if system else ErrorKind.USER,
            code=error.code,
            message=error.message,
            recoverable=error.kind == errors_pb2.ContainerError.RECOVERABLE,
        )

    def _read(self, attempt: int, name: str, kind: Any) -> Any:
        access = self.context.file_access
        remote = f"{self.prefix}/{attempt}/{name}"
        if not access.exists(remote):
            return None
        path = access.get_random_local_path()
        access.get_data(remote, path)
        return utils.load_proto_from_file(kind, path)


def manifest(task: Any, context: FlyteContext, *, build_image: bool = False) -> dict[str, Any]:
    """Return the pod of a task as its backend would create it, before its arguments are filled in.

    Args:
        task: the task.
        context: flytekit's.
        build_image: whether to build the image of an ``ImageSpec``; if not, the pod has the name that it would have.
    """
    settings = context.serialization_settings or SerializationSettings(ImageConfig.auto_default_image())
    if settings.image_config is None or settings.image_config.default_image is None:
        settings = dataclasses.replace(settings, image_config=ImageConfig.auto_default_image())
    image = getattr(task, "container_image", None)
    if isinstance(image, ImageSpec) and not build_image:
        named = Image.look_up_image_info(image.id, image.image_name())
        images = [*(settings.image_config.images or ()), named]
        settings = dataclasses.replace(settings, image_config=dataclasses.replace(settings.image_config, images=images))
    pod = task.get_k8s_pod(settings)
    primary = task.get_config(settings)["primary_container_name"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "labels": dict(pod.metadata.labels or {}),
            "annotations": {**(pod.metadata.annotations or {}), "primary_container_name": primary},
        },
        "spec": {"restartPolicy": "Never", **pod.pod_spec},
    }


def pod_name(task: str) -> str:
    """Return the name of a task's pods without the attempt: the end of the task's name as a DNS label (RFC 1123)."""
    return f"{_NOT_DNS.sub('-', task.lower())[-40:].strip('-') or 'task'}-n0"


def of_attempt(pod: Mapping[str, Any], attempt: int) -> dict[str, Any]:
    """Return the manifest of one attempt's pod."""
    metadata = pod["metadata"]
    return {**pod, "metadata": {**metadata, "annotations": {**metadata["annotations"], ATTEMPT: str(attempt)}}}


def primary_container(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Return the primary container of a manifest."""
    name = pod["metadata"]["annotations"]["primary_container_name"]
    containers = pod["spec"]["containers"]
    return dict(next((container for container in containers if container.get("name") == name), containers[0]))


def command(container: Mapping[str, Any], location: DataLocation, attempt: int) -> list[str]:
    """Return the command that runs a container's command and arguments on this machine."""
    arguments = location.render_arguments([*(container.get("command") or ()), *(container.get("args") or ())], attempt)
    if arguments and arguments[0] == "pyflyte-execute":
        return [sys.executable, "-c", _PROGRAM, *arguments[1:]]
    return arguments


def module_root(task: Any) -> str | None:
    """Return the directory from which a Python task's module is imported: pyflyte removes it from the path again."""
    if getattr(task, "task_function", None) is None:
        return None
    _, module, _, path = extract_task_module(task)
    if not module or not path:
        return None
    parts = len(module.split(".")) + (os.path.basename(path) == "__init__.py")
    return str(PurePath(path).parents[parts - 1])


def environment(container: Mapping[str, Any], attempt: int, root: str | None = None) -> dict[str, str]:
    """Return a body's environment: this process's, its module path, the container's, and Flyte's attempt number.

    Args:
        container: the manifest's.
        attempt: from 0.
        root: a further directory to import modules from.
    """
    own = {item["name"]: str(item.get("value", "")) for item in container.get("env") or () if "name" in item}
    path = os.pathsep.join([part or os.getcwd() for part in sys.path] + ([root] if root else []))
    return {**os.environ, "PYTHONPATH": path, **own, "FLYTE_ATTEMPT_NUMBER": str(attempt)}
