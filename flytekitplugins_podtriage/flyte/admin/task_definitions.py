"""What a task's own definition says of its retries. Asked for once a task, and never a reason to fail."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import attrs
from flyteidl.admin import common_pb2

from flytekitplugins_podtriage.flyte.admin.client import Admin
from flytekitplugins_podtriage.flyte.admin.errors import FlyteForbidden, FlyteNotFound, FlyteRefused


@attrs.frozen(slots=True)
class TaskFacts:
    """What is known of a task; None: not known."""

    retries: int | None = None
    """``@task(retries=N)``: how many attempts the user's budget has beyond the first."""
    interruptible: bool | None = None
    """What the task asks for; None too where it leaves that to the platform."""


UNKNOWN = TaskFacts()


class Tasks:
    """The tasks met so far; memory is bounded, and a task that was forgotten is asked for again."""

    def __init__(self, admin: Admin, most: int = 1024) -> None:
        """Take the flyteadmin to ask, and how many tasks to remember."""
        self._admin = admin
        self._most = most
        self._known: OrderedDict[tuple[str, str, str, str], TaskFacts] = OrderedDict()

    def facts(self, identifier: Any) -> TaskFacts:
        """Return what is known of a task (an ``Identifier`` of flyteidl).

        One that is gone, is hidden from this login, or was never registered (a map's elements have made-up names), is
        unknown.

        Raises:
            FlyteUnreachable: flyteadmin cannot be asked any more.
        """
        key = (identifier.project, identifier.domain, identifier.name, identifier.version)
        if not all(key):
            return UNKNOWN
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        facts = self._ask(identifier, "/".join(key))
        self._known[key] = facts
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return facts

    def _ask(self, identifier: Any, name: str) -> TaskFacts:
        try:
            found = self._admin.call("get_task", common_pb2.ObjectGetRequest(id=identifier), f"task {name}")
        except (FlyteNotFound, FlyteForbidden, FlyteRefused):
            return UNKNOWN
        template = found.closure.compiled_task.template
        if not template.HasField("metadata"):
            return UNKNOWN
        metadata = template.metadata
        told = metadata.WhichOneof("interruptible_value") is not None
        retries = int(metadata.retries.retries) if metadata.HasField("retries") else None
        return TaskFacts(retries, bool(metadata.interruptible) if told else None)
