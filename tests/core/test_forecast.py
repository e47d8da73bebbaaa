"""A forecast says when, from which budget and with which code a backend charges an attempt, if nothing changes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest

from flytekitplugins_podtriage import InvalidPod, Policy, forecast, triage
from tests.builders import NOW, ago, condition, event, pod, running, terminated, waiting
from tests.core.charge_search import BACK_OFF, BACKENDS, STOCK, TICK, check

LIMITED = 'failed to pull and unpack image "app": unexpected status from HEAD request: 429 Too Many Requests'
NO_IMAGE = "reading manifest v1 in docker.io/acme/app: manifest unknown"


# Grids

CONDITIONS: dict[str, Callable[[float], list[dict[str, Any]]]] = {
    "ready": lambda age: [condition("Ready", age=age)],
    "scheduled, ready": lambda age: [condition("PodScheduled", "True", age=age + 5), condition("Ready", age=age)],
    "ready, unscheduled": lambda age: [condition("Ready", age=age), condition("PodScheduled", age=age)],
    "unscheduled, ready": lambda age: [condition("PodScheduled", age=age), condition("Ready", age=age)],
    "two times": lambda age: [condition("Initialized", "True", age=age - 40), condition("Ready", age=age)],
    "none": lambda age: [],
}
REASONS = (
    "ImagePullBackOff",
    "ErrImagePull",
    "CreateContainerError",
    "CreateContainerConfigError",
    "InvalidImageName",
    "ContainerCreating",
    "Weird",
)
GRACES: tuple[dict[str, float], ...] = (
    {},
    {"image_pull_backoff_grace_period": 0, "create_container_error_grace_period": 7},
    {"image_pull_backoff_grace_period": -60, "create_container_config_error_grace_period": 300.25},
    {"user_patience": 0, "system_patience": 90},
)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("timeout", [0, 8, 600])
@pytest.mark.parametrize("reason", REASONS)
def test_a_pod_is_charged_at_the_forecast_moment(backend: str, timeout: float, reason: str) -> None:
    """Over graces, the order of conditions, and pods that are younger, older, or by their clock from the future."""
    for graces, order, age in itertools.product(GRACES, CONDITIONS, (-120, 0, 60, 180, 4000)):
        policy = attrs.evolve(Policy.for_backend(backend), pod_pending_timeout=timeout, **graces)
        document = pod("Pending", waiting(reason, LIMITED), conditions=CONDITIONS[order](age))
        check(document, policy, NOW)


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_containers_and_an_init_container_are_charged_at_the_forecast_moment(backend: str) -> None:
    policy = attrs.evolve(
        Policy.for_backend(backend), create_container_config_error_grace_period=50, pod_pending_timeout=500
    )
    for one, other, init in itertools.product(REASONS, REASONS, (None, *REASONS)):
        inits = [] if init is None else [waiting(init, NO_IMAGE, name="init")]
        containers = waiting(one, LIMITED), waiting(other, NO_IMAGE, name="sidecar")
        check(pod("Pending", *containers, inits=inits, age=20), policy, NOW)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("at", "kind", "code", "permanent"),
    [
        pytest.param(waiting("ImagePullBackOff", LIMITED), None, None, False, id="rate limit"),
        pytest.param(waiting("InvalidImageName", "x"), "USER", None, True, id="never valid"),
    ],
)
def test_a_charge_names_its_budget(
    backend: str, at: dict[str, Any], kind: str | None, code: str | None, permanent: bool
) -> None:
    charge = check(pod("Pending", at), Policy.for_backend(backend), NOW)
    assert charge.kind == (kind or ("USER" if backend == "flyte-1.16" else "SYSTEM"))
    assert charge.permanent is permanent


# Single pods, by name


@pytest.mark.parametrize(
    ("backend", "seconds", "kind", "code"),
    [
        ("flyte-1.16", 120, "USER", "|ImagePullBackOff"),
        ("flyte-2", 120, "SYSTEM", "|ImagePullBackOff"),
        ("podtriage", 1740, "SYSTEM", "ImagePullBackOff"),
    ],
)
def test_a_forecast_says_when_who_and_why(backend: str, seconds: float, kind: str, code: str) -> None:
    charge = check(pod("Pending", waiting("ImagePullBackOff", LIMITED)), Policy.for_backend(backend), NOW)
    assert charge.at == NOW + timedelta(seconds=seconds)
    assert (charge.kind, charge.code, charge.permanent) == (kind, code, False)


def test_a_clock_that_is_ahead_moves_the_charge_with_it() -> None:
    """A kubelet a minute ahead, and no grace: charged when its clock's moment has come here, not at the next grace."""
    ahead = pod("Pending", waiting("CreateContainerConfigError", "secret not found"), age=-60)
    for backend in STOCK:
        assert check(ahead, Policy.for_backend(backend), NOW).at == NOW + timedelta(seconds=60)


