"""A local run's attempts as flytekit sees them: what its container gets, and what it leaves at its output prefix."""

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
from flytekit import FlyteContext
from flytekit.configuration import ImageConfig, SerializationSettings
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
_NO_NAME: Final = re.compile(r"[^a-z0-9]+")
_PROGRAM: Final = "from flytekit.bin.entrypoint import execute_task_cmd; execute_task_cmd()"
"""What the console script ``pyflyte-execute`` does; the script itself may not be on the path."""


class PodTriageUserError(FlyteUserException):
    """A task failed for good, and the last failure is the task's own."""

    _ERROR_CODE = "USER:PodTriage"


class PodTriageSystemError(FlyteSystemException):
    """A task failed for good, and the last failure is the platform's."""

    _ERROR_CODE = "SYSTEM:PodTriage"


@attrs.frozen
class Place:
    """Where one task's attempts find their inputs and leave their outputs."""

    context: FlyteContext
    prefix: str

    @classmethod
    def new(cls, context: FlyteContext) -> Place:
        """Return a new place, in flytekit's own local (or configured) store."""
        return cls(context, context.file_access.get_random_remote_directory())

    def put_inputs(self, inputs: literals.LiteralMap) -> None:
        """Write the inputs, for every attempt the same."""
        path = self.context.file_access.get_random_local_path()
        utils.write_proto_to_file(inputs.to_flyte_idl(), path)
        self.context.file_access.put_data(path, f"{self.prefix}/{_INPUTS}")

    def rendered(self, arguments: Sequence[str], attempt: int) -> list[str]:
        """Return a container's arguments with what propeller fills in (core/template.go) for one attempt."""
        at = f"{self.prefix}/{attempt}"
        values = {
            "{{.input}}": f"{self.prefix}/{_INPUTS}",
            "{{.inputPrefix}}": self.prefix,
            "{{.outputPrefix}}": at,
            "{{.rawOutputDataPrefix}}": f"{at}/raw",
            "{{.checkpointOutputPrefix}}": f"{at}/checkpoint",
            "{{.prevCheckpointPrefix}}": f"{self.prefix}/{attempt - 1}/checkpoint" if attempt else "",
        }
        found = []
        for argument in arguments:
            text = argument
            for name, value in values.items():
                text = text.replace(name, value)
            found.append(text)
        return found

    def put(self, attempt: int, name: str, message: Any) -> None:
        """Leave a document at an attempt's prefix."""
        path = self.context.file_access.get_random_local_path()
        utils.write_proto_to_file(message, path)
        self.context.file_access.put_data(path, f"{self.prefix}/{attempt}/{name}")

    def put_error(self, attempt: int, name: str, code: str, message: str) -> None:
        """Leave an error document at an attempt's prefix."""
        error = errors_pb2.ContainerError(code=code, message=message, kind=errors_pb2.ContainerError.RECOVERABLE)
        self.put(attempt, name, errors_pb2.ErrorDocument(error=error))

    def outputs(self, attempt: int) -> literals.LiteralMap | None:
        """Return what an attempt left as its outputs; None if it left none."""
        proto = self._read(attempt, _OUTPUTS, literals_pb2.LiteralMap)
        return None if proto is None else literals.LiteralMap.from_flyte_idl(proto)

    def failure(self, attempt: int, name: str = _ERROR) -> Failure | None:
        """Return the error that an attempt's container left: flytekit's own, of an exception in the body."""
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


def manifest(task: Any, context: FlyteContext) -> dict[str, Any]:
    """Return the pod of a task as its backend would make it, with the arguments not filled in yet."""
    settings = context.serialization_settings or SerializationSettings(ImageConfig.auto_default_image())
    if settings.image_config is None or settings.image_config.default_image is None:
        settings = dataclasses.replace(settings, image_config=ImageConfig.auto_default_image())
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
    """Return what a task's pods are called, without the attempt: the end of its name, as DNS has it (RFC 1123)."""
    return f"{_NO_NAME.sub('-', task.lower())[-40:].strip('-') or 'task'}-n0"


def of_attempt(pod: Mapping[str, Any], attempt: int) -> dict[str, Any]:
    """Return the manifest of one attempt's pod."""
    metadata = pod["metadata"]
    return {**pod, "metadata": {**metadata, "annotations": {**metadata["annotations"], ATTEMPT: str(attempt)}}}


def primary_container(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Return the container of a manifest whose end is the task's."""
    name = pod["metadata"]["annotations"]["primary_container_name"]
    found = [container for container in pod["spec"]["containers"] if container.get("name") == name]
    return dict(found[0]) if found else dict(pod["spec"]["containers"][0])


def command(container: Mapping[str, Any], place: Place, attempt: int) -> list[str]:
    """Return what to run on this machine for a container's arguments."""
    arguments = place.rendered([*(container.get("command") or ()), *(container.get("args") or ())], attempt)
    if arguments and arguments[0] == "pyflyte-execute":
        return [sys.executable, "-c", _PROGRAM, *arguments[1:]]
    return arguments


def module_root(task: Any) -> str | None:
    """Return the folder from which a Python task's module is imported: pyflyte has it on the path only for a moment."""
    if getattr(task, "task_function", None) is None:
        return None
    _, module, _, path = extract_task_module(task)
    if not module or not path:
        return None
    parts = len(module.split(".")) + (os.path.basename(path) == "__init__.py")
    return str(PurePath(path).parents[parts - 1])


def environment(container: Mapping[str, Any], attempt: int, root: str | None = None) -> dict[str, str]:
    """Return a body's environment: this process's, its module path, the container's own, and Flyte's attempt number.

    Args:
        container: the manifest's.
        attempt: from 0.
        root: a folder to import modules from, beside this process's own.
    """
    own = {item["name"]: str(item.get("value", "")) for item in container.get("env") or () if "name" in item}
    path = os.pathsep.join([part or os.getcwd() for part in sys.path] + ([root] if root else []))
    return {**os.environ, "PYTHONPATH": path, **own, "FLYTE_ATTEMPT_NUMBER": str(attempt)}
