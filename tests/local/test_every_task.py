"""The setting ``tasks``: a file that knows nothing of podtriage is registered and run as it is."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from flytekit import PythonFunctionTask
from flytekit.configuration import FastSerializationSettings, ImageConfig, SerializationSettings
from flytekit.configuration.file import FLYTECTL_CONFIG_ENV_VAR_OVERRIDE
from flytekit.core.context_manager import FlyteEntities
from flytekit.core.local_cache import LocalTaskCache
from flytekit.core.python_function_task import AsyncPythonFunctionTask
from flytekit.core.task import TaskPlugins
from flytekit.tools.translator import get_serializable

from flytekitplugins_podtriage import plugin
from flytekitplugins_podtriage.flyte.task import MARKER, TASK_TYPE
from flytekitplugins_podtriage.local import adoption, every_task
from flytekitplugins_podtriage.local.task_data import PodTriageUserError
from tests.local.watched_runs import HERE, Runs

SETTINGS = SerializationSettings(ImageConfig.auto_default_image(), project="p", domain="d", version="v")
LEFT = "say_all orchestrated shell".split()
OURS = "square say templated remembered with_secret doubled written with_deck awaited scaled squares".split()


def load(monkeypatch: pytest.MonkeyPatch, tasks: str | None) -> Any:
    """Import the file of plain workflows anew, with this setting."""
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.delitem(sys.modules, "plain_workflows", raising=False)
    if tasks is not None:
        monkeypatch.setenv(plugin.TASKS_VARIABLE, tasks)
    before = len(FlyteEntities.entities)
    module = importlib.import_module("plain_workflows")
    vars(module)["ENTITIES"] = FlyteEntities.entities[before:]
    return module


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The file with the setting ``all``; flytekit forgets it after the test."""
    module = load(monkeypatch, "all")
    yield module
    forget(module)


def forget(module: Any) -> None:
    for entity in module.ENTITIES:
        FlyteEntities.entities.remove(entity)
    sys.modules.pop("plain_workflows", None)


def template(entity: Any, settings: SerializationSettings = SETTINGS) -> Any:
    return get_serializable(OrderedDict(), settings, entity).template


def test_without_the_setting_flytekits_own_tasks_are_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = tmp_path / "config.yaml"
    empty.write_text("podtriage: {system-reserve: 2}", encoding="utf-8")
    monkeypatch.setenv("FLYTECTL_CONFIG", str(empty))

    module = load(monkeypatch, None)

    assert TaskPlugins.find_pythontask_plugin(type(None)) is PythonFunctionTask
    assert {type(getattr(module, name)) for name in OURS} == {PythonFunctionTask, AsyncPythonFunctionTask}
    forget(module)


@pytest.mark.parametrize(
    ("name", "text"),
    [("config.yaml", "podtriage:\n  tasks: all\n"), ("config", "[podtriage]\ntasks = all\n")],
)
def test_the_setting_may_stand_in_the_configuration_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, text: str
) -> None:
    config = tmp_path / name
    config.write_text(text, encoding="utf-8")
    # As `pyflyte -c FILE` does, after flytekit is imported and has looked for its file.
    monkeypatch.setenv(FLYTECTL_CONFIG_ENV_VAR_OVERRIDE, str(config))
    module = load(monkeypatch, None)

    assert module.square.task_type == TASK_TYPE
    forget(module)


@pytest.mark.parametrize(
    ("tasks", "ours"),
    [
        ("marked", []),
        ("square", ["square"]),
        ("plain_workflows.s*", ["square", "say", "scaled", "squares"]),
        ("*ed,say", ["say", "templated", "remembered", "doubled", "awaited", "scaled"]),
        ("quare, workflows.say", []),
    ],
)
def test_a_pattern_is_of_the_name_or_its_end(monkeypatch: pytest.MonkeyPatch, tasks: str, ours: list[str]) -> None:
    module = load(monkeypatch, tasks)

    assert {name for name in OURS if getattr(module, name).task_type == TASK_TYPE} == set(ours)
    forget(module)


def test_a_wrong_value_is_an_error_where_the_first_task_is_defined(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="FLYTE_PODTRIAGE_TASKS: invalid value 'all,square'; allowed: marked, all, or"):
        load(monkeypatch, "all,square")


@pytest.mark.parametrize("name", OURS)
def test_a_plain_task_is_registered_as_podtriages_with_all_that_it_says(plain: Any, name: str) -> None:
    entity = getattr(plain, name)
    serialized = template(entity)

    assert (serialized.type, serialized.container) == (TASK_TYPE, None)
    assert serialized.k8s_pod.pod_spec["containers"][0]["image"] == plain.IMAGE
    assert {item["name"]: item["value"] for item in serialized.k8s_pod.pod_spec["containers"][0]["env"]}[
        plugin.TASKS_VARIABLE
    ] == "all"
    assert serialized.id.name == f"plain_workflows.{name}"


def test_retries_resources_templates_environments_and_secrets_are_kept(plain: Any) -> None:
    square, templated, remembered, secret = map(
        template, (plain.square, plain.templated, plain.remembered, plain.with_secret)
    )

    assert square.metadata.retries.retries == 1
    (container,) = square.k8s_pod.pod_spec["containers"]
    assert container["resources"]["requests"] == {"cpu": "1", "memory": "200Mi"}
    assert {"name": "COLOUR", "value": "green"} in container["env"]
    assert templated.config == {"primary_container_name": "mine"}
    assert templated.k8s_pod.metadata.labels == {"team": "a"}
    assert remembered.metadata.discoverable
    assert [one.key for one in secret.security_context.secrets] == ["password"]


