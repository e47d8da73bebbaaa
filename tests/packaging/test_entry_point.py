"""What ``import flytekit`` pays for this package being installed."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import pytest

from tests.packaging.python_process import printed_json

NAME = "flytekitplugins_podtriage"

# flytekit is imported while it sees no plugin at all; then the entry point is loaded, cold, a few times.
LOADING = """
import json, sys, tempfile, time
from importlib import metadata

compiled = tempfile.TemporaryDirectory()
sys.pycache_prefix, sys.dont_write_bytecode = compiled.name, False  # as Python does unless it is told otherwise
[ours] = [point for point in metadata.entry_points(group="flytekit.plugins") if point.name == "podtriage"]
real, metadata.entry_points = metadata.entry_points, lambda **_: metadata.EntryPoints(())
import flytekit
metadata.entry_points = real

before = set(sys.modules)
seconds = []
for _ in range(15):
    for name in [name for name in sys.modules if name.partition(".")[0] == "flytekitplugins_podtriage"]:
        del sys.modules[name]
    start = time.thread_time()  # what this process needs, not what others take from it
    ours.load()
    seconds.append(time.thread_time() - start)
print(json.dumps({"seconds": seconds, "added": sorted(set(sys.modules) - before)}))
"""


@pytest.fixture(scope="module")
def loading() -> Any:
    return printed_json(LOADING)


def test_flytekit_finds_the_plugin_once() -> None:
    values = [point.value for point in entry_points(group="flytekit.plugins") if point.name == "podtriage"]
    assert values == [f"{NAME}.plugin"]


def test_loading_the_entry_point_takes_at_most_1_ms(loading: Any) -> None:
    assert min(loading["seconds"]) <= 0.001


def test_loading_the_entry_point_imports_the_plugin_and_nothing_else(loading: Any) -> None:
    assert loading["added"] == [NAME, f"{NAME}.plugin"]


def test_importing_flytekit_loads_the_plugin_and_no_other_module_of_ours() -> None:
    loaded = printed_json("import flytekit, json, sys; print(json.dumps(sorted(sys.modules)))")
    assert [name for name in loaded if name.startswith(NAME)] == [NAME, f"{NAME}.plugin"]


# With the setting off, neither a plain task nor what flytekit finds for it is anything else than without this package.
DEFINING = """
import json, linecache, sys
from flytekit import PythonFunctionTask, dynamic, task, workflow
from flytekit.core.task import TaskPlugins

source = "@task\\ndef plain(n: int) -> int:\\n    return n\\n"
linecache.cache["plain"] = (len(source), None, source.splitlines(True), "plain")
exec(compile(source, "plain", "exec"))
found = TaskPlugins.find_pythontask_plugin(type(None))
print(json.dumps([type(plain) is found is PythonFunctionTask, sorted(sys.modules)]))
"""


def test_defining_a_plain_task_loads_no_other_module_of_ours_while_the_setting_is_off() -> None:
    same, loaded = printed_json(DEFINING)

    assert same
    assert [name for name in loaded if name.startswith(NAME)] == [NAME, f"{NAME}.plugin"]
