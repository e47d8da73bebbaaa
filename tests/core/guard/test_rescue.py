"""Which failed pods have their reason rewritten."""

from __future__ import annotations

from typing import Any

import pytest

from flytekitplugins_podtriage.core.accounting import Counters
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.guard.decision import Decision, decide
from flytekitplugins_podtriage.core.guard.owned_pod import OwnedPod
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.values import ActKind, TaskRecord
from tests.builders import NOW, terminated
from tests.core.guard import pods
from tests.core.guard.pods import policy

EVICTED: dict[str, Any] = {
    "reason": "Evicted",
    "message": "The node was low on resource: memory. Threshold quantity: 100Mi.",
}
OVER_LIMIT: dict[str, Any] = {
    "reason": "Evicted",
    "message": "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.",
}
RESCUE_AS_SYSTEM, RESCUE_AS_USER = ActKind.RESCUE_AS_SYSTEM, ActKind.RESCUE_AS_USER


def decided(pod: OwnedPod, settings: GuardPolicy, task: TaskRecord | None = None, **more: Any) -> Decision:
    return decide(
        pods.snapshot(pod, memory=more.pop("memory", None)),
        more.pop("freshness", Freshness.current(NOW)),
        settings,
        NOW,
        task=task or pods.record(settings.backend),
        **more,
    )


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        pytest.param(
            pods.pod("Failed", terminated(143), **EVICTED), RESCUE_AS_SYSTEM, id="evicted from a node under pressure"
        ),
        pytest.param(pods.pod("Failed", **OVER_LIMIT), None, id="evicted over its own limit"),
        pytest.param(
            pods.pod("Failed", reason="Preempting", message="Preempted in order to admit critical pod"),
            RESCUE_AS_SYSTEM,
            id="preempted by the kubelet",
        ),
        pytest.param(
            pods.pod("Failed", reason="OutOfcpu", message="Node didn't have enough resource: cpu"),
            RESCUE_AS_SYSTEM,
            id="refused for want of CPU",
        ),
        pytest.param(
            pods.pod("Failed", reason="UnexpectedAdmissionError", message="Allocate failed due to device plugin"),
            RESCUE_AS_SYSTEM,
            id="refused for want of a device",
        ),
        pytest.param(
            pods.pod("Failed", reason="NodeAffinity", message="x"), None, id="a reason that stock Flyte charges rightly"
        ),
        pytest.param(pods.pod("Failed", reason="DeadlineExceeded", message="x"), None, id="a deadline"),
        pytest.param(pods.pod("Failed", terminated(1)), RESCUE_AS_USER, id="a program that crashed"),
        pytest.param(pods.pod("Failed", terminated(137)), None, id="one that was killed, or says so"),
        pytest.param(pods.pod("Failed", terminated(247)), None, id="one whose child was killed"),
        pytest.param(pods.pod("Failed", terminated(137, "OOMKilled")), None, id="one that ran out of memory"),
        pytest.param(pods.pod("Failed", terminated(0)), None, id="one that did its work"),
        pytest.param(pods.pod("Failed", terminated(1), deleted=-10), None, id="one that is being deleted"),
    ],
)
def test_a_rescue_rewrites_only_what_would_be_charged_wrongly(pod: OwnedPod, expected: ActKind | None) -> None:
    assert decided(pod, policy(rescue=True)).kind is expected


@pytest.mark.parametrize(
    ("name", "sure"),
    [
        pytest.param("f3a91c-n0-0", True, id="the first attempt"),
        pytest.param("f3a91c-n0-1", True, id="the second: two of three system retries are left at least"),
        pytest.param("f3a91c-n0-2", False, id="the third: it may be down to the reserve"),
        pytest.param("f3a91c-fa6zkzx1", False, id="a name that is hashed"),
        pytest.param("f3a91c-n0-0-1", False, id="a child of a map task"),
        pytest.param("f3a91c-n0-0-dn1-1", True, id="a node inside another"),
    ],
)
def test_without_a_record_the_number_of_the_attempt_bounds_what_was_spent(name: str, sure: bool) -> None:
    failed = pods.snapshot(pods.pod("Failed", name=name, **EVICTED))

    decision = decide(failed, Freshness(as_of=None), policy(rescue=True), NOW)

    assert (decision.kind, decision.sure) == (RESCUE_AS_SYSTEM, sure)


def test_a_crash_is_rescued_without_a_record_as_it_costs_no_system_retry() -> None:
    decision = decide(
        pods.snapshot(pods.pod("Failed", terminated(1), name="f3a91c-n0-9")),
        Freshness(as_of=None),
        policy(rescue=True),
        NOW,
    )

    assert (decision.kind, decision.sure) == (RESCUE_AS_USER, True)


def test_a_known_budget_is_asked_before_a_rescue() -> None:
    spent = pods.record(counters=Counters(2, 2))

    decision = decided(pods.pod("Failed", **EVICTED), policy(rescue=True), spent)

    assert decision.kind is None
    assert decision.refusal is not None
    assert decision.refusal.name == "user-pays"
