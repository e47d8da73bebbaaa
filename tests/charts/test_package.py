"""The chart as `helm package` makes it."""

from __future__ import annotations

import tarfile
from importlib.metadata import version
from pathlib import Path

import yaml

from tests.charts.rendering import CHART, IMAGE, NAMESPACE, Chart


def test_the_packaged_chart_is_valid_and_says_which_podtriage_it_is_for(chart: Chart, tmp_path: Path) -> None:
    done = chart.call("package", str(CHART), "--destination", str(tmp_path))
    assert done.returncode == 0, done.stderr
    [package] = tmp_path.glob("*.tgz")
    linted = chart.run("lint", str(package), "--strict", "--namespace", NAMESPACE, values=IMAGE)
    assert linted.returncode == 0, linted.stdout
    with tarfile.open(package) as file:
        described = file.extractfile("podtriage-connector/Chart.yaml")
        assert described is not None
        chart_yaml = yaml.safe_load(described.read())
        names = {entry.name.partition("/")[2] for entry in file}
    assert package.name == f"podtriage-connector-{chart_yaml['version']}.tgz"
    assert chart_yaml["appVersion"] == version("flytekitplugins-podtriage")
    assert {"values.schema.json", "files/rules.yaml", "templates/NOTES.txt"} <= names
