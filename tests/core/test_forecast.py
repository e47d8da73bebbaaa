"""When, from which budget and with which code a backend charges an attempt, if nothing changes.

The moment of a forecast is compared with a search: a backend's verdict on the same pod, at every moment at which a clock
could change it and one microsecond before each.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage import Charge, InvalidPod, Phase, Policy, Verdict, forecast, triage
from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.decode import read_events, read_pod
from tests.builders import NOW, ago, condition, event, pod, running, terminated, waiting
from tests.core.strategies import EVENTS, PODS
from tests.core.test_timelines import steps
from tests.recordings import moment, rows, timelines

BACKENDS = ("podtriage", "flyte-1.16", "flyte-2")
STOCK = BACKENDS[1:]
ANCIENT = datetime(2, 1, 1, tzinfo=timezone.utc)
TICK = timedelta(microseconds=1)
BACK_OFF = timedelta(seconds=13)
LIMITED = 'failed to pull and unpack image "app": unexpected status from HEAD request: 429 Too Many Requests'
NO_IMAGE = "reading manifest v1 in docker.io/acme/app: manifest unknown"


# The search


def _times(document: dict[str, Any]) -> set[datetime]:
    """Return the times that a verdict can depend on."""
    status, metadata = document.get("status") or {}, document.get("metadata") or {}
    texts = [one.get("lastTransitionTime") for one in status.get("conditions") or ()]
    texts += [status.get("startTime"), metadata.get("creationTimestamp"), metadata.get("deletionTimestamp")]
    return {moment(text) for text in texts if text}


def _probes(times: Iterable[datetime], policy: Policy, now: datetime) -> list[datetime]:
    """Return every moment from now on at which a clock could change a verdict, and the one just before each."""
    durations = {
        0.0,
        policy.image_pull_backoff_grace_period,
        policy.create_container_error_grace_period,
        policy.create_container_config_error_grace_period,
        policy.pod_pending_timeout,
        policy.user_patience,
        policy.system_patience,
    }
    moments = {now, now + timedelta(days=400)}
    for time, duration in itertools.product({*times, now}, durations):
        due = time + timedelta(seconds=duration)
        moments |= {due - TICK, due, due + timedelta(hours=1)}
    return sorted(at for at in moments if at >= now)


def _backed_off(document: dict[str, Any]) -> dict[str, Any]:
    """Return a pod as it is once its containers in ErrImagePull back off."""
    later = copy.deepcopy(document)
    for key in ("initContainerStatuses", "containerStatuses"):
        for container in later["status"].get(key) or ():
            state = (container.get("state") or {}).get("waiting")
            if state and state.get("reason") == "ErrImagePull":
                image, message = container.get("image", ""), state.get("message", "")
                state.update(
                    reason="ImagePullBackOff", message=f'Back-off pulling image "{image}": ErrImagePull: {message}'
                )
    return later


def search(document: dict[str, Any], policy: Policy, now: datetime) -> tuple[datetime, Verdict] | None:
    """Return the first moment at which a backend charges a pod that stays as it is, and its verdict then."""
    first = triage(document, policy=policy, now=now)
    if first.phase is Phase.SUCCESS:
        return None
    probes = _probes(_times(document), policy, now)
    after = document
    if policy.dialect is not None and document["status"].get("phase") == "Pending" and not first.failing:
        after = _backed_off(document)
        probes = sorted({*probes, now + BACK_OFF})
    current, backing_off = read_pod(document), read_pod(after)
    for at in probes:
        state = current if after is document or after == document or at < now + BACK_OFF else backing_off
        verdict = triage(state, policy=policy, now=at)
        if verdict.failing:
            return at, verdict
    return None


def check(document: dict[str, Any], policy: Policy, now: datetime) -> Charge:
    """Compare a forecast with the search."""
    charge = forecast(document, backend=policy.name, policy=policy, now=now)
    expected = search(document, policy, now)
    if expected is None:
        assert (charge.at, charge.kind, charge.code, charge.message) == (None, None, None, None)
        assert charge.note
    else:
        at, verdict = expected
        permanent = verdict.phase is Phase.PERMANENT_FAILURE
        assert charge.at == at
        assert (charge.kind, charge.code, charge.message, charge.rule, charge.permanent) == (
            verdict.kind,
            verdict.code,
            verdict.message,
            verdict.rule,
            permanent,
        )
    return charge


# Recorded pods


def _policies(config: dict[str, Any]) -> Iterator[Policy]:
    for backend in BACKENDS:
        yield attrs.evolve(
            Policy.for_backend(backend), **{key.removesuffix("_s"): value for key, value in config.items()}
        )


def _is_deleted(state: wire.Pod) -> bool:
    return state.metadata is not None and state.metadata.deletion_timestamp is not None


def _holds(state: wire.Pod, policy: Policy, charge: Charge, now: datetime, events: Sequence[wire.Event] = ()) -> bool:
    """Whether a backend charges at the forecast's moment and not just before it."""
    if charge.at is None:
        far = (now, now + timedelta(hours=12), now + timedelta(days=400))
        return not any(triage(state, events=events, policy=policy, now=at).failing for at in far)
    verdict = triage(state, events=events, policy=policy, now=charge.at)
    told = (verdict.kind, verdict.code, verdict.message, verdict.rule)
    if not verdict.failing or told != (charge.kind, charge.code, charge.message, charge.rule):
        return False
    return charge.at == now or not triage(state, events=events, policy=policy, now=charge.at - TICK).failing


