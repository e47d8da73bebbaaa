"""The chart, and helm to render it with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.paths import ROOT

CHART: Final = ROOT / "charts" / "podtriage-connector"
RELEASE: Final = "podtriage-connector"
NAMESPACE: Final = "flyte"
IMAGE: Final = {"image": {"repository": "registry.example/podtriage-connector", "tag": "v1"}}
"""The values without which the chart is refused."""


def helm() -> Path:
    """Return helm's path; skip the test where there is none."""
    sys.path.append(str(ROOT / "tools"))
    try:
        import helm as tool
    finally:
        sys.path.remove(str(ROOT / "tools"))
    try:
        program: Path | None = tool.find(os.environ)
    except tool.NoHelm as error:
        pytest.skip(str(error))
    if program is None:
        pytest.skip(f"no helm in {tool.NAMED}, PATH or the cache; tools/helm.py builds it")
    return program


class Chart:
    """A chart as helm sees it.

    Args:
        program: helm's path.
        home: an empty folder for what helm keeps.
        folder: the chart's.
    """

    def __init__(self, program: Path, home: Path, folder: Path = CHART) -> None:
        self._program = program
        self.home = home
        self.folder = folder
        self._rendered: dict[str, str] = {}

    def run(self, command: str, *arguments: str, values: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
        """Run a command of helm with values."""
        path = self.home / "values.yaml"
        path.write_text(json.dumps(values))
        return self.call(command, *arguments, "--values", str(path))

    def call(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of helm."""
        kept = {name: str(self.home) for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HOME")}
        return subprocess.run(
            [self._program, command, *arguments],
            env={"PATH": os.environ.get("PATH", os.defpath), **kept},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def render(self, values: Mapping[str, Any] | None = None, release: str | None = None) -> list[dict[str, Any]]:
        """Return the manifests that the values make; the release has the chart's name unless another is given."""
        name, given = release or self.folder.name, {**IMAGE, **(values or {})}
        key = json.dumps([name, given], sort_keys=True)
        if key not in self._rendered:
            done = self.run("template", name, str(self.folder), "--namespace", NAMESPACE, values=given)
            assert done.returncode == 0, done.stderr
            self._rendered[key] = json.dumps([one for one in yaml.safe_load_all(done.stdout) if one])
        manifests: list[dict[str, Any]] = json.loads(self._rendered[key])  # each test has its own
        return manifests

    def refusal(self, values: Mapping[str, Any]) -> str:
        """Return what is said of values that are refused; empty: they are not."""
        done = self.run("template", RELEASE, str(self.folder), values=values)
        return done.stderr if done.returncode else ""


def of_kind(manifests: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Return the one manifest of a kind."""
    (manifest,) = (one for one in manifests if one["kind"] == kind)
    return manifest


def container(manifests: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the connector's container."""
    (spec,) = of_kind(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert isinstance(spec, dict)
    return spec


def leaves(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield the values that a schema knows, by their paths."""
    for name, inner in schema["properties"].items():
        open_ended = inner.get("additionalProperties", True) is not False
        if inner.get("type") == "object" and "properties" in inner and not open_ended:
            yield from leaves(inner, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def nested(path: str, value: Any) -> dict[str, Any]:
    """Return the values in which a path has a value."""
    for name in reversed(path.split(".")):
        value = {name: value}
    assert isinstance(value, dict)
    return value


def merged(*parts: dict[str, Any]) -> dict[str, Any]:
    """Return values put together; later ones go before earlier ones."""
    whole: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            both = isinstance(value, dict) and isinstance(whole.get(name), dict)
            whole[name] = merged(whole[name], value) if both else value
    return whole
