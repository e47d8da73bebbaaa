"""What ``import flytekit`` pays for this package being installed."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import pytest

from tests.packaging.python_process import printed_json

NAME = "flytekitplugins_podtriage"

# flytekit is imported while it sees no plugin at all; then the entry point is loaded, cold, a few times.
LOADING = """
import json, sys, time
from importlib import metadata

[ours] = [point for point in metadata.entry_points(group="flytekit.plugins") if point.name == "podtriage"]
real, metadata.entry_points = metadata.entry_points, lambda **_: metadata.EntryPoints(())
import flytekit
metadata.entry_points = real

before = set(sys.modules)
seconds = []
for _ in range(7):
    for name in [name for name in sys.modules if name.partition(".")[0] == "flytekitplugins_podtriage"]:
        del sys.modules[name]
    start = time.perf_counter()
    ours.load()
    seconds.append(time.perf_counter() - start)
print(json.dumps({"seconds": seconds, "added": sorted(set(sys.modules) - before)}))
"""


@pytest.fixture(scope="module")
def loading() -> Any:
    return printed_json(LOADING)


def test_flytekit_finds_the_plugin_once() -> None:
    values = [point.value for point in entry_points(group="flytekit.plugins") if point.name == "podtriage"]
    assert values == [f"{NAME}.plugin"]


def test_loading_the_entry_point_takes_at_most_5_ms(loading: Any) -> None:
    assert min(loading["seconds"]) <= 0.005


def test_loading_the_entry_point_imports_the_plugin_and_nothing_else(loading: Any) -> None:
    assert loading["added"] == [NAME, f"{NAME}.plugin"]


def test_importing_flytekit_loads_the_plugin_and_no_other_module_of_ours() -> None:
    loaded = printed_json("import flytekit, json, sys; print(json.dumps(sorted(sys.modules)))")
    assert [name for name in loaded if name.startswith(NAME)] == [NAME, f"{NAME}.plugin"]
