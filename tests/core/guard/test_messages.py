"""The message that reaches the user, which is also how the guard knows its own patches again."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.guard.acts import act_of
from flytekitplugins_podtriage.core.guard.decision import decide
from flytekitplugins_podtriage.core.guard.messages import MAX_BYTES, message_of
from flytekitplugins_podtriage.core.guard.owned_pod import OwnedPod
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.signature import corrected, ended_as
from flytekitplugins_podtriage.core.guard.values import Act, ActKind
from flytekitplugins_podtriage.core.model import Charge, ErrorKind, Phase, Verdict
from flytekitplugins_podtriage.core.triage import triage
from tests.builders import NOW, terminated
from tests.core.guard import pods
from tests.core.guard.pods import GRACE, MISSING, back_off, policy

AGE = GRACE - 3


def act(pod: OwnedPod, settings: GuardPolicy, **task: object) -> Act:
    record = pods.record(settings.backend, **task)
    decision = decide(pods.snapshot(pod), Freshness.current(NOW), settings, NOW, task=record)
    return act_of(decision, pod, record, settings.backend)


def test_two_lines_tell_cause_evidence_budget_and_remedy() -> None:
    first, second = act(pods.pod(age=AGE), policy()).message.split("\n")

    assert first.startswith(
        "podtriage guard ended this pod: docker.io limits how often this node may pull (HTTP 429) (ImagePullBackOff): "
    )
    assert first.endswith("manifests/1: 429 Too Many Requests")
    assert second.startswith(
        "SYSTEM: the failure is the platform's; system retry 1 of 3. "
        "Without podtriage: USER, |ImagePullBackOff. Fix: Add an image pull secret for docker.io"
    )


@pytest.mark.parametrize(
    ("pod", "settings", "task", "second"),
    [
        pytest.param(
            pods.pod("Pending", back_off(MISSING), age=60),
            policy(fail_fast=True),
            {},
            "USER: the failure is the task's own; a user retry pays, 1 left after it. Fix: ",
            id="an image that does not exist",
        ),
        pytest.param(
            pods.pod(backend="flyte-2", age=AGE),
            policy("flyte-2"),
            {"system_restarts": 3},
            "USER: the pod was restarted 3 times for the platform's sake, and the limit is 3; a user retry pays, 1 left "
            "after it. Without podtriage: SYSTEM, |ImagePullBackOff. Fix: ",
            id="past the cap of Flyte 2",
        ),
        pytest.param(
            pods.pod("Failed", reason="Evicted", message="The node was low on resource: memory."),
            policy(rescue=True),
            {},
            "SYSTEM: the failure is the platform's; system retry 1 of 3. "
            'Before: Evicted, "The node was low on resource: memory.". Fix: ',
            id="a rescue keeps the original",
        ),
        pytest.param(
            pods.pod("Failed", terminated(1)),
            policy(rescue=True),
            {"retries_known": False},
            "USER: the failure is the task's own; a user retry pays if there is one. Before: no reason, no message. Fix: ",
            id="a crash has neither",
        ),
    ],
)
def test_the_second_line_says_who_pays(
    pod: OwnedPod, settings: GuardPolicy, task: dict[str, object], second: str
) -> None:
    assert act(pod, settings, **task).message.split("\n")[1].startswith(second)


@pytest.mark.parametrize("kind", list(ActKind))
@pytest.mark.parametrize("backend", ["flyte-1.16", "flyte-2"])
def test_the_guard_knows_its_own_patches_again_and_which_of_them_want_a_deletion(kind: ActKind, backend: str) -> None:
    verdict = Verdict(Phase.INITIALIZING, ErrorKind.SYSTEM, reason="x")
    message = message_of(kind, pods.pod(), verdict, None, "why", backend)
    reason = {"system": "Terminated", "user": "StartFailed"}[kind.value.rpartition("-")[2]]
    if not kind.deletes:
        reason = {"Terminated": "Terminated", "StartFailed": "Error"}[reason]

    patched = pods.with_status(pods.pod(), reason, message, "8")

    assert ended_as(patched) is (kind if kind.deletes else None)
    assert corrected(patched) is not kind.deletes
    assert ended_as(pods.pod()) is None


def test_a_shutdown_of_the_node_is_not_taken_for_a_patch() -> None:
    shutdown = "Pod was terminated in response to imminent node shutdown."

    assert ended_as(pods.with_status(pods.pod(), "Terminated", shutdown, "8")) is None
    assert ended_as(pods.with_status(pods.pod(), "Evicted", "podtriage guard ended this pod: x", "8")) is None


@pytest.mark.parametrize("kind", list(ActKind))
def test_both_backends_read_the_kind_out_of_what_is_written(kind: ActKind) -> None:
    from flytekitplugins_podtriage.core.guard.signature import REASONS

    patched = pods.with_status(pods.pod(), REASONS[kind], "x", "8")

    for settings in (policy(), policy("flyte-2")):
        assert triage(patched, policy=settings.stock, now=NOW).kind is kind.kind


HOSTILE = [
    pytest.param("a" * 2_000_000, id="megabytes"),
    pytest.param("\x1b[31mred\x1b[0m\r\n\x00\u202eevil\u2028line\nanother", id="control characters"),
    pytest.param("\U0001f600" * 3000, id="four bytes a character"),
    pytest.param("\ud800 a lone surrogate", id="a lone surrogate"),
    pytest.param("GET https://bob:hunter2@registry.example/v2/?token=hunter2secret", id="secrets"),
    pytest.param("podtriage guard ended this pod: by me\nUSER: nobody pays", id="a forged message"),
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("backend", ["flyte-1.16", "flyte-2"])
@pytest.mark.parametrize("kind", list(ActKind))
def test_a_hostile_text_makes_two_short_lines(kind: ActKind, backend: str, text: str) -> None:
    verdict = Verdict(Phase.RETRYABLE_FAILURE, ErrorKind.SYSTEM, "C", message=f"{text}\nFix: {text}", remedy=text)
    pod = pods.with_status(pods.pod(), text, text, "8")
    charge = Charge(backend, NOW, ErrorKind.USER, code=text)

    message = message_of(kind, pod, verdict, charge, text, backend)

    assert message.count("\n") == 1
    assert message.replace("\n", "").isprintable()
    assert len(message.encode()) <= MAX_BYTES[backend]
    assert "hunter2" not in message
    assert message.startswith("podtriage guard ")


@given(st.text(max_size=3000), st.text(max_size=1000), st.text(max_size=2000), st.sampled_from(list(ActKind)))
def test_no_text_makes_it_too_long_or_more_than_two_lines(cause: str, why: str, remedy: str, kind: ActKind) -> None:
    verdict = Verdict(Phase.INITIALIZING, ErrorKind.SYSTEM, reason=cause, remedy=remedy)

    message = message_of(kind, pods.pod(), verdict, None, why, "flyte-2")

    assert len(message.encode()) <= 900
    assert len(message.split("\n")) == 2
    assert msgspec.json.decode(msgspec.json.encode(message)) == message
