"""``podtriage audit``: attempts and pods, as lines or as a document."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

LIMITED = 'Back-off pulling image "docker.io/a/b:1": ErrImagePull: 429 Too Many Requests'
MISSING = 'failed to resolve reference "docker.io/a/b:2": docker.io/a/b:2: not found'
Run = Callable[..., Result]


def attempts(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


WRONGED = {"kind": "USER", "code": "ContainersNotReady|ImagePullBackOff", "message": LIMITED, "task": "t.train"}
RIGHT = {"kind": "USER", "message": MISSING, "task": "t.train"}
WRONGLY_SYSTEM = {"kind": "SYSTEM", "code": "Interrupted", "message": "terminated with exit code (1). Reason [Error]"}
UNKNOWN = {"kind": "USER", "code": "Odd", "message": "nobody knows this", "task": "t.other"}


def test_the_headline_counts_what_users_paid_for_the_platform(run: Run) -> None:
    result = run("audit", "-", input=attempts(WRONGED, WRONGED, RIGHT, WRONGLY_SYSTEM, UNKNOWN))
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "2 of 5 failed attempts were wrongly charged to user retries"
    text = " ".join(result.stdout.split())
    assert "1 was wrongly charged to system retries" in text
    assert "1 has an unknown cause and is counted separately, never as SYSTEM" in text
    assert "Based on error messages only" in text


def test_json_has_every_table(run: Run) -> None:
    answer = json.loads(run("audit", "-", "--json", input=attempts(WRONGED, RIGHT, UNKNOWN)).stdout)
    assert answer["total"] == {
        "name": "all",
        "attempts": 3,
        "user_paid": 3,
        "system_paid": 0,
        "user_wronged": 1,
        "system_wronged": 0,
        "unknown": 1,
    }
    assert {row["name"] for row in answer["by_category"]} == {"registry_rate_limited", "not_found", "unknown"}
    assert [row["name"] for row in answer["by_task"]] == ["t.train", "t.other"]
    assert [row["name"] for row in answer["by_registry"]] == ["docker.io"]
    assert answer["examples"][0]["category"] == "registry_rate_limited"


def test_one_is_told_as_one(run: Run) -> None:
    result = run("audit", "-", input=attempts(WRONGED))
    assert result.stdout.startswith("1 of 1 failed attempt was wrongly charged to user retries")


def test_the_last_error_of_an_exhausted_node_names_the_budget_that_was_empty(run: Run) -> None:
    """Propeller ends it with the kind USER, whoever's failure it was."""
    message = f"[3/3] currentAttempt done. Last Error: SYSTEM::{LIMITED}"
    row = {"kind": "USER", "code": "RetriesExhausted|Interrupted", "message": message}
    answer = json.loads(run("audit", "-", "--json", input=attempts(row)).stdout)
    assert (answer["total"]["system_paid"], answer["total"]["user_wronged"]) == (1, 0)


def test_pods_are_judged_by_both(run: Run, limited: dict[str, Any]) -> None:
    late = {"pod": limited["pod"], "events": limited["events"], "now": "2026-11-23T15:28:00Z"}
    early = {**late, "now": "2026-11-23T15:25:00Z"}
    answer = json.loads(run("audit", "-", "--json", input=attempts(late, early)).stdout)
    assert (answer["total"]["attempts"], answer["total"]["user_wronged"], answer["not_failed"]) == (1, 1, 1)
    assert answer["from_text"] is False
    assert answer["by_task"][0]["name"] == "train-pipeline-step"
    newer = json.loads(run("audit", "-", "--json", "--backend", "flyte-2", input=attempts(late, early)).stdout)
    assert (newer["total"]["system_paid"], newer["total"]["user_wronged"]) == (1, 0)


def test_a_document_of_pods_will_do(run: Run, limited: dict[str, Any]) -> None:
    document = json.dumps({"kind": "List", "items": [limited["pod"], *limited["events"]]}, indent=2)
    result = run("audit", "-", "--now", "2026-11-23T15:28:00Z", input=document)
    assert result.stdout.startswith("1 of 1 failed attempt was wrongly charged")


def test_stories_will_do(run: Run, stories: dict[str, Any]) -> None:
    text = attempts(*(story for key, story in stories.items() if key.startswith(("preempted", "oom-main"))))
    answer = json.loads(run("audit", "-", "--json", input=text).stdout)
    assert {row["name"]: row["user_wronged"] for row in answer["by_category"]} == {"preempted": 4, "oom": 0}


def test_a_bad_line_is_told_at_the_end_and_the_rest_is_counted(run: Run) -> None:
    text = attempts(WRONGED) + '{"kind": "ME", "message": "x"}\n{"a": 1}\n{"kind"\n' + attempts(RIGHT)
    result = run("audit", "-", input=text)
    assert result.exit_code == 2
    assert result.stdout.startswith("1 of 2 failed attempts was wrongly charged")
    assert result.stderr.splitlines() == [
        "podtriage audit: could not read 3 lines; first: stdin, line 2: invalid kind 'ME'; "
        "expected one of USER, SYSTEM, UNKNOWN or Pod"
    ]


def test_empty_lines_between_are_no_harm(run: Run) -> None:
    assert run("audit", "-", input=attempts(WRONGED) + "\n" + attempts(RIGHT)).exit_code == 0


def test_an_attempt_that_did_not_fail_is_not_counted(run: Run) -> None:
    answer = json.loads(run("audit", "-", "--json", input=attempts(WRONGED, {"message": "", "code": ""})).stdout)
    assert (answer["total"]["attempts"], answer["not_failed"]) == (1, 1)


def test_the_page_has_the_headline_and_no_address(run: Run) -> None:
    page = run("audit", "-", "--html", "-", input=attempts(WRONGED, {**RIGHT, "task": "<b>x</b>"})).stdout
    assert "1 of 2 failed attempts was wrongly charged to user retries" in page
    assert "<b>" not in page
    assert "src=" not in page
    assert "href=" not in page


def test_ones_own_rules_count(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        '[[rule]]\nid="mine"\ncategory="mine"\nkind="SYSTEM"\nmeans="m"\nremedy="r"\nphrases=["nobody knows this"]\n'
    )
    answer = json.loads(run("audit", "-", "--json", "--rules", path, input=attempts(UNKNOWN)).stdout)
    assert (answer["total"]["unknown"], answer["total"]["user_wronged"]) == (0, 1)


@pytest.mark.parametrize("count", [1, 30_000])
def test_a_long_input_is_counted(run: Run, count: int, tmp_path: Path) -> None:
    path = tmp_path / "attempts.jsonl"
    with open(path, "w") as file:
        file.writelines(
            json.dumps({**WRONGED, "task": f"task-{number}", "execution": f"e{number}"}) + "\n"
            for number in range(count)
        )
    answer = json.loads(run("audit", "--json", path).stdout)
    assert answer["total"]["user_wronged"] == count
    assert len(answer["by_task"]) <= 2001
    assert sum(row["attempts"] for row in answer["by_task"]) == count
    assert len(answer["examples"]) <= 3
