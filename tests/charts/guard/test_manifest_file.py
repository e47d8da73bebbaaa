"""The manifest for those without Helm."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.charts.rendering import NAMESPACE, Chart, helm
from tests.paths import ROOT

FILE = ROOT / "charts" / "podtriage-guard.yaml"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import manifest

    yield manifest
    sys.modules.pop("manifest")


def test_it_is_what_the_chart_makes_now(tool: Any) -> None:
    assert FILE.read_text(encoding="utf-8") == tool.render(helm()), "python3 tools/manifest.py"


def test_it_has_every_object_of_the_chart_and_observes_only(chart: Chart) -> None:
    objects = [one for one in yaml.safe_load_all(FILE.read_text(encoding="utf-8")) if one]
    names = [[(one["kind"], one["metadata"]["name"]) for one in many] for many in (objects, chart.render())]
    assert names[0] == names[1]
    rights = {verb for one in objects for rule in one.get("rules", ()) for verb in rule["verbs"]}
    assert not rights & {"patch", "delete"}
    assert {one["metadata"].get("namespace", NAMESPACE) for one in objects} == {NAMESPACE}
