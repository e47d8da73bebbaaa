"""Numbers and moments beyond what a pod can know, and options that do not fit what is given."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

FAR = ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"]
COMMANDS = [["explain", "-"], ["explain", "-", "--json"], ["triage", "-"], ["triage", "-", "--backend", "flyte-2"]]


@pytest.mark.parametrize("second", ["nan", "inf", "1e300", "-1e300"])
def test_a_second_that_is_none_is_refused(refused: Callable[..., str], stories: dict[str, Any], second: str) -> None:
    error = refused("explain", "-", "--at", second, input=json.dumps(stories["oom-main@1.34.4"]))
    assert "for --at; expected seconds after the timeline's begin" in error


def test_a_second_of_what_is_no_timeline_is_refused(refused: Callable[..., str], limited: dict[str, Any]) -> None:
    assert "--at needs a recorded timeline" in refused("explain", "-", "--at", "5", input=json.dumps(limited))


@pytest.mark.parametrize("moment", FAR)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_moment_far_from_any_pod_is_refused(
    refused: Callable[..., str], limited: dict[str, Any], command: list[str], moment: str
) -> None:
    error = refused(*command, "--now", moment, input=json.dumps(limited["pod"]))
    assert "is out of range; expected a year from 1970 to 2999" in error or "invalid time" in error
    error = refused(*command, input=json.dumps({**limited, "now": moment}))
    assert error.startswith("podtriage: stdin, now: ")


@pytest.mark.parametrize("moment", FAR)
@pytest.mark.parametrize("command", [*COMMANDS, ["audit", "-"], ["explain", "-", "--now", "last"]])
def test_a_pod_whose_times_are_far_off_has_an_answer(
    run: Callable[..., Result], limited: dict[str, Any], command: list[str], moment: str
) -> None:
    for day in ("2026-11-23T15:24:19Z", "2026-11-23T15:25:44Z"):
        text = json.dumps(limited["pod"]).replace(day, moment)
        result = run(*command, input=text)
        assert result.exit_code in {0, 1} or "not a Pod" in result.stderr
        assert "internal error" not in result.stderr


@pytest.mark.parametrize("grace", [0, -1, 30, 2**40, -(2**62)])
def test_a_deletion_of_any_grace_is_told(run: Callable[..., Result], limited: dict[str, Any], grace: int) -> None:
    case = json.loads(json.dumps(limited))
    case["pod"]["metadata"] |= {"deletionTimestamp": "2026-11-23T15:26:30Z", "deletionGracePeriodSeconds": grace}
    result = run("explain", "-", "--json", input=json.dumps(case))
    assert result.exit_code in {0, 1}, result.stderr
    (deleted,) = [mark for mark in json.loads(result.stdout)["story"] if mark["label"] == "deleted"]
    assert deleted["at"] == ("2026-11-23T15:26:00Z" if grace == 30 else "2026-11-23T15:26:30Z")
    assert ("was requested" in deleted["text"]) is (grace == 30)
