"""The entry point in the group ``flytekit.plugins``: what ``import flytekit`` loads.

flytekit loads it inside its own import and guards it with nothing: an error here would break flytekit for everyone who
has this package installed, and the time spent here is spent at every start. So it imports nothing that flytekit has not
imported already. It does two things. It registers the connector by name, for ``pyflyte serve connector``; the connector
itself is loaded at the first call. And where flytekit chooses the class of a task without a configuration, it asks
whether the setting ``tasks`` is given; only then podtriage's tasks are loaded (docs/decisions/0005-plain-tasks.md).
"""

from __future__ import annotations

import os
import sys
from typing import Any

TASK_TYPE = "podtriage"
"""As in flyte.task, which is not imported here (a test compares them)."""
TASKS_VARIABLE = "FLYTE_PODTRIAGE_TASKS"
"""As in local.adoption, which is not imported here (a test compares them)."""
_sections: dict[tuple[object, ...], bool] = {}
"""Whether a configuration file has the setting ``tasks``, by what decides which file that is."""


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


def watch_plain_tasks() -> None:
    """Let flytekit choose podtriage's class for a task without a configuration where the setting ``tasks`` is given."""
    module = sys.modules.get("flytekit.core.task")
    if module is None or hasattr(module.TaskPlugins.find_pythontask_plugin, "podtriage"):
        return
    find = module.TaskPlugins.find_pythontask_plugin

    def find_plugin(_: Any, plugin_config_type: type) -> Any:
        plugin = find(plugin_config_type)
        if plugin_config_type is not type(None) or plugin is not module.PythonFunctionTask or not has_tasks_setting():
            return plugin
        from flytekitplugins_podtriage.local.every_task import PlainTask

        return PlainTask

    find_plugin.podtriage = True  # type: ignore[attr-defined]  # so that it is never wrapped twice
    module.TaskPlugins.find_pythontask_plugin = classmethod(find_plugin)


def has_tasks_setting() -> bool:
    """Whether the environment or Flyte's configuration file has the setting ``tasks``; its value is not checked."""
    if TASKS_VARIABLE in os.environ:
        return True
    module = sys.modules.get("flytekit.configuration.file")
    if module is None:
        return False
    # The file is parsed once for each way to find it: `pyflyte -c FILE` names it after this module is loaded.
    names = (module.FLYTECTL_CONFIG_ENV_VAR_OVERRIDE, module.FLYTECTL_CONFIG_ENV_VAR, "HOME")
    key = (*map(os.environ.get, names), os.getcwd())
    if key not in _sections:
        _sections[key] = _file_has_tasks_setting(module)
    return _sections[key]


def _file_has_tasks_setting(module: Any) -> bool:
    try:
        read = module.get_config_file
        found = getattr(read, "__wrapped__", read)(None)  # without its cache, which is older than `pyflyte -c`
        if found is None:
            return False
        if found.legacy_config is not None:
            return bool(found.legacy_config.has_option("podtriage", "tasks"))
        section = (found.yaml_config or {}).get("podtriage")
        return isinstance(section, dict) and "tasks" in section
    except Exception:  # noqa: BLE001  # a file that flytekit cannot read is flytekit's to complain about
        return False


register()
watch_plain_tasks()