def test_a_pull_that_has_just_failed_is_charged_when_it_backs_off() -> None:
    given = pod("Pending", waiting("ErrImagePull", "429 Too Many Requests"), age=600)
    charge = check(given, Policy.for_backend("flyte-1.16"), NOW)
    assert charge.at == NOW + BACK_OFF
    assert "ImagePullBackOff" in charge.note


def test_a_timeout_before_the_next_back_off_comes_first() -> None:
    given = pod("Pending", waiting("ErrImagePull", "429 Too Many Requests"), age=600)
    policy = attrs.evolve(Policy.for_backend("flyte-1.16"), pod_pending_timeout=605)
    charge = check(given, policy, NOW)
    assert (charge.at, charge.code, charge.note) == (NOW + timedelta(seconds=5), "PodPendingTimeout", "")


def test_a_registry_that_asks_for_patience_is_still_charged_when_the_patience_ends() -> None:
    given = pod("Pending", waiting("ErrImagePull"))
    events = [event("Failed", 'Failed to pull image "app": toomanyrequests: retry-after: 44.5s', age=30)]
    for seconds in (0, 100, 1000):
        charge = forecast(given, backend="podtriage", now=NOW + timedelta(seconds=seconds), events=events)
        assert charge.at == NOW + timedelta(seconds=1740 + 30)


def test_an_event_that_gets_stale_leaves_the_decision_to_the_container() -> None:
    """Then an unknown message decides, and the patience with that has ended long ago."""
    given = pod("Pending", waiting("ErrImagePull", "gibberish"), age=300)
    events = [event("Failed", f'Failed to pull image "app": {LIMITED}', age=200)]
    charge = forecast(given, backend="podtriage", now=NOW, events=events)
    assert (charge.at, charge.rule) == (NOW + timedelta(seconds=160), "unknown")
    assert charge.at is not None
    before = triage(given, events=events, now=charge.at - TICK)
    assert (before.failing, before.category) == (False, "registry_rate_limited")


@pytest.mark.parametrize(
    ("document", "backends"),
    [
        pytest.param(pod("Running", running()), BACKENDS, id="it runs"),
        pytest.param(pod("Succeeded", terminated(0)), BACKENDS, id="it has succeeded"),
        pytest.param(
            pod("Pending", conditions=[condition("PodScheduled", reason="Unschedulable")]), BACKENDS, id="no node"
        ),
        pytest.param(
            pod("Pending", conditions=[condition("PodScheduled", reason="SchedulingGated")]), BACKENDS, id="it is gated"
        ),
        pytest.param(
            pod(
                "Pending",
                waiting("ImagePullBackOff", LIMITED),
                conditions=[condition("PodScheduled"), condition("Ready", age=9999)],
            ),
            STOCK,
            id="a condition before Ready queues it",
        ),
        pytest.param(pod("Pending", waiting("ContainerCreating")), STOCK, id="it is being created"),
        pytest.param(pod("Pending", waiting("PodInitializing"), age=9999), STOCK, id="it is being initialized"),
        pytest.param(
            pod("Pending", waiting("ImagePullBackOff", LIMITED), conditions=[]), STOCK, id="no conditions at all"
        ),
        pytest.param(
            pod("Pending", waiting("ImagePullBackOff", LIMITED), conditions=[condition("Ready", "True", age=9999)]),
            STOCK,
            id="it is ready",
        ),
        pytest.param({"status": {"phase": "Pending"}}, BACKENDS, id="nothing is known yet"),
        pytest.param({}, BACKENDS, id="no status"),
    ],
)
def test_what_is_never_charged(document: dict[str, Any], backends: tuple[str, ...]) -> None:
    for backend in backends:
        charge = forecast(document, backend=backend, now=NOW)
        assert (charge.at, charge.kind, charge.code, charge.message) == (None, None, None, None)
        assert charge.note


