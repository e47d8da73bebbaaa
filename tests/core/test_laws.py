"""Laws that hold for every pod there can be, shown by Hypothesis."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flytekitplugins_podtriage import InvalidPod, Memory, Policy, Verdict, diagnose, forecast, remember, triage
from tests.core.strategies import ANYTHING, EVENTS, PODS, TEXTS

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
BACKENDS = ("podtriage", "flyte-1.16", "flyte-2")
POLICIES = [
    *(Policy.for_backend(name) for name in BACKENDS),
    Policy(system_patience=0, user_patience=0),
    Policy(pod_pending_timeout=60),
]


@given(PODS, EVENTS, st.sampled_from(POLICIES))
def test_every_pod_shaped_value_gets_a_verdict(pod: dict[str, Any], events: list[Any], policy: Policy) -> None:
    verdict = triage(pod, events=events, policy=policy, now=NOW)
    assert verdict.rule
    assert verdict.backend == policy.name
    assert (verdict.code is not None) == (verdict.message is not None) == verdict.phase.failing
    if verdict.phase.failing:
        assert verdict.kind is not None
        assert not verdict.reason


@given(ANYTHING, st.sampled_from(POLICIES))
def test_anything_else_gets_a_verdict_or_invalid_pod(value: Any, policy: Policy) -> None:
    for given_as in (value, json.dumps(value), json.dumps(value).encode()):
        try:
            triage(given_as, policy=policy, now=NOW)
        except InvalidPod as error:
            assert "\n" not in str(error)


@given(st.binary(max_size=60))
def test_arbitrary_bytes_get_a_verdict_or_invalid_pod(data: bytes) -> None:
    try:
        triage(data, now=NOW)
    except InvalidPod as error:
        assert str(error).startswith("not a Pod")


@given(PODS, EVENTS, st.sampled_from(POLICIES))
def test_the_same_question_has_the_same_answer(pod: dict[str, Any], events: list[Any], policy: Policy) -> None:
    first = triage(pod, events=events, policy=policy, now=NOW)
    again = triage(json.dumps(pod), events=[json.dumps(event) for event in events], policy=policy, now=NOW)
    assert first == again


@given(PODS, EVENTS, st.randoms(use_true_random=False), st.sampled_from([0, 3, 4]))
def test_podtriage_is_blind_to_the_order_of_containers(
    pod: dict[str, Any], events: list[Any], random: Any, which: int
) -> None:
    policy = POLICIES[which]
    status = pod.get("status") or {}
    before = triage(pod, events=events, policy=policy, now=NOW)
    for key in ("containerStatuses", "initContainerStatuses"):
        if status.get(key):
            random.shuffle(status[key])
    assert triage(pod, events=events, policy=policy, now=NOW) == before


@given(PODS, EVENTS, st.sampled_from(POLICIES))
def test_a_verdict_survives_the_way_through_json(pod: dict[str, Any], events: list[Any], policy: Policy) -> None:
    verdict = triage(pod, events=events, policy=policy, now=NOW)
    data = verdict.to_json()
    assert Verdict.from_json(data) == verdict
    assert set(json.loads(data)) == {field.name for field in attrs.fields(Verdict)}


@given(PODS, EVENTS)
def test_a_memory_survives_the_way_through_json_and_is_idempotent(pod: dict[str, Any], events: list[Any]) -> None:
    memory = remember(None, pod, events, now=NOW)
    assert Memory.from_json(memory.to_json()) == memory
    assert remember(memory, pod, events, now=NOW) == memory
    assert triage(pod, events=events, memory=memory, now=NOW).rule


@given(PODS, EVENTS, st.sampled_from(BACKENDS))
def test_a_forecast_is_what_the_backend_says_when_its_moment_has_come(
    pod: dict[str, Any], events: list[Any], backend: str
) -> None:
    charge = forecast(pod, backend=backend, now=NOW, events=events)
    assert (charge.at is None) == (charge.kind is None)
    if charge.at is not None and not charge.note and charge.rule != "stock-deleted":
        then = triage(pod, events=events, policy=Policy.for_backend(backend), now=charge.at)
        assert (then.kind, then.code) == (charge.kind, charge.code)


@given(TEXTS)
def test_every_text_gets_a_diagnosis(text: str | None) -> None:
    diagnosis = diagnose(text or "")
    assert diagnosis.rule
    assert diagnosis.remedy or diagnosis.category != "unknown"


TRAPS = (
    "429",
    "too-many-requests",
    "toomanyrequests",
    "denied",
    "timeout",
    "not-found",
    "no-such-host",
    "503",
    "rate-limit",
    "unauthorized",
    "oom-killed",
    "x509",
    "evicted",
    "manifest-unknown",
    "proxyconnect",
    "no-space-left-on-device",
)
FRAMES = (
    'Failed to pull image "{image}": failed to pull and unpack image "{image}": failed to resolve reference "{image}": '
    "{image}: not found",
    'Back-off pulling image "{image}": ErrImagePull: failed to pull and unpack image "{image}": failed to copy: '
    "httpReadSeeker: failed open: unexpected status code https://{host}/v2/{path}/manifests/{tag}: 403 Forbidden",
    "Error: initializing source docker://{image}: reading manifest {tag} in {host}/{path}: manifest unknown",
    'Failed to pull image "{image}": rpc error: code = Unknown desc = reading manifest {tag} in {host}/{path}: '
    "toomanyrequests: You have reached your pull rate limit.",
    'failed to do request: Head "https://{host}/v2/{path}/manifests/{tag}": dial tcp 10.1.2.3:443: i/o timeout',
    "pulling from host {host} failed with status code [manifests {tag}]: 401 Unauthorized",
    "Error response from daemon: manifest for {image} not found: manifest unknown: manifest unknown",
    "Error response from daemon: pull access denied for {image}, repository does not exist or may require 'docker login'",
)


@given(
    st.sampled_from(FRAMES),
    st.lists(st.sampled_from(TRAPS), min_size=1, max_size=3),
    st.one_of(st.sampled_from(TRAPS), st.sampled_from(["v1", "latest"])),
    st.sampled_from(["registry.example.com", "localhost:5000", "too-many-requests.example.com:429", "timeout.io"]),
)
@settings(max_examples=2 * settings.default.max_examples)
def test_a_trap_word_inside_an_image_reference_changes_nothing(
    frame: str, path: list[str], tag: str, host: str
) -> None:
    def message(host: str, path: str, tag: str) -> str:
        return frame.format(image=f"{host}/{path}:{tag}", host=host, path=path, tag=tag)

    plain = diagnose(message("registry.example.com", "acme/app", "v1"))
    trapped = diagnose(message(host, "/".join(path), tag))
    assert (trapped.category, trapped.kind, trapped.rule) == (plain.category, plain.kind, plain.rule)
    assert trapped.http_status == plain.http_status


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_moment_without_a_zone_is_refused(backend: str) -> None:
    naive = datetime(2026, 3, 1, 12, 0)  # noqa: DTZ001  # that is the point
    with pytest.raises(ValueError, match="naive"):
        triage({}, policy=Policy.for_backend(backend), now=naive)
    with pytest.raises(ValueError, match="naive"):
        forecast({}, backend=backend, now=naive)
    with pytest.raises(ValueError, match="naive"):
        remember(None, {}, now=naive)
