"""A reason that stands alone says what it means and where the cause stands; beside a message it changes nothing."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.diagnose import diagnose
from flytekitplugins_podtriage.core.rules.bare_reasons import RULES, reason_alone
from flytekitplugins_podtriage.report.text.rule_text import rule_title


@pytest.mark.parametrize(
    ("text", "rule", "means", "where"),
    [
        ("ImagePullBackOff", "bare-pull", "an image cannot be pulled", "the pod's events"),
        ("ErrImagePull", "bare-pull", "an image cannot be pulled", "Failed to pull image"),
        ("Init:ImagePullBackOff", "bare-pull", "an image cannot be pulled", "the pod's events"),
        ("Error: ImagePullBackOff", "bare-pull", "an image cannot be pulled", "the pod's events"),
        ("ContainersNotReady|ImagePullBackOff", "bare-pull", "an image cannot be pulled", "the pod's events"),
        ('Back-off pulling image "docker.io/acme/x:1"', "bare-pull", "an image cannot be pulled", "the pod's events"),
        ("CrashLoopBackOff", "bare-crash-loop", "keeps ending", "lastState.terminated"),
        ("Error", "bare-error", "exit code other than 0", "state.terminated"),
        ("Init:Error", "bare-error", "exit code other than 0", "state.terminated"),
        ("CreateContainerError", "bare-create", "cannot be created", "state.waiting.message"),
        ("Pending", "bare-pending", "waits for a node", "PodScheduled"),
        ("ContainerCreating", "bare-starting", "nothing has failed", "events"),
        ("Interrupted", "bare-ended", "something outside ended the pod", "status.message"),
        ("  Completed\n", "bare-completed", "exit code 0", "error document"),
        ("RetriesExhausted", "bare-retries", "the task failed", "Last Error:"),
    ],
)
def test_a_reason_alone_says_what_it_means_and_where_the_cause_stands(
    text: str, rule: str, means: str, where: str
) -> None:
    diagnosis = diagnose(text)
    assert (diagnosis.rule, diagnosis.category) == (rule, "unknown")
    assert means in rule_title(diagnosis)
    assert where in diagnosis.remedy
    assert diagnosis.notes == ("No rule names the cause: the kind is a default, not a finding.",)


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("OOMKilled", "oom"),
        ("OutOfcpu", "admission_rejected"),
        ("InvalidImageName", "invalid_reference"),
        ("ErrImageNeverPull", "never_pull"),
        ("NodeAffinity", "admission_rejected"),
    ],
)
def test_a_reason_that_is_a_cause_is_judged_as_one(text: str, category: str) -> None:
    assert diagnose(text).category == category


@pytest.mark.parametrize(
    "text", ["Evicted", "FailedMount", "OutOfcpu", "FailedScheduling", "Init:CreateContainerConfigError"]
)
def test_what_is_judged_by_its_reason_alone_says_so(text: str) -> None:
    diagnosis = diagnose(text)
    assert diagnosis.category != "unknown"
    assert "`kubectl describe pod NAME | podtriage explain -`" in diagnosis.notes[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ERROR",
        "error",
        "Error in model.fit(): bad shape",
        "ImagePullBackOff of the other pod",
        "Something",
        'Back-off pulling image "x": ErrImagePull: 429 Too Many Requests',
        "x" * 5_000,
    ],
)
def test_any_other_text_is_not_taken_for_a_reason(text: str) -> None:
    assert not diagnose(text).rule.startswith("bare-")


def test_a_reason_beside_an_empty_message_stands_alone_too() -> None:
    assert diagnose("", reason="ImagePullBackOff").rule == "bare-pull"
    assert diagnose('Back-off pulling image "a/b"', reason="ImagePullBackOff").rule == "bare-pull"
    assert diagnose("429 Too Many Requests", reason="ImagePullBackOff").rule == "pull-429"


@pytest.mark.parametrize("text", ["Init:" * 30 + "Error", "A|" * 1000 + "Error", "Back-off pulling image " + "a" * 900])
def test_long_chains_are_read_at_once(text: str) -> None:
    reason_alone(text)


def test_each_reason_has_one_meaning() -> None:
    reasons = [reason for rule in RULES for reason in rule.reasons]
    assert len(reasons) == len(set(reasons))
