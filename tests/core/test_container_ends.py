"""How containers ended: init containers that are started again, ends that the runtime made up, killed children."""

from __future__ import annotations

from typing import Any

import pytest

from flytekitplugins_podtriage import Policy, diagnose, triage
from tests.builders import NOW, ago, disruption, pod, running, terminated, waiting

STARTS = waiting("PodInitializing")
"""The main container of a pod whose init containers are not done."""


def ended(exit_code: int, reason: str = "", message: str = "") -> dict[str, Any]:
    """Return a state of a container that ended."""
    state: dict[str, Any] = terminated(exit_code, reason, message)["state"]
    return state


def crash_loops(last: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:
    """Return an init container in back-off after its last end."""
    return waiting("CrashLoopBackOff", "back-off 40s restarting failed container", name="i", lastState=last, **fields)


def initializing(init: dict[str, Any], *others: dict[str, Any], since: float = 600, **fields: Any) -> dict[str, Any]:
    """Return a pod whose init container is in this state, and that has been on its node since then."""
    return pod("Pending", STARTS, inits=[init, *others], startTime=ago(since), age=since, **fields)


NATIVE = {"initContainers": [{"name": "i", "restartPolicy": "Always"}], "restartPolicy": "Never"}
SHIM_LOST = "failed to create containerd task: failed to start shim: fork/exec x: resource temporarily unavailable"

INIT_CRASHES = [
    ("its own error", initializing(crash_loops(ended(1))), "USER", "app_error", "pod-init-exit-code"),
    ("its memory", initializing(crash_loops(ended(137, "OOMKilled"))), "USER", "oom", "pod-oom"),
    ("its memory, and exit code 0", initializing(crash_loops(ended(0, "OOMKilled"))), "USER", "oom", "pod-oom"),
    ("a signal", initializing(crash_loops(ended(137, "Error"))), "SYSTEM", "killed", "pod-killed"),
    ("a lost end", initializing(crash_loops(ended(255, "Unknown"))), "SYSTEM", "node_lost", "pod-container-lost"),
    (
        "a missing command",
        initializing(crash_loops(ended(128, "StartError", 'exec: "x": executable file not found in $PATH'))),
        "USER",
        "command_not_found",
        "command-not-found",
    ),
    (
        "a runtime that could not start it",
        initializing(crash_loops(ended(128, "StartError", SHIM_LOST))),
        "SYSTEM",
        "node_runtime",
        "start-runtime-silent",
    ),
    ("a native sidecar", initializing(crash_loops(ended(2)), spec=NATIVE), "USER", "app_error", "pod-init-exit-code"),
    (
        "the moment of another end",
        initializing(terminated(3, name="i", lastState=ended(1), restartCount=4)),
        "USER",
        "app_error",
        "pod-init-exit-code",
    ),
]


@pytest.mark.parametrize(
    ("given", "kind", "category", "rule"), [pytest.param(*case[1:], id=case[0]) for case in INIT_CRASHES]
)
def test_an_init_container_in_back_off_is_judged_by_its_last_end(
    given: dict[str, Any], kind: str, category: str, rule: str
) -> None:
    verdict = triage(given, now=NOW)
    assert (verdict.phase, verdict.kind, verdict.category) == ("RetryableFailure", kind, category)
    assert (verdict.rule, verdict.container) == (rule, "i")
    held = triage(given, policy=Policy(user_patience=900), now=NOW)
    assert (held.phase, held.kind, held.category, held.rule) == ("Initializing", kind, category, rule)
    assert (held.code, held.message) == (None, None)
    assert held.recheck_at is not None
    assert triage(given, policy=Policy(user_patience=900), now=held.recheck_at).failing


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(initializing(crash_loops(None)), id="no last end"),
        pytest.param(initializing(running(name="i", lastState=ended(1), restartCount=1)), id="runs again"),
        pytest.param(initializing(terminated(1, name="i")), id="its first end"),
        pytest.param(initializing(terminated(0, name="i", lastState=ended(1))), id="done at last"),
    ],
)
def test_an_init_container_that_may_still_do_its_work_is_starting(given: dict[str, Any]) -> None:
    verdict = triage(given, now=NOW)
    assert (verdict.phase, verdict.kind, verdict.category) == ("Initializing", None, None)


