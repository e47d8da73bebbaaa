"""The entry point in the group ``flytekit.plugins``: what ``import flytekit`` loads.

flytekit loads it inside its own import and guards it with nothing: an error here would break flytekit for everyone who
has this package installed, and the time spent here is spent at every start. So it imports nothing that flytekit has not
imported already. All that it does is to register the connector by name, for ``pyflyte serve connector``; the connector
itself is loaded at the first call. Tasks need no registration: whoever writes ``PodTriage()`` has imported it.
"""

from __future__ import annotations

import sys
from typing import Any

TASK_TYPE = "podtriage"
"""As in flyte.task, which is not imported here (a test compares them)."""


class LateMeta:
    """Stands in for the connector's resource meta until it is needed."""

    @staticmethod
    def decode(data: bytes) -> Any:
        """Read a resource meta; it never raises (see ``PodMeta``)."""
        return _connector().metadata_type.decode(data)


def _connector() -> Any:
    from flytekitplugins_podtriage.connector.factory import connector

    return connector()


def register() -> None:
    """Register the connector with flytekit, unless it is or flytekit has no connectors."""
    base = sys.modules.get("flytekit.extend.backend.base_connector")
    if base is None:  # another flytekit, or none: nothing serves connectors here
        return

    class LateConnector(base.AsyncConnectorBase):  # type: ignore[name-defined,misc]
        """The connector as flytekit knows it: every call goes to the real one."""

        name = "PodTriage Connector"

        async def create(self, **kwargs: Any) -> Any:
            return await _connector().create(**kwargs)

        async def get(self, **kwargs: Any) -> Any:
            return await _connector().get(**kwargs)

        async def delete(self, **kwargs: Any) -> Any:
            return await _connector().delete(**kwargs)

        async def get_logs(self, **kwargs: Any) -> Any:
            return await _connector().get_logs(**kwargs)

    registry = base.ConnectorRegistry
    connector = LateConnector(metadata_type=LateMeta, task_type_name=TASK_TYPE)
    if connector.task_category not in registry._REGISTRY:  # noqa: SLF001  # its get_connector raises instead
        registry.register(connector)


register()
