"""``podtriage audit`` on the guard's log: what its acts averted, and what was charged where it did not act."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from click.testing import Result

from flytekitplugins_podtriage.core.guard.values import Act, ActKind, Outcome
from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.guard.audit_log import AuditLog, audit_line
from tests.guard.reported_acts import ACT, CHARGE, NOW, VERDICT, act

Run = Callable[..., Result]
FAIL_FAST = act(
    kind=ActKind.END_AS_USER, verdict=attrs.evolve(VERDICT, kind=ErrorKind.USER, category=Category.NOT_FOUND)
)
PAST_THE_CAP = act(kind=ActKind.END_AS_USER, charge=attrs.evolve(CHARGE, kind=ErrorKind.SYSTEM))
LOG_LINE = '{"asctime": "2026-03-02 14:04:41,118", "levelname": "INFO", "message": "podtriage: this replica leads"}\n'


def lines(*acts: tuple[Act, Outcome]) -> str:
    file = io.BytesIO()
    log = AuditLog(file)
    for one, outcome in acts:
        log.write(audit_line(one, outcome, NOW))
    return file.getvalue().decode()


@pytest.fixture
def audited(run: Run) -> Callable[[str], dict[str, Any]]:
    def audited(text: str) -> dict[str, Any]:
        result = run("audit", "-", "--json", input=text)
        assert result.exit_code == 0, result.stderr
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer

    return audited


def test_an_act_is_charged_as_it_should_be_and_averted_a_charge(audited: Callable[[str], dict[str, Any]]) -> None:
    answer = audited(lines((ACT, Outcome.ACTED)))
    total = answer["total"]
    assert (total["attempts"], total["system_paid"], total["user_paid"], total["user_wronged"]) == (1, 1, 0, 0)
    assert (answer["averted"], answer["avertible"], answer["from_text"]) == (1, 0, False)
    assert answer["also"] == ["1 was charged correctly because the guard acted"]


@pytest.mark.parametrize("outcome", [Outcome.WOULD_ACT, Outcome.REFUSED])
def test_what_it_would_have_done_was_charged_wrongly_and_could_have_been_averted(
    audited: Callable[[str], dict[str, Any]], outcome: Outcome
) -> None:
    answer = audited(lines((ACT, outcome), (ACT, outcome)))
    assert (answer["total"]["user_paid"], answer["total"]["user_wronged"]) == (2, 2)
    assert (answer["averted"], answer["avertible"]) == (0, 2)
    assert answer["by_registry"][0]["name"] == "docker.io"
    assert answer["examples"][0] == {
        "what": "f1a2 n0 attempt 2",
        "category": "registry_rate_limited",
        "said": "429 Too Many Requests",
    }


@pytest.mark.parametrize("outcome", [Outcome.LEFT, Outcome.LATE, Outcome.FAILED])
def test_what_it_could_not_help_was_charged_wrongly_all_the_same(
    audited: Callable[[str], dict[str, Any]], outcome: Outcome
) -> None:
    answer = audited(lines((ACT, outcome)))
    assert (answer["total"]["user_wronged"], answer["averted"], answer["avertible"]) == (1, 0, 0)


def test_fail_fast_charges_the_user_for_the_users_failure(audited: Callable[[str], dict[str, Any]]) -> None:
    answer = audited(lines((FAIL_FAST, Outcome.ACTED)))
    assert (answer["total"]["user_paid"], answer["total"]["user_wronged"], answer["averted"]) == (1, 0, 0)


def test_a_user_retry_that_the_guard_chose_to_spend_is_not_wrongly_charged(
    audited: Callable[[str], dict[str, Any]],
) -> None:
    answer = audited(lines((PAST_THE_CAP, Outcome.ACTED)))
    assert (answer["total"]["user_paid"], answer["total"]["user_wronged"], answer["averted"]) == (1, 0, 1)


def test_a_pod_that_recovered_has_not_failed(audited: Callable[[str], dict[str, Any]]) -> None:
    answer = audited(lines((ACT, Outcome.RECOVERED)))
    assert (answer["total"]["attempts"], answer["not_failed"]) == (0, 1)


def test_the_guards_log_between_its_audit_lines_is_passed_over(audited: Callable[[str], dict[str, Any]]) -> None:
    answer = audited(LOG_LINE + lines((ACT, Outcome.ACTED)) + LOG_LINE + lines((ACT, Outcome.WOULD_ACT)))
    assert (answer["total"]["attempts"], answer["averted"], answer["avertible"]) == (2, 1, 1)


def test_attempts_and_acts_may_be_counted_together(audited: Callable[[str], dict[str, Any]]) -> None:
    attempt = json.dumps({"kind": "USER", "message": "toomanyrequests: You have reached your pull rate limit."})
    assert audited(lines((ACT, Outcome.ACTED)) + attempt + "\n")["total"]["attempts"] == 2


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('{"audit": "podtriage-guard/9", "time": "2026-03-02T14:04:41Z", "outcome": "acted"}', "podtriage-guard/9"),
        ('{"audit": "podtriage-guard/1", "outcome": "acted"}', "time"),
        (
            '{"audit": "podtriage-guard/1", "time": "2026-03-02T14:04:41Z", "outcome": "acted", "attempt": "x"}',
            "attempt",
        ),
    ],
)
def test_a_line_of_another_version_is_named(refused: Callable[..., str], line: str, named: str) -> None:
    assert named in refused("audit", "-", input=line + "\n")
