"""The pages about the guard say what the code says."""

from __future__ import annotations

import ast
import json
import re

import attrs
import pytest
import yaml

from flytekitplugins_podtriage.core.guard.values import Outcome
from flytekitplugins_podtriage.guard.audit_log import AuditLine, audit_line
from flytekitplugins_podtriage.guard.metrics import METRICS
from flytekitplugins_podtriage.guard.settings_file import GuardSettings, keys, read_settings
from tests.guard.reported_acts import ACT, NOW
from tests.guard.test_audit_log import written
from tests.paths import ROOT

GUARD, RUNBOOK, THREATS = (
    (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("guard.md", "guard_runbook.md", "guard_threat_model.md")
)
ALERTS = yaml.safe_load((ROOT / "charts" / "podtriage-guard" / "files" / "alerts.yaml").read_text(encoding="utf-8"))


def test_every_setting_is_on_the_page_with_its_default_and_no_other_is() -> None:
    section = GUARD.split("\n## Settings")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([0-9a-z-]+)` \| (?:`([^`]*)`)? ?\|", section, re.MULTILINE)
    assert tuple(name for name, _ in rows) == keys()
    given: dict[str, tuple[object, str]] = {name: (value, name) for name, value in rows if value}
    assert read_settings(None, given) == GuardSettings()
    without = {name.replace("-", "_") for name, value in rows if not value}
    for field in attrs.fields(GuardSettings):
        assert (field.name in without) == (getattr(GuardSettings(), field.name) in (None, "", (), {})), field.name


def test_every_metric_is_on_the_page_as_the_code_has_it() -> None:
    rows = re.findall(r"^\| `(podtriage_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", GUARD, re.MULTILINE)
    labels = [", ".join(f"`{label}`" for label in metric.labels) or "-" for metric in METRICS]
    assert rows == [
        (metric.name, metric.type, labels_of, metric.help.removesuffix("."))
        for metric, labels_of in zip(METRICS, labels, strict=True)
    ]


def test_every_alert_is_in_the_runbook_and_no_other_is() -> None:
    named = re.findall(r"^\| `(PodtriageGuard\w+)` \|", RUNBOOK, re.MULTILINE)
    assert named == [alert["alert"] for alert in ALERTS]


def test_every_field_of_an_audit_line_is_in_the_runbook() -> None:
    table = RUNBOOK.split("## Audit lines")[1].split("| field | |")[1].split("\n\n")[0]
    fields = [field for cell in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE) for field in cell.split(", ")]
    assert {field.strip("`") for field in fields} == set(AuditLine.__struct_fields__)
    for outcome in Outcome:
        assert f"`{outcome}`" in table, outcome


def test_the_sample_of_an_audit_line_is_one_that_the_guard_writes() -> None:
    (sample,) = re.findall(r"```json\n(.*?)```", RUNBOOK, re.DOTALL)
    (line,) = written(audit_line(ACT, Outcome.ACTED, NOW, cluster="prod-eu"))
    assert json.loads(sample) == line


def threats() -> list[list[str]]:
    """Return the cells of the threat model's tables, without their heads."""
    lines = [line for line in THREATS.splitlines() if line.startswith("| ") and not line.startswith("| threat |")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize("row", threats(), ids=lambda row: str(row[0])[:40])
def test_every_line_of_the_threat_model_names_tests_that_exist(row: list[str]) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row[-1])
    assert named
    for file, test in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        defined = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
        assert test in defined, f"{file} has no {test}"