def test_a_failure_is_charged_now() -> None:
    for backend in BACKENDS:
        charge = check(pod("Failed", terminated(1)), Policy.for_backend(backend), NOW)
        assert charge.at == NOW


def test_a_pod_that_is_being_deleted_is_charged_to_the_system_budget_at_once_on_stock_flyte() -> None:
    deleted = {"deletionTimestamp": ago(-30), "deletionGracePeriodSeconds": 30}
    for document in (pod("Running", running(), metadata=deleted), pod("Pending", metadata=deleted)):
        for backend in STOCK:
            charge = forecast(document, backend=backend, now=NOW)
            assert (charge.at, charge.kind, charge.code) == (NOW, "SYSTEM", "UnexpectedObjectDeletion")
        ours = check(document, Policy(), NOW)
        assert ours.at == NOW + timedelta(seconds=30)


def test_a_pod_that_ended_before_it_was_deleted_is_charged_for_its_end() -> None:
    document = pod("Failed", terminated(1), reason="Error", metadata={"deletionTimestamp": ago(0)})
    assert forecast(document, backend="flyte-1.16", now=NOW).rule == "stock-failed-user"
    done = pod("Succeeded", terminated(0), metadata={"deletionTimestamp": ago(0)})
    assert forecast(done, backend="flyte-1.16", now=NOW).at is None


def test_settings_of_the_backend_move_the_charge() -> None:
    policy = attrs.evolve(Policy.for_backend("flyte-1.16"), image_pull_backoff_grace_period="10m")
    charge = check(pod("Pending", waiting("ImagePullBackOff", LIMITED)), policy, NOW)
    assert charge.at == NOW + timedelta(minutes=9)


@pytest.mark.parametrize("age", [60, -60])
def test_what_lies_beyond_the_calendar_is_never_charged(age: float) -> None:
    policy = attrs.evolve(Policy.for_backend("flyte-1.16"), image_pull_backoff_grace_period=1e12)
    given = pod("Pending", waiting("ImagePullBackOff"), age=age)
    charge = forecast(given, backend=policy.name, policy=policy, now=NOW)
    assert charge.at is None or charge.at.year == 9999


# What is refused


def test_what_cannot_be_read_is_refused() -> None:
    for document in (b"{", "[]", {"kind": "Job"}, {"status": {"phase": 1}}, None):
        with pytest.raises(InvalidPod):
            forecast(document, backend="flyte-1.16", now=NOW)
    with pytest.raises(InvalidPod):
        forecast(pod("Pending"), backend="flyte-1.16", now=NOW, events=[{"message": 3}])


@pytest.mark.parametrize("policy", [None, Policy()])
def test_an_unknown_backend_is_refused_with_the_names_of_the_known_ones(policy: Policy | None) -> None:
    with pytest.raises(ValueError, match=r"unknown backend 'flyte-3'; allowed: podtriage, flyte-1.16, flyte-2"):
        forecast(pod("Pending"), backend="flyte-3", now=NOW, policy=policy)