def test_a_known_cause_comes_before_a_crash_and_names_decide_between_two() -> None:
    image = waiting("ImagePullBackOff", "manifest unknown", name="j")
    assert triage(initializing(crash_loops(ended(1)), image), now=NOW).category == "not_found"
    other = {**crash_loops(ended(137, "OOMKilled")), "name": "h"}
    both = [
        triage(initializing(*inits), now=NOW)
        for inits in ((crash_loops(ended(1)), other), (other, crash_loops(ended(1))))
    ]
    assert [verdict.container for verdict in both] == ["h", "h"]


def test_a_sidecar_that_crashes_beside_a_running_task_is_waited_out() -> None:
    given = pod("Running", running(), inits=[crash_loops(ended(1))], startTime=ago(600), spec=NATIVE)
    assert triage(given, now=NOW).phase == "Running"


LOST = terminated(
    137, "ContainerStatusUnknown", "The container could not be located when the pod was terminated", name="i"
)
INTERRUPTED = [
    ("deleted in back-off", {"inits": [crash_loops(ended(1))], "deleted": 1}, "USER", "app_error"),
    ("deleted, and its end made up", {"inits": [{**LOST, "lastState": ended(1)}], "deleted": 1}, "USER", "app_error"),
    (
        "deleted after the platform's error",
        {"inits": [crash_loops(ended(255, "Unknown"))], "deleted": 1},
        "SYSTEM",
        "deleted",
    ),
    ("deleted before it ever ended", {"inits": [LOST], "deleted": 1}, "SYSTEM", "deleted"),
    (
        "past its deadline",
        {"inits": [{**LOST, "lastState": ended(1)}], "reason": "DeadlineExceeded"},
        "USER",
        "app_error",
    ),
    ("past its deadline before it ever ended", {"inits": [LOST], "reason": "DeadlineExceeded"}, "SYSTEM", "unknown"),
    (
        "evicted",
        {"inits": [crash_loops(ended(1))], "reason": "Evicted", "message": "The node was low on resource: memory."},
        "SYSTEM",
        "evicted",
    ),
]


@pytest.mark.parametrize(("fields", "kind", "category"), [pytest.param(*case[1:], id=case[0]) for case in INTERRUPTED])
def test_a_pod_that_is_ended_between_two_crashes(fields: dict[str, Any], kind: str, category: str) -> None:
    verdict = triage(pod("Failed", STARTS, **fields), now=NOW)
    assert (verdict.phase, verdict.kind, verdict.category) == ("RetryableFailure", kind, category)


ENDS = [
    ("lost by containerd", pod("Failed", terminated(255, "Unknown")), "SYSTEM", "pod-container-lost"),
    (
        "lost, as the kubelet puts it",
        pod("Failed", terminated(255, "ContainerStatusUnknown")),
        "SYSTEM",
        "pod-container-lost",
    ),
    ("lost while the pod goes on", pod("Running", terminated(255, "Unknown")), "SYSTEM", "pod-container-lost"),
    (
        "an init container",
        pod("Failed", STARTS, inits=[terminated(255, "Unknown", name="i")]),
        "SYSTEM",
        "pod-container-lost",
    ),
    ("an exit code of the program's own", pod("Failed", terminated(255, "Error")), "USER", "pod-exit-code"),
    ("the reason alone", pod("Failed", terminated(1, "Unknown")), "USER", "pod-exit-code"),
    (
        "an init container of its own",
        pod("Failed", STARTS, inits=[terminated(255, name="i")]),
        "USER",
        "pod-init-exit-code",
    ),
    ("a killed child", pod("Failed", terminated(247)), "SYSTEM", "pod-child-killed"),
    ("a killed process", pod("Failed", terminated(137)), "SYSTEM", "pod-killed"),
    ("a killed child, and the memory", pod("Failed", terminated(247, "OOMKilled")), "USER", "pod-oom"),
    (
        "a killed child of a preempted pod",
        pod("Failed", terminated(247), conditions=[disruption("PreemptionByScheduler")]),
        "SYSTEM",
        "pod-disruption-preemption",
    ),
    ("one less than a killed child", pod("Failed", terminated(246)), "USER", "pod-exit-code"),
]


