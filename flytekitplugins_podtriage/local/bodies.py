"""A task's body in a local run: in this process, or in one of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flytekitplugins_podtriage.core.accounting import Failure
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.local import container_task, task_data

if TYPE_CHECKING:
    from flytekitplugins_podtriage.sandbox.pod_state import BodyEnd


class Inline:
    """A body in this process: what it returned or raised is kept."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self.value: Any = None
        self.error: Exception | None = None
        self._told: int | None = None

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
        """Return its exception, if an attempt failed by it, and let go of it: its traceback holds this object."""
        error, self.error = self.error, None
        return error if self._told == attempt else None

    def failure(self, attempt: int) -> Failure | None:
        """Return its exception as flytekit's entrypoint would have left it in the error document."""
        from flytekit.exceptions.base import FlyteRecoverableException

        if self.error is None:
            return None
        self._told = attempt
        recoverable = isinstance(self.error, FlyteRecoverableException)
        return Failure(ErrorKind.USER, "USER:RuntimeError", f"{type(self.error).__name__}: {self.error}", recoverable)


class Process:
    """A body in a process of its own: the container's command, on this machine."""

    def __init__(self, container: Mapping[str, Any], place: task_data.Place, root: str | None) -> None:
        self._container = container
        self._place = place
        self._root = root

    def run(self, manifest: Mapping[str, Any], attempt: int | None) -> BodyEnd:
        """Run it to its end."""
        from flytekitplugins_podtriage.local.subprocess_body import run
        from flytekitplugins_podtriage.sandbox.pod_state import BodyEnd

        number = attempt or 0
        command = task_data.command(self._container, self._place, number)
        ended = run(command, task_data.environment(self._container, number, self._root))
        return BodyEnd(ended.code, ended.message or None)


class Command:
    """A container task's command, on this machine."""

    def __init__(self, container: Mapping[str, Any], place: container_task.ContainerPlace) -> None:
        self._container = container
        self._place = place

    def run(self, manifest: Mapping[str, Any], attempt: int | None) -> BodyEnd:
        """Run it to its end, and keep what it leaves."""
        from flytekitplugins_podtriage.local.subprocess_body import run
        from flytekitplugins_podtriage.sandbox.pod_state import BodyEnd

        one = self._place.attempt(attempt or 0)
        ended = run(one.command(self._container), one.environment(self._container))
        if ended.code == 0:
            one.gather()
        return BodyEnd(ended.code, ended.message or None)
