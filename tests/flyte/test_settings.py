from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import attrs
import pytest

from flytekitplugins_podtriage.core.errors import InvalidSettings
from flytekitplugins_podtriage.flyte.settings import Settings, read_settings
from tests.paths import ROOT


def file(folder: Path, text: str, name: str = "config.yaml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FLYTECTL_CONFIG", file(tmp_path, "admin: {}", "empty.yaml"))


def test_without_any_setting_there_are_the_defaults() -> None:
    assert read_settings(environ={}) == Settings()


def test_arguments_go_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    config = file(tmp_path, "podtriage: {system-reserve: 2, user-patience: 1m, system-patience: 2m}")
    environ = {"FLYTE_PODTRIAGE_USER_PATIENCE": "3m", "FLYTE_PODTRIAGE_SYSTEM_PATIENCE": "4m", "OTHER": "x"}

    settings = read_settings({"system_patience": 5, "rules": None}, environ=environ, config_file=config)

    assert (settings.system_reserve, settings.user_patience, settings.system_patience) == (2, 180.0, 5.0)


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("podtriage:\n  max-system-failures: 0\n  compare: false\n", "config.yaml", (0, False)),
        ("podtriage:\n  max_system_failures: '7'\n", "config.yaml", (7, True)),
        ("[podtriage]\nmax-system-failures = 4\ncompare = off\n", "config", (4, False)),
        ("[other]\na = 1\n", "config", (3, True)),
        ("podtriage:\n", "config.yaml", (3, True)),
    ],
)
def test_both_forms_of_the_file_are_read(tmp_path: Path, text: str, name: str, expected: tuple[int, bool]) -> None:
    settings = read_settings(environ={}, config_file=file(tmp_path, text, name))

    assert (settings.max_system_failures, settings.compare) == expected


@pytest.mark.parametrize("text", ["90", "90.0", " 90 ", "90s", "1m30s"])
def test_a_number_of_seconds_is_taken_in_the_environment_as_in_yaml(tmp_path: Path, text: str) -> None:
    config = file(tmp_path, f"podtriage: {{user-patience: {text.strip()}}}")

    assert read_settings(environ={"FLYTE_PODTRIAGE_USER_PATIENCE": text}).user_patience == 90
    assert read_settings(environ={}, config_file=config).user_patience == 90


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (
            {"environ": {"FLYTE_PODTRIAGE_SYSTEM_RESERV": "1"}},
            r"FLYTE_PODTRIAGE_SYSTEM_RESERV: unknown setting .*allowed:",
        ),
        (
            {"environ": {"FLYTE_PODTRIAGE_SYSTEM_RESERVE": "0"}},
            r"FLYTE_PODTRIAGE_SYSTEM_RESERVE: invalid number '0'; allowed: 1 to 1000",
        ),
        ({"environ": {"FLYTE_PODTRIAGE_USER_PATIENCE": "soon"}}, "FLYTE_PODTRIAGE_USER_PATIENCE: .*soon"),
        ({"environ": {"FLYTE_PODTRIAGE_USER_PATIENCE": "-1s"}}, "FLYTE_PODTRIAGE_USER_PATIENCE: "),
        ({"environ": {"FLYTE_PODTRIAGE_USER_PATIENCE": "-1"}}, "FLYTE_PODTRIAGE_USER_PATIENCE: "),
        ({"environ": {"FLYTE_PODTRIAGE_USER_PATIENCE": "nan"}}, "FLYTE_PODTRIAGE_USER_PATIENCE: "),
        ({"yaml": "podtriage: {user-patience: true}"}, "user-patience: invalid duration True; allowed: a number"),
        ({"environ": {"FLYTE_PODTRIAGE_TASKS": ""}}, "invalid value ''; allowed: marked, all, or patterns"),
        ({"environ": {"FLYTE_PODTRIAGE_TASKS": "a, b c"}}, "invalid value 'b c'; allowed: marked"),
        ({"yaml": "podtriage: {tasks: [marked, a]}"}, "tasks: invalid value .*; allowed: marked"),
        ({"environ": {"FLYTE_PODTRIAGE_COMPARE": "perhaps"}}, "allowed: true, false"),
        ({"environ": {"FLYTE_PODTRIAGE_BODIES": "thread"}}, "allowed: process, inline"),
        ({"arguments": {"colour": 1}}, "arguments: unknown setting 'colour'"),
        ({"arguments": {"run_on": "flyte-3"}}, "argument run_on: invalid value 'flyte-3'; allowed: connector"),
        ({"yaml": "podtriage: {patience: 1m}"}, "section podtriage .*unknown setting 'patience'"),
        ({"yaml": "podtriage: [a]"}, r"invalid value \['a'\]; allowed: a table with user-patience, "),
        ({"yaml": "podtriage: {system-reserve: true}"}, "system-reserve: invalid number True"),
        ({"yaml": "podtriage: {rules: 3}"}, "rules: invalid value 3; allowed: text"),
    ],
)
def test_what_is_unknown_or_not_allowed_is_refused_in_a_line(
    tmp_path: Path, sources: dict[str, Any], message: str
) -> None:
    text = sources.pop("yaml", "admin: {}")
    with pytest.raises(InvalidSettings, match=message) as refused:
        read_settings(**{"environ": {}, **sources}, config_file=file(tmp_path, text))

    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "variable",
    [
        "FLYTE_PODTRIAGE_CONNECTOR_SERVICE_HOST",
        "FLYTE_PODTRIAGE_CONNECTOR_SERVICE_PORT",
        "FLYTE_PODTRIAGE_CONNECTOR_SERVICE_PORT_GRPC",
        "FLYTE_PODTRIAGE_CONNECTOR_PORT",
        "FLYTE_PODTRIAGE_CONNECTOR_PORT_8000_TCP",
        "FLYTE_PODTRIAGE_CONNECTOR_PORT_8000_TCP_ADDR",
        "FLYTE_PODTRIAGE_SERVICE_HOST",
    ],
)
def test_a_service_of_kubernetes_whose_name_begins_like_a_setting_is_no_setting(variable: str) -> None:
    assert read_settings(environ={variable: "10.0.0.1"}) == Settings()


def test_every_setting_is_in_the_document_with_its_default_and_no_other_is() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `([a-z-]+)` \| (?:`([^`]*)`)? ?\|", text, re.MULTILINE))
    assert {name.replace("-", "_") for name in documented} == {field.name for field in attrs.fields(Settings)}
    given = {name.replace("-", "_"): value for name, value in documented.items() if value}
    assert read_settings(given, environ={}) == Settings()
