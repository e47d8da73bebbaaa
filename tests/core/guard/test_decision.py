"""What is decided about a pod, at one moment, from its status and what is left of the budgets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest

from flytekitplugins_podtriage.core.accounting import Counters, Limits
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.guard.decision import Decision, decide
from flytekitplugins_podtriage.core.guard.owned_pod import OwnedPod
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.values import ActKind, TaskRecord
from flytekitplugins_podtriage.core.memory import Memory
from flytekitplugins_podtriage.core.policy import Policy
from tests.builders import NOW, running, terminated, waiting
from tests.core.guard import pods
from tests.core.guard.pods import GRACE, MISSING, UNAVAILABLE, after, back_off, err_image_pull, policy

END_AS_SYSTEM, END_AS_USER = ActKind.END_AS_SYSTEM, ActKind.END_AS_USER
IN_TIME = GRACE - 4
"""The age of a pod whose charge is due in 4 s, within the margin of 5."""
WRONG_PLATFORM = "no match for platform in manifest: not found"


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
    ("pod", "settings", "at"),
    [
        pytest.param(
            pods.pod(age=60), policy(), GRACE - 60 - 5, id="a rate limit is acted on before the grace period ends"
        ),
        pytest.param(
            pods.pod("Pending", back_off(UNAVAILABLE), age=60, backend="flyte-2"),
            policy("flyte-2"),
            GRACE - 60 - 5,
            id="on Flyte 2 one that its code does not know",
        ),
        pytest.param(
            pods.pod("Pending", err_image_pull(), age=60),
            policy(),
            GRACE - 60 - 5,
            id="ErrImagePull is charged with the next back-off",
        ),
        pytest.param(
            pods.pod("Pending", err_image_pull(), age=GRACE + 300),
            policy(),
            0,
            id="a pull that first fails past the grace period is acted on at once",
        ),
        pytest.param(
            pods.pod("Pending", err_image_pull(), age=GRACE - 3),
            policy(),
            -2,
            id="and one that fails within the margin of its end",
        ),
        pytest.param(
            pods.pod("Pending", back_off(name="agent"), waiting("ContainerCreating"), primary="main", age=60),
            policy(),
            GRACE - 60 - 5,
            id="a sidecar that cannot be pulled, the first in the alphabet, is charged as well",
        ),
        pytest.param(
            pods.pod("Pending", waiting("CreateContainerError", "context deadline exceeded"), age=60),
            policy(),
            GRACE - 60 - 5,
            id="a runtime that does not answer would end the task for good",
        ),
        pytest.param(
            pods.pod(age=60, finalizers=[pods.FINALIZER]),
            policy(margin=30, clock_skew=2),
            GRACE - 60 - 32,
            id="margin and clock skew add up",
        ),
    ],
)
def test_the_platform_pays_for_what_is_its_own(pod: OwnedPod, settings: GuardPolicy, at: float) -> None:
    decision = decided(pod, settings)

    assert (decision.kind, decision.at, decision.refusal) == (END_AS_SYSTEM, after(at), None)


@pytest.mark.parametrize(
    ("pod", "settings"),
    [
        pytest.param(pods.pod("Pending", back_off(MISSING)), policy(), id="an image that does not exist is the user's"),
        pytest.param(
            pods.pod("Pending", waiting("ContainerCreating")), policy(), id="nothing is charged while a pod starts"
        ),
        pytest.param(pods.pod("Running", running()), policy(), id="a pod runs"),
        pytest.param(
            pods.pod("Pending", running(), back_off(name="sidecar"), primary="main"),
            policy(),
            id="its main container runs, and a sidecar waits",
        ),
        pytest.param(pods.pod("Pending", back_off(restartCount=1)), policy(), id="its main container was restarted"),
        pytest.param(pods.pod(deleted=-20), policy(), id="it is being deleted"),
        pytest.param(
            pods.pod(backend="flyte-2"),
            policy("flyte-2"),
            id="Flyte 2 knows the rate limit, and its cap is not reached",
        ),
        pytest.param(
            pods.pod("Pending", waiting("CreateContainerConfigError", 'secret "x" not found')),
            policy(fail_fast=True),
            id="missing configuration is left to stock Flyte",
        ),
        pytest.param(
            pods.pod("Pending", waiting("InvalidImageName", "x")),
            policy(fail_fast=True),
            id="an invalid name is left to stock Flyte",
        ),
        pytest.param(
            pods.pod("Failed", terminated(1)), policy(), id="a failed pod is not rescued unless that is wanted"
        ),
    ],
)
def test_nothing_is_done_where_all_agree_or_nothing_is_charged(pod: OwnedPod, settings: GuardPolicy) -> None:
    decision = decided(pod, settings)

    assert (decision.kind, decision.refusal) == (None, None)


def test_a_main_container_that_ran_in_a_state_that_is_only_remembered_is_left_alone() -> None:
    memory = Memory(started=frozenset({"main"}))

    assert decided(pods.pod(age=IN_TIME), policy(), memory=memory).kind is None
    assert decided(pods.pod(age=IN_TIME), policy(), memory=Memory()).kind is END_AS_SYSTEM


@pytest.mark.parametrize(
    ("pod", "settings", "task", "refusal"),
    [
        pytest.param(
            pods.pod("Pending", back_off("a new kind of failure")),
            policy(),
            {},
            "cause-unknown",
            id="a cause that no rule names",
        ),
        pytest.param(
            pods.pod(),
            policy(),
            {"counters": Counters(2, 2)},
            "user-pays",
            id="only the reserve of the system retries is left, and the user can pay",
        ),
        pytest.param(
            pods.pod(),
            policy(),
            {"counters": Counters(2, 2), "limits": Limits(), "retries_known": False},
            "user-pays",
            id="the same where the user's retries are not known",
        ),
        pytest.param(
            pods.pod(),
            policy(),
            {"counters": Counters(3, 3), "limits": Limits()},
            "no-budget",
            id="neither budget has a retry left",
        ),
        pytest.param(
            pods.pod(),
            policy(),
            {"limits": Limits(retries=1, ignore_retry_cause=True)},
            "ignore-retry-cause",
            id="the kind has no effect",
        ),
        pytest.param(
            pods.pod("Pending", back_off(UNAVAILABLE), backend="flyte-2"),
            policy("flyte-2"),
            {"system_restarts": 3},
            "user-pays",
            id="Flyte 2 past the cap, where stock charges the user",
        ),
        pytest.param(
            pods.pod(
                "Pending",
                back_off(lastState={"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown"}}),
                primary="main",
                backend="flyte-2",
                age=IN_TIME,
            ),
            policy("flyte-2"),
            {"system_restarts": 3},
            "kind-not-possible",
            id="a reason of our own does not outweigh exit code 137",
        ),
    ],
)
def test_the_wrong_budget_is_left_to_pay(
    pod: OwnedPod, settings: GuardPolicy, task: dict[str, Any], refusal: str
) -> None:
    decision = decided(pod, settings, pods.record(settings.backend, **task))

    assert decision.kind is None
    assert decision.refusal is not None
    assert decision.refusal.name == refusal


@pytest.mark.parametrize(
    ("counters", "limits", "why"),
    [
        pytest.param(
            Counters(), Limits(retries=2), "the failure is the platform's; system retry 1 of 3", id="the first"
        ),
        pytest.param(
            Counters(3, 1),
            Limits(retries=2),
            "the failure is the platform's; system retry 2 of 3",
            id="the last before the reserve",
        ),
        pytest.param(
            Counters(2, 2),
            Limits(),
            "the failure is the platform's, and only the reserve is left; system retry 3 of 3",
            id="the reserve where the user cannot pay",
        ),
    ],
)
def test_the_system_retries_are_spent_wisely(counters: Counters, limits: Limits, why: str) -> None:
    decision = decided(pods.pod(), policy(), pods.record(counters=counters, limits=limits))

    assert (decision.kind, decision.why) == (END_AS_SYSTEM, why)


@pytest.mark.parametrize(
    ("restarts", "pod", "expected"),
    [
        (2, pods.pod(backend="flyte-2", age=IN_TIME), None),
        (3, pods.pod(backend="flyte-2", age=IN_TIME), END_AS_USER),
        (14, pods.pod(backend="flyte-2", age=IN_TIME), END_AS_USER),
        (2, pods.pod("Pending", back_off(UNAVAILABLE), backend="flyte-2"), END_AS_SYSTEM),
        (3, pods.pod("Pending", back_off(UNAVAILABLE), backend="flyte-2"), None),
    ],
)
def test_past_the_cap_of_flyte_2_the_user_pays(restarts: int, pod: OwnedPod, expected: ActKind | None) -> None:
    assert decided(pod, policy("flyte-2"), pods.record("flyte-2", system_restarts=restarts)).kind is expected


@pytest.mark.parametrize(
    ("kubelet", "expected"), [("", END_AS_SYSTEM), ("v1.31.0", END_AS_SYSTEM), ("v1.32.0", None), ("v2.0.1-eks", None)]
)
def test_flyte_2_does_not_find_a_rate_limit_behind_an_old_kubelet(kubelet: str, expected: ActKind | None) -> None:
    failing = pods.pod("Pending", err_image_pull(), backend="flyte-2", age=IN_TIME)

    assert decided(failing, policy("flyte-2"), kubelet=kubelet).kind is expected


@pytest.mark.parametrize(
    ("pod", "at"),
    [
        pytest.param(pods.pod("Pending", back_off(MISSING), age=10), 20, id="an image that does not exist"),
        pytest.param(pods.pod("Pending", back_off(WRONG_PLATFORM), age=50), -20, id="or has none for the platform"),
        pytest.param(pods.pod("Pending", err_image_pull(MISSING), age=50), -20, id="in ErrImagePull too"),
        pytest.param(
            pods.pod("Pending", back_off("unauthorized: authentication required"), age=50),
            None,
            id="but a permission may still be granted",
        ),
        pytest.param(
            pods.pod("Pending", waiting("ErrImageNeverPull", "x"), age=50),
            None,
            id="and other reasons are another matter",
        ),
    ],
)
def test_fail_fast_ends_what_cannot_start_after_half_a_minute(pod: OwnedPod, at: float | None) -> None:
    decision = decided(pod, policy(fail_fast=True))

    assert decision.kind is (None if at is None else END_AS_USER)
    assert decision.at == (None if at is None else after(at))


def test_fail_fast_does_nothing_where_stock_flyte_is_faster() -> None:
    stock = attrs.evolve(Policy.for_backend("flyte-1.16"), image_pull_backoff_grace_period=20)

    assert decided(pods.pod("Pending", back_off(MISSING), age=10), policy(fail_fast=True, stock=stock)).kind is None


def test_a_pod_pending_timeout_is_charged_to_the_user_on_1_16() -> None:
    stock = attrs.evolve(Policy.for_backend("flyte-1.16"), pod_pending_timeout=100)

    decision = decided(pods.pod(age=60), policy(stock=stock))

    assert (decision.kind, decision.at) == (END_AS_SYSTEM, after(35))


def test_a_pod_that_is_charged_by_now_is_late() -> None:
    decision = decided(pods.pod(age=GRACE + 1), policy())

    assert (decision.kind, decision.late) == (None, True)


@pytest.mark.parametrize(
    ("as_of", "stale"),
    [
        pytest.param(NOW, False, id="it was read now"),
        pytest.param(NOW - timedelta(seconds=0.5), False, id="it was read when the act was due already"),
        pytest.param(NOW - timedelta(seconds=2), True, id="it was read before the act was due"),
        pytest.param(None, True, id="the view is known to be complete as of no moment"),
    ],
)
def test_an_act_rests_on_a_view_that_reaches_to_when_it_is_due(as_of: Any, stale: bool) -> None:
    decision = decided(pods.pod(age=IN_TIME), policy(), freshness=Freshness(as_of=as_of))

    assert (decision.kind, decision.stale) == (END_AS_SYSTEM, stale)
