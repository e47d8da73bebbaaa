"""No more pods are ended than the caps allow."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.core.guard.caps import Entry, Ledger, admit, rebuild
from flytekitplugins_podtriage.core.guard.policy import Caps
from flytekitplugins_podtriage.core.guard.values import Act, ActKind
from flytekitplugins_podtriage.core.model import ErrorKind, Phase, Verdict
from tests.builders import NOW

CAPS = Caps(per_execution=2, per_namespace=3, per_minute=5)


def act(uid: str, execution: str = "e", namespace: str = "n") -> Act:
    return Act(
        kind=ActKind.END_AS_SYSTEM,
        namespace=namespace,
        name=uid,
        uid=uid,
        resource_version="1",
        execution=execution,
        reason="Terminated",
        message="",
        verdict=Verdict(Phase.INITIALIZING, ErrorKind.SYSTEM),
        charge=None,
        why="",
    )


def refusals(acts: list[tuple[Act, float]], caps: Caps = CAPS) -> list[str]:
    """Return the answers to acts at moments."""
    ledger, answers = Ledger(), []
    for one, seconds in acts:
        ledger, answer = admit(ledger, one, caps, NOW + timedelta(seconds=seconds))
        answers.append(answer)
    return answers


@pytest.mark.parametrize(
    ("acts", "expected"),
    [
        pytest.param([(act(f"{n}"), n) for n in range(3)], ["", "", "cap-execution"], id="an execution"),
        pytest.param(
            [(act(f"{n}"), 600.0 * n) for n in range(3)], ["", "", "cap-execution"], id="an execution, for an hour"
        ),
        pytest.param([(act(f"{n}"), 1900.0 * n) for n in range(3)], ["", "", ""], id="an execution, after an hour"),
        pytest.param(
            [(act(f"{n}", namespace=f"n{n}"), n) for n in range(3)], ["", "", ""], id="executions of the same name"
        ),
        pytest.param([(act(f"{n}", f"e{n}"), n) for n in range(4)], ["", "", "", "cap-namespace"], id="a namespace"),
        pytest.param([(act(f"{n}", f"e{n}"), 20.0 * n) for n in range(4)], ["", "", "", ""], id="a namespace, slowly"),
        pytest.param(
            [(act(f"{n}", f"e{n}", f"n{n}"), n) for n in range(6)], ["", "", "", "", "", "cap-minute"], id="a minute"
        ),
        pytest.param([(act("1"), 0), (act("1"), 1), (act("1"), 2)], ["", "", ""], id="one pod counts once"),
        pytest.param(
            [(act("1"), 60), (act("2"), 0), (act("3"), -60)], ["", "", "cap-execution"], id="a clock set back"
        ),
    ],
)
def test_caps(acts: list[tuple[Act, float]], expected: list[str]) -> None:
    assert refusals(acts) == expected


@pytest.mark.parametrize("caps", [Caps(per_execution=0), Caps(per_namespace=0), Caps(per_minute=0)])
def test_a_cap_of_0_admits_nothing(caps: Caps) -> None:
    assert refusals([(act("1"), 0)], caps) != [""]


ACTS = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from("ab"), st.sampled_from("xyz"), st.floats(0, 4000)), max_size=40
)


@given(ACTS)
def test_no_window_holds_more_than_its_cap_and_a_rebuilt_ledger_answers_alike(
    acts: list[tuple[int, str, str, float]],
) -> None:
    ledger = Ledger()
    admitted: list[Entry] = []
    for number, namespace, execution, seconds in sorted(acts, key=lambda one: one[3]):
        now, one = NOW + timedelta(seconds=seconds), act(f"{number}{namespace}{execution}", execution, namespace)
        before, answer = ledger, ""
        ledger, answer = admit(ledger, one, CAPS, now)
        assert admit(rebuild(admitted, now), one, CAPS, now)[1] == answer
        assert (ledger is before) == bool(answer) or ledger == before
        if not answer and ledger is not before:
            admitted.append(Entry(now, namespace, execution, one.uid))
    for entry in admitted:
        minute = [one for one in admitted if timedelta(0) <= one.at - entry.at < timedelta(minutes=1)]
        hour = [one for one in admitted if timedelta(0) <= one.at - entry.at < timedelta(hours=1)]
        assert len(minute) <= CAPS.per_minute
        assert sum(one.namespace == entry.namespace for one in minute) <= CAPS.per_namespace
        same = [one for one in hour if (one.namespace, one.execution) == (entry.namespace, entry.execution)]
        assert len(same) <= CAPS.per_execution


def test_executions_of_yesterday_are_forgotten() -> None:
    ledger = Ledger()
    for n in range(50):
        ledger, _ = admit(ledger, act(f"{n}", f"e{n}", f"n{n}"), CAPS, NOW + timedelta(minutes=10 * n))

    assert len(ledger.by_execution) <= 7
    assert len(ledger.latest) == 1