def test_every_vector_is_charged_at_the_forecast_moment_and_not_before() -> None:
    """A forecast from an hour before the pod's first change says whether the Go code charges it at the vector's time."""
    wrong = []
    charged = dict.fromkeys(BACKENDS, 0)
    for row in rows("vectors.jsonl.gz"):
        state, now = read_pod(row["pod"]), moment(row["now"])
        early = max(min({now, *_times(row["pod"])}), ANCIENT) - timedelta(hours=1)
        for policy in _policies(row["config"]):
            charge = forecast(state, backend=policy.name, policy=policy, now=early)
            if charge.note.startswith("the pull has just failed") or charge.rule == "stock-deleted":
                continue
            if not _holds(state, policy, charge, early):
                wrong.append((row["id"], policy.name, "moment"))
            if policy.dialect is not None:
                failing = row["expect"][policy.name]["phase"] in ("RetryableFailure", "PermanentFailure")
                charged[policy.name] += failing
                if failing != (charge.at is not None and charge.at <= now):
                    wrong.append((row["id"], policy.name, "Go"))
    assert wrong == []
    assert min(charged[backend] for backend in STOCK) > 1000


def test_the_search_agrees_with_the_forecasts_of_the_vectors() -> None:
    for row in rows("vectors.jsonl.gz")[::29]:
        for policy in _policies(row["config"]):
            if policy.dialect is None or not _is_deleted(read_pod(row["pod"])):
                check(row["pod"], policy, moment(row["now"]))


def test_every_state_of_a_story_is_charged_at_the_forecast_moment_and_not_before() -> None:
    wrong = []
    for name, row in timelines().items():
        for now, document, recorded in list(steps(row))[::3]:
            state, events = read_pod(document), tuple(read_events(recorded))
            for policy in _policies({}):
                charge = forecast(state, backend=policy.name, now=now, events=events)
                if charge.note.startswith("the pull has just failed"):
                    later = read_pod(_backed_off(document))
                    assert charge.at is not None
                    if charge.at < now + BACK_OFF or not triage(later, policy=policy, now=charge.at).failing:
                        wrong.append((name, now, policy.name))
                elif charge.rule == "stock-deleted":
                    if charge.at != now or not _is_deleted(state):
                        wrong.append((name, now, policy.name))
                elif not _holds(state, policy, charge, now, events):
                    wrong.append((name, now, policy.name))
    assert wrong == []


def test_the_stories_that_stock_flyte_charges_are_forecast_before_it_does() -> None:
    """While the pod does not change any more, the forecast from its last change is when the recorder saw the charge."""
    row = timelines()["pull-429-hub-manifest@1.34.4"]
    policy = Policy.for_backend("flyte-1.16")
    states = list(steps(row))
    first = next(at for at, document, _ in states if triage(document, policy=policy, now=at).failing)
    before = [(at, document) for at, document, _ in states if at < first]
    at, document = next(
        (at, document) for at, document in reversed(before) if "ImagePullBackOff" in str(document["status"])
    )
    charge = forecast(document, backend="flyte-1.16", now=at)
    assert charge.at is not None
    assert charge.at <= first


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


# Laws

MOMENTS = st.integers(-4000, 8000).map(lambda seconds: NOW + timedelta(seconds=seconds))
TIGHT = [
    *(Policy.for_backend(backend) for backend in BACKENDS),
    *(attrs.evolve(Policy.for_backend(backend), pod_pending_timeout=400) for backend in BACKENDS),
]


@given(PODS, EVENTS, st.sampled_from(TIGHT), MOMENTS)
def test_the_same_question_has_the_same_answer(
    document: dict[str, Any], events: list[Any], policy: Policy, now: datetime
) -> None:
    first = forecast(document, backend=policy.name, policy=policy, events=events, now=now)
    state, decoded = read_pod(document), tuple(read_events(events))
    assert forecast(state, backend=policy.name, policy=policy, events=decoded, now=now) == first
    assert (first.at is None) == (first.kind is None) == (first.code is None) == (first.message is None)
    assert first.at is None or first.at >= now


@given(PODS, st.sampled_from(TIGHT), MOMENTS, MOMENTS)
def test_a_later_forecast_gives_the_same_moment_or_charges_now(
    document: dict[str, Any], policy: Policy, one: datetime, other: datetime
) -> None:
    now, later = sorted((one, other))
    first = forecast(document, backend=policy.name, policy=policy, now=now)
    second = forecast(document, backend=policy.name, policy=policy, now=later)
    if first.note.startswith("the pull has just failed"):
        # It is about the next back-off, whenever it is asked for.
        assert second.at is not None
        assert first.at is not None
        assert first.at <= max(second.at, later)
    elif first.at is None:
        assert second.at is None
    elif first.at > later:
        assert second == first
    else:
        assert second.at == later


@given(PODS, EVENTS, st.sampled_from(TIGHT), MOMENTS, st.floats(0, 1, exclude_max=True))
def test_a_verdict_does_not_change_before_its_recheck(
    document: dict[str, Any], events: list[Any], policy: Policy, now: datetime, part: float
) -> None:
    """Which is what a forecast relies on: time alone changes nothing before ``recheck_at``, or ever without one."""
    state, decoded = read_pod(document), tuple(read_events(events))
    verdict = triage(state, events=decoded, policy=policy, now=now)
    if verdict.phase.terminal:
        return
    until = verdict.recheck_at or now + timedelta(days=300)
    assert until > now
    between = triage(state, events=decoded, policy=policy, now=now + (until - now) * part)
    assert attrs.evolve(between, recheck_at=None) == attrs.evolve(verdict, recheck_at=None)
