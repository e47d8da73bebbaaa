"""A name that is wrong by one letter is one line with the right one: commands, options, faults, rules and settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import click
import pytest
from click.testing import Result

from flytekitplugins_podtriage.cli.main import COMMANDS, cli
from flytekitplugins_podtriage.cli.options import duration_fields
from flytekitplugins_podtriage.core.errors import InvalidSettings
from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN
from flytekitplugins_podtriage.core.text.suggestions import did_you_mean, similar
from flytekitplugins_podtriage.flyte.settings import _FIELDS, read_settings
from flytekitplugins_podtriage.sandbox.faults.fault_types import FORMS
from flytekitplugins_podtriage.sandbox.faults.plan import Plan, PlanError
from flytekitplugins_podtriage.sandbox.faults.spelling import nearest_fault

Refused = Callable[..., str]


def misspelt(name: str) -> Iterator[str]:
    """Yield a name with a letter missing, doubled, wrong, and exchanged with its neighbour, in its middle."""
    middle = (len(name) + name.startswith("--") * 2) // 2
    yield name[:middle] + name[middle + 1 :]
    yield name[:middle] + name[middle] + name[middle:]
    yield name[:middle] + "q" + name[middle + 1 :]
    yield name[:middle] + name[middle + 1 : middle + 2] + name[middle] + name[middle + 2 :]


def _wrong(names: list[str]) -> list[tuple[str, str]]:
    return [(wrong, name) for name in names for wrong in misspelt(name) if wrong not in names]


def _options(command: click.Command) -> list[str]:
    return [name for item in command.params for name in item.opts if name.startswith("--")]


@pytest.mark.parametrize(("wrong", "right"), _wrong(list(COMMANDS)))
def test_a_command(refused: Refused, wrong: str, right: str) -> None:
    assert f"unknown command '{wrong}'; did you mean " in (error := refused(wrong))
    assert repr(right) in error.partition("expected one of")[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_of_a_command(refused: Refused, command: str) -> None:
    known = cli.get_command(click.Context(cli), command)
    assert known is not None
    for wrong, right in _wrong(_options(known)):
        error = refused(command, wrong)
        assert repr(right) in error.partition("expected one of")[0], error


def test_a_rule(refused: Refused) -> None:
    for wrong, right in _wrong([rule.id for rule in BUILT_IN][::15]):
        assert repr(right) in refused("rules", wrong).partition("expected one of")[0]


def test_every_id_of_a_rule_is_suggested_for_what_it_may_be_misspelt_as() -> None:
    ids = [rule.id for rule in BUILT_IN]
    assert [wrong for wrong, right in _wrong(ids)[::3] if right not in similar(wrong, ids)] == []


def test_a_setting_of_an_option(refused: Refused) -> None:
    for wrong, right in _wrong([name.replace("_", "-") for name in duration_fields()]):
        error = refused("triage", "--set", f"{wrong}=3m", "-")
        assert repr(right) in error.partition("expected KEY")[0], error


def test_a_setting_of_a_line(run: Callable[..., Result]) -> None:
    line = json.dumps({"pod": {}, "config": {"image_pull_backof_grace_period_s": 3}})
    answer = json.loads(run("triage", "--jsonl", input=line).stdout)
    assert "did you mean 'image_pull_backoff_grace_period_s'?" in answer["error"]


@pytest.mark.parametrize("where", ["environment", "file", "arguments"])
def test_a_setting_of_the_plugin(where: str, tmp_path: object) -> None:
    for wrong, right in _wrong(list(_FIELDS)):
        empty = f"{tmp_path}/{wrong}.yaml"  # flytekit keeps what it has read of a file
        with open(empty, "w", encoding="utf-8") as file:
            file.write(f"podtriage:\n  {wrong}: 1\n" if where == "file" else "admin: {}\n")
        environ = {f"FLYTE_PODTRIAGE_{wrong.upper()}": "1"} if where == "environment" else {}
        arguments = {wrong: 1} if where == "arguments" else {}
        with pytest.raises(InvalidSettings) as error:
            read_settings(arguments, environ=environ, config_file=empty)
        assert repr(right.replace("_", "-")) in str(error.value).partition("allowed:")[0]


@pytest.mark.parametrize("target", FORMS)
def test_the_target_of_a_fault(target: str) -> None:
    example = {"pull": "429", "sandbox": "no address", "replay": "file.jsonl"}.get(target, FORMS[target][0][2])
    line = f"{target}: {example.replace('NAME', 'x')}"
    for wrong, _ in _wrong([target]):
        with pytest.raises(PlanError) as error:
            Plan.parse(line.replace(target, wrong, 1))
        assert "did you mean '" in str(error.value)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("docker.io: not foud", "docker.io: not found"),
        ("docker.io: 429 fro 4m", "docker.io: 429 for 4m"),
        ("evry attempt pull: 429 for 3m", "every attempt pull: 429 for 3m"),
        ("tsk train attempt 1 node: lost at 30s", "task train attempt 1 node: lost at 30s"),
        ("pod: preemted by kubelet", "pod: preempted by kubelet"),
        ("volume: secret db nto found", "volume: secret db not found"),
        ("body: oom exti 1", "body: oom exit 1"),
        ("pul: 429", "pull: 429"),
    ],
)
def test_any_word_of_a_fault(line: str, meant: str) -> None:
    with pytest.raises(PlanError) as error:
        Plan.parse(line)
    assert f"did you mean {meant!r}?" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("line", ["nonsense from beginning to end", "x " * 500, "", ":", "docker.io: xyzzy"])
def test_what_resembles_nothing_is_given_no_meaning(line: str) -> None:
    assert nearest_fault(line) is None


@pytest.mark.parametrize(
    ("word", "names", "question"),
    [
        ("explian", ["explain", "audit"], " did you mean 'explain'?"),
        ("mode", ["node", "code", "rules"], " did you mean 'code' or 'node'?"),
        ("USER_PATIENSE", ["user-patience", "system-patience"], " did you mean 'user-patience'?"),
        ("xyzzy", ["explain", "audit"], ""),
        ("", ["explain"], ""),
        ("x", [], ""),
    ],
)
def test_only_names_that_are_alike_are_suggested(word: str, names: list[str], question: str) -> None:
    assert did_you_mean(word, names) == question
