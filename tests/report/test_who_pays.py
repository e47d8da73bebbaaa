"""Who pays, backend by backend."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.decode import read_pod
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.policy import BACKENDS, Policy
from flytekitplugins_podtriage.report.explanation import Explanation, explain
from flytekitplugins_podtriage.report.who_pays import GUARD_LABEL
from tests.report.explanations import explained

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def at_noon(pod: dict[str, Any], **limits: Any) -> Explanation:
    policies = {name: Policy.for_backend(name) for name in BACKENDS}
    return explain(read_pod(pod), policies=policies, limits=Limits(**limits), now=NOON)


def test_who_pays_on_each_backend() -> None:
    explanation = explained("pull-429-hub-manifest", at=150, retries=2)
    stock, newer, ours, guarded = explanation.charges
    assert [charge.charge.kind for charge in explanation.charges] == [
        ErrorKind.USER,
        ErrorKind.SYSTEM,
        ErrorKind.SYSTEM,
        ErrorKind.SYSTEM,
    ]
    assert (stock.charged_to, stock.consequence, stock.wrong, stock.task_ends) == (
        "user retries, 2 left",
        "retried at once as attempt 2",
        True,
        False,
    )
    assert (newer.charged_to, newer.wrong) == ("system retries", False)
    assert (ours.charged_to, ours.wrong, ours.task_ends) == ("system retries, 1 of 3", False, False)
    assert ours.charge.at is not None
    assert stock.charge.at is not None
    assert ours.charge.at > stock.charge.at
    assert guarded.charge.at == stock.charge.at - timedelta(seconds=7)
    assert (guarded.charged_to, guarded.wrong, guarded.task_ends) == ("system retries, 1 of 3", False, False)


@pytest.mark.parametrize(
    ("scenario", "at", "changes"),
    [
        pytest.param("pull-404-manifest-unknown", 60, {}, id="the user's fault"),
        pytest.param("pull-slow-ok", 5, {}, id="no pull has failed"),
        pytest.param(
            "pull-429-hub-manifest", 150, {"max_system_failures": 1, "retries": 2}, id="no system retry to spare"
        ),
        pytest.param("pull-429-hub-manifest", 150, {"ignore_retry_cause": True}, id="the kind has no effect"),
        pytest.param("multi-primary-ok-sidecar-429", 60, {}, id="the task has run"),
    ],
)
def test_the_guard_is_named_only_where_it_acts(scenario: str, at: float, changes: dict[str, Any]) -> None:
    assert [charge.backend for charge in explained(scenario, at=at, **changes).charges].count(GUARD_LABEL) == 0


def test_a_user_s_failure_is_nobody_s_wrong() -> None:
    explanation = explained("pull-404-manifest-unknown", at=60)
    assert [charge.charge.kind for charge in explanation.charges] == [ErrorKind.USER] * 3
    assert [charge.charged_to for charge in explanation.charges] == ["user retries, 0 left"] * 3
    assert not any(charge.wrong for charge in explanation.charges)


def test_the_last_system_retry_is_kept_while_the_user_could_pay() -> None:
    ours = explained("preempted-by-scheduler", retries=1, max_system_failures=1).charges[-1]
    assert ours.charged_to == "user retries, 1 left"
    assert "a user retry is spent so that the task goes on" in ours.consequence


def test_with_both_budgets_spent_the_task_ends() -> None:
    ours = explained("preempted-by-scheduler", max_system_failures=0).charges[-1]
    assert ours.task_ends
    assert "neither budget has a retry left" in ours.consequence


def test_a_permanent_failure_is_not_tried_again() -> None:
    waiting = {"waiting": {"reason": "InvalidImageName", "message": "couldn't parse image name"}}
    ready = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T11:59:00Z"}
    status = {"phase": "Pending", "conditions": [ready], "containerStatuses": [{"name": "a", "state": waiting}]}
    explanation = at_noon({"kind": "Pod", "status": status}, retries=5)
    assert explanation.charges[0].consequence == "the task fails at once: this failure is not retried"
    assert explanation.charges[0].task_ends
    assert [charge.charged_to for charge in explanation.charges] == ["user retries, 5 left"] * 3


def test_a_time_far_in_the_future_charges_nobody() -> None:
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "429 Too Many Requests"}}
    ready = {"type": "Ready", "status": "False", "lastTransitionTime": "2999-01-01T00:00:00Z"}
    status = {"phase": "Pending", "conditions": [ready], "containerStatuses": [{"name": "a", "state": waiting}]}
    explanation = at_noon({"kind": "Pod", "status": status})
    assert explanation.charges[0].charge.kind is None
    assert explanation.charge_time(explanation.charges[0]) == "never"
    assert explanation.state_with_age == "ImagePullBackOff"


def test_an_unknown_cause_is_called_unknown_and_nobody_is_wronged() -> None:
    waiting = {"waiting": {"reason": "SomethingNew", "message": "nobody knows this"}}
    ready = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T11:00:00Z"}
    status = {"phase": "Pending", "conditions": [ready], "containerStatuses": [{"name": "a", "state": waiting}]}
    explanation = at_noon({"kind": "Pod", "status": status})
    assert explanation.cause_unknown
    assert not any(charge.wrong for charge in explanation.charges)


def test_a_pod_that_is_well_charges_nobody() -> None:
    explanation = explained("exit-0")
    assert explanation.charges == ()


def test_work_that_is_done_may_still_be_charged_by_a_stock_backend() -> None:
    explanation = explained("multi-primary-ok-sidecar-429", 60)
    budgets = {charge.backend: charge.charged_to for charge in explanation.charges}
    assert budgets == {"Flyte 1.16": "user retries, 0 left", "Flyte 2": "system retries", "with podtriage": "nobody"}


def test_nothing_is_charged_while_no_node_has_been_found() -> None:
    explanation = explained("unschedulable-selector", at=20)
    assert [(explanation.charge_time(charge), charge.charged_to) for charge in explanation.charges] == [
        ("never", "nobody")
    ] * 3
