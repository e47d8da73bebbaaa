"""The body of a task in a local run: in this process, or in one of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flytekitplugins_podtriage.core.accounting import Failure
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.local import container_task, task_data

if TYPE_CHECKING:
    from flytekitplugins_podtriage.sandbox.pod_state import BodyEnd


class Inline:
    """A body in this process; it keeps what the call returned or raised."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self.value: Any = None
        self.error: Exception | None = None
        self._failed_attempt: int | None = None

    def run(self, manifest: Mapping[str, Any], attempt: int | None) -> BodyEnd:
        """Run it."""
        from flytekitplugins_podtriage.sandbox.pod_state import BodyEnd

        self.error = None
        try:
            self.value = self._call()
        except Exception as error:  # noqa: BLE001  # whatever a user's code raises
            self.error = error
        return BodyEnd(0)

    def take_error(self, attempt: int) -> Exception | None:
        """Return and drop its exception, if an attempt failed with it: the traceback refers to this object."""
        error, self.error = self.error, None
        return error if self._failed_attempt == attempt else None

    def read_error(self, attempt: int) -> Failure | None:
        """Return its exception as flytekit's entrypoint would write it to the error document."""
        from flytekit.exceptions.base import FlyteRecoverableException

        if self.error is None:
            return None
        self._failed_attempt = attempt
        recoverable = isinstance(self.error, FlyteRecoverableException)
        return Failure(ErrorKind.USER, "USER:RuntimeError", f"{type(self.error).__name__}: {self.error}", recoverable)


class Process:
    """A body in its own process: the container's command, on this machine."""

    def __init__(self, container: Mapping[str, Any], location: task_data.DataLocation, root: str | None) -> None:
        self._container = container
        self._location = location
        self._root = root

    def run(self, manifest: Mapping[str, Any], attempt: int | None) -> BodyEnd:
        """Run it to its end."""
        from flytekitplugins_podtriage.local.subprocess_body import run
        from flytekitplugins_podtriage.sandbox.pod_state import BodyEnd

        number = attempt or 0
        command = task_data.command(self._container, self._location, number)
        result = run(command, task_data.environment(self._container, number, self._root))
        return BodyEnd(result.code, result.message or None)


class Command:
    """A container task's command, on this machine."""

    def __init__(self, container: Mapping[str, Any], data: container_task.ContainerData) -> None:
        self._container = container
        self._data = data

    def run(self, manifest: Mapping[str, Any], attempt: int | None) -> BodyEnd:
        """Run it to its end, and upload its outputs."""
        from flytekitplugins_podtriage.local.subprocess_body import run
        from flytekitplugins_podtriage.sandbox.pod_state import BodyEnd

        directories = self._data.attempt(attempt or 0)
        result = run(directories.command(self._container), directories.environment(self._container))
        if result.code == 0:
            directories.upload()
        return BodyEnd(result.code, result.message or None)