def test_fast_registration_changes_the_command_only(plain: Any) -> None:
    fast = FastSerializationSettings(enabled=True, distribution_location="s3://b/x.tgz", destination_dir="/root")
    serialized = template(plain.square, SETTINGS.new_builder().with_fast_serialization_settings(fast).build())

    assert serialized.k8s_pod.pod_spec["containers"][0]["args"][0] == "pyflyte-fast-execute"


def test_a_task_without_outputs_tells_the_connector_that_its_image_may_not_write_the_marker(plain: Any) -> None:
    assert list(template(plain.say).interface.outputs) == [MARKER]
    assert template(plain.say).custom == {"marker": True}
    assert template(plain.square).custom == {}


def test_map_tasks_are_registered_byte_by_byte_as_without_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    def mapped(tasks: str) -> list[Any]:
        module = load(monkeypatch, tasks)
        nodes = [node for node in module.everything.nodes if "map_" in node.flyte_entity.name]
        both = [[template(node.flyte_entity).to_flyte_idl(), node.flyte_entity.execution_mode] for node in nodes]
        names = [entity.name for entity in module.ENTITIES if hasattr(entity, "name")]
        forget(module)
        assert len(both) == 2
        return [*both, sorted(names)]

    assert mapped("all") == mapped("marked")


@pytest.mark.parametrize("name", LEFT)
def test_what_cannot_be_podtriages_is_left_as_it_is(plain: Any, name: str) -> None:
    assert template(getattr(plain, name)).type != TASK_TYPE


def test_the_summary_of_a_registration_counts_and_gives_reasons(
    plain: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(FlyteEntities, "entities", plain.ENTITIES)
    monkeypatch.setattr(every_task, "_announced", set())

    with click.Context(click.Command("register")):
        for _ in range(2):
            get_serializable(OrderedDict(), SETTINGS, plain.everything)

    maps = [entity.name.rpartition(".")[2] for entity in plain.ENTITIES if "map_" in getattr(entity, "name", "")]
    assert capsys.readouterr().err.splitlines() == [
        "podtriage (tasks: all): 11 tasks run as PodTriage tasks, 5 stay as they are",
        "  11 by the setting: square, say, templated, remembered, with_secret, ...",
        "  1 dynamic without outputs, which needs task_config=PodTriage() and podtriage in its image: say_all",
        "  1 eager, which flytekit gives no configuration: orchestrated",
        "  2 mapped, which Flyte 1.16 cannot do with a connector's task: " + ", ".join(maps),
        "  1 of another type, ShellTask: shell",
    ]


def test_a_plain_workflow_runs_in_attempts_with_the_same_result(
    plain: Any, runs: Runs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("flytekit.core.local_cache.CACHE_LOCATION", str(tmp_path / "cache"))
    monkeypatch.setattr(LocalTaskCache, "_initialized", False)
    runs.plan("docker.io: 429 for 1m", compare=False)

    assert plain.everything(n=3) == ([0, 1, 4], [0, 1, 16], [0, 2, 8], 4, plain.Point(2, 1))

    names = [run.task.rpartition(".")[2] for run, _ in runs]
    assert names == ["say", "square", "square", "square", "squares", "say", "say", "remembered", "templated"]
    LocalTaskCache._cache.close()
    monkeypatch.setattr(LocalTaskCache, "_initialized", False)


def test_frames_files_secrets_decks_and_coroutines_run_in_attempts(
    plain: Any, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_FSEC_DB_PASSWORD", "four")

    assert plain.with_secret() == 4
    assert plain.doubled(frame=plain.Frame([["1", "2"]])) == [["1", "2"], ["1", "2"]]
    assert Path(plain.written(text="text")).read_text(encoding="utf-8") == "text"
    assert plain.with_deck(n=1) == 1
    assert asyncio.run(plain.awaited(n=1)) == 11
    assert len(runs) == 5


@pytest.mark.usefixtures("warm_bodies")
def test_bodies_in_processes_of_their_own_write_the_marker_too(plain: Any, runs: Runs) -> None:
    runs.plan("", bodies="process")

    assert plain.say(text="hello") is None
    with pytest.raises(PodTriageUserError, match="ValueError: no text"):
        plain.say(text="")


def test_the_plugin_and_the_tasks_name_the_same_variable() -> None:
    assert adoption.TASKS_VARIABLE == plugin.TASKS_VARIABLE


def package(tmp_path: Path, tasks: str) -> subprocess.CompletedProcess[str]:
    """Package the file as `pyflyte` does, with this setting."""
    config = tmp_path / "config.yaml"
    config.write_text(f"podtriage: {{tasks: '{tasks}'}}", encoding="utf-8")
    command = "-c config.yaml --pkgs plain_workflows package --source . --output out.tgz --image docker.io/acme/a:1"
    (tmp_path / "plain_workflows.py").write_bytes((HERE / "plain_workflows.py").read_bytes())
    return subprocess.run(
        [sys.executable, "-m", "flytekit.clis.sdk_in_container.pyflyte", *command.split()],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_pyflyte_packages_the_file_and_says_how_many_of_each(tmp_path: Path) -> None:
    done = package(tmp_path, "s*")

    assert done.returncode == 0, done.stderr
    assert "podtriage (tasks: s*): 4 tasks run as PodTriage tasks, 12 stay as they are" in done.stderr
    assert done.stderr.count("podtriage (tasks:") == 1
    assert json.dumps(done.stdout).count("Successfully packaged") == 1


def test_patterns_that_match_no_task_are_a_warning(tmp_path: Path) -> None:
    done = package(tmp_path, "al")

    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("podtriage")] == [
        "podtriage (tasks: al): warning: no task has a name that matches; allowed: marked, all, or patterns of names "
        "separated by commas"
    ]
