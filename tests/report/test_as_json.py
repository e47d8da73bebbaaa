"""The JSON of the commands has the keys that docs/json.md tells of, and no others."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from typing import Any

import pytest

from flytekitplugins_podtriage import diagnose, triage
from flytekitplugins_podtriage.core.accounting import Failure, Limits
from flytekitplugins_podtriage.core.attempt_history import Attempt
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.task_runs import AttemptRecord, TaskRun
from flytekitplugins_podtriage.report.as_json import audit_json, explanation_json, history_json, plan_json, runs_json
from flytekitplugins_podtriage.report.audit import Entry, Tally
from flytekitplugins_podtriage.report.history import build_history
from tests.paths import ROOT
from tests.report.explanations import explained

PAGE = (ROOT / "docs" / "json.md").read_text()
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:]}
NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
VERDICT = SECTIONS["`triage`: a verdict"]


def documented(section: str) -> set[str]:
    return set(re.findall(r"`([a-z_]+)`", section))


def keys(value: object) -> set[str]:
    """The keys of a value and of what is in it."""
    if isinstance(value, dict):
        return set(value).union(*map(keys, value.values()))
    return set().union(*map(keys, value)) if isinstance(value, list) else set()


def test_a_verdict_has_the_keys_of_the_page() -> None:
    answer = json.loads(triage({"kind": "Pod"}, now=NOON).to_json())
    assert set(answer) == set(re.findall(r"`([a-z_]+)`", "\n".join(re.findall(r"^\| (.*?) \|", VERDICT, re.MULTILINE))))


def test_a_diagnosis_has_the_keys_of_the_page() -> None:
    answer = keys(json.loads(diagnose("429 Too Many Requests").to_json()))
    assert answer <= documented(SECTIONS["`diagnose`: a diagnosis"] + VERDICT)


@pytest.mark.parametrize("scenario", ["pull-429-hub-manifest", "exit-0", "unschedulable-selector", "oom-main"])
def test_an_explanation_has_the_keys_of_the_page(scenario: str) -> None:
    data = explanation_json(explained(scenario))
    assert b"\n" not in data
    answer: dict[str, Any] = json.loads(data)
    section = SECTIONS["`explain`: a pod"]
    assert keys(answer) <= documented(section + VERDICT)
    assert set(answer) <= documented(section) | {"schema"}
    assert answer["schema"] == 1


def test_a_history_has_the_keys_of_the_page() -> None:
    answer = json.loads(
        history_json(
            build_history(
                "e", "p d", [Attempt(message="429 Too Many Requests", reported=ErrorKind.USER, node="n0", failed=True)]
            )
        )
    )
    section = SECTIONS["`explain`: a past execution"]
    assert keys(answer) <= documented(section + VERDICT)
    assert set(answer) | set(answer["attempts"][0]) <= documented(section) | {"schema"}


def test_an_audit_has_the_keys_of_the_page() -> None:
    tally = Tally()
    tally.add(Entry(ErrorKind.USER, ErrorKind.SYSTEM, "evicted", "task", "registry", "where", "said"))
    answer = json.loads(audit_json(tally.result("x")))
    assert keys(answer) <= documented(SECTIONS["`audit`"]) | {"schema"}


def test_runs_have_the_keys_of_the_page() -> None:
    verdict = triage({"kind": "Pod"}, now=NOON)
    failure = Failure(ErrorKind.SYSTEM, "Interrupted", "why")
    one = AttemptRecord(
        number=1,
        pod="pod",
        began=NOON,
        ended=NOON,
        verdict=verdict,
        failure=failure,
        charged=ErrorKind.SYSTEM,
        recovered_from=verdict,
    )
    run = TaskRun(task="task", backend="connector", limits=Limits(), attempts=(one,), succeeded=False, final=failure)
    answer = json.loads(runs_json([(run, ())], "why"))
    section = SECTIONS["`rehearse`"]
    first = set(re.findall(r"`([a-z_]+)`", "\n".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE))))
    assert keys(answer) <= documented(section + VERDICT)
    assert first == {*answer, *answer["backends"][0], *answer["runs"][0], *answer["runs"][0]["attempts"][0]} - {
        "schema"
    }


def test_what_the_page_tells_of_is_there() -> None:
    answer = json.loads(explanation_json(explained("pull-429-hub-manifest", at=150)))
    first_cells = re.findall(r"^\| (`.*?) \|", SECTIONS["`explain`: a pod"], re.MULTILINE)
    assert set(re.findall(r"`([a-z_]+)`", "\n".join(first_cells))) <= keys(answer)


def test_a_check_of_a_plan_has_the_keys_of_the_page() -> None:
    answer = json.loads(plan_json("faults.plan", ["pull: 429"], ["an error"], ["a warning"]))
    assert set(answer) == documented(SECTIONS["`plan check`"]) | {"schema"}