@pytest.mark.parametrize(("given", "kind", "rule"), [pytest.param(*case[1:], id=case[0]) for case in ENDS])
def test_an_end_that_the_exit_code_explains(given: dict[str, Any], kind: str, rule: str) -> None:
    verdict = triage(given, now=NOW)
    assert (verdict.phase, verdict.kind, verdict.rule) == ("RetryableFailure", kind, rule)


def test_a_killed_child_is_explained() -> None:
    verdict = triage(pod("Failed", terminated(247)), now=NOW)
    assert (verdict.code, verdict.category) == ("Interrupted", "killed")
    assert [evidence.text for evidence in verdict.evidence] == ["exit code 247 (a child process was killed by SIGKILL)"]
    assert "memory limit" in verdict.remedy


@pytest.mark.parametrize(
    ("message", "kind", "rule"),
    [
        ("[main] terminated with exit code (255). Reason [Unknown]. Message: \n.", "SYSTEM", "container-lost-text"),
        ("[main] terminated with exit code (255). Reason [Error]. Message: \n.", "USER", "app-exit-code"),
        ("Last State: Terminated\n  Reason: Unknown\n  Exit Code: 255", "SYSTEM", "pod-container-lost"),
        ("[main] terminated with exit code (247). Reason [Error]. Message: \n.", "SYSTEM", "killed-child-text"),
        ("[main] terminated with exit code (137). Reason [Error]. Message: \n.", "SYSTEM", "killed-text"),
    ],
)
def test_an_end_that_a_backend_describes(message: str, kind: str, rule: str) -> None:
    diagnosis = diagnose(message)
    assert (diagnosis.kind, diagnosis.rule) == (kind, rule)


DONE = terminated(0, "Completed")
KILLED_INIT = terminated(0, "OOMKilled", name="i")
OOM = [
    ("after a success", pod("Succeeded", DONE, inits=[KILLED_INIT]), "oom"),
    ("while sidecars still run", pod("Running", DONE, running(name="s"), primary="main", inits=[KILLED_INIT]), "oom"),
    ("before a failure of the task", pod("Failed", terminated(1), inits=[KILLED_INIT]), "oom"),
    ("before a failure without a word", pod("Failed", inits=[KILLED_INIT]), "oom"),
    ("a plain end with 0", pod("Succeeded", DONE, inits=[terminated(0, name="i")]), None),
    (
        "a native sidecar's",
        pod("Succeeded", DONE, inits=[terminated(0, "OOMKilled", name="i")], spec=NATIVE),
        None,
    ),
    (
        "made good by a restart",
        pod("Succeeded", DONE, inits=[terminated(0, name="i", lastState=ended(137, "OOMKilled"))]),
        None,
    ),
    ("while the task runs", pod("Running", running(), inits=[KILLED_INIT]), None),
    (
        "a disruption is what ended it",
        pod("Failed", terminated(1), inits=[KILLED_INIT], conditions=[disruption("PreemptionByScheduler")]),
        "preempted",
    ),
]


@pytest.mark.parametrize(("given", "category"), [pytest.param(*case[1:], id=case[0]) for case in OOM])
def test_an_oom_in_an_init_container_that_exits_with_0(given: dict[str, Any], category: str | None) -> None:
    verdict = triage(given, now=NOW)
    assert (verdict.category, verdict.failing) == (category, category is not None)
    if category == "oom":
        assert (verdict.kind, verdict.rule, verdict.container) == ("USER", "pod-oom", "i")
