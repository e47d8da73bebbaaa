"""How Argo, Airflow, Prefect, Tekton, GitLab and others wrap the same causes."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage import diagnose
from flytekitplugins_podtriage.core.match import match_message

CASES = [
    ("a query that is slow is no deadline of a pod", "query execution took longer than 30s", None, "unknown", "SYSTEM"),
    (
        "a job of GitLab that is too slow is the user",
        "ERROR: Job failed: execution took longer than 1h0m0s seconds",
        None,
        "deadline",
        "USER",
    ),
    ("a step of Argo that fails is the user", "Error (exit code 1)", None, "app_error", "USER"),
    (
        "what a step of Argo left is its own",
        'main: Error (exit code 1): Get "https://api.example/v1": dial tcp 1.2.3.4:443: i/o timeout',
        None,
        "app_error",
        "USER",
    ),
    ("a step of Argo that is killed is no error of its own", "Error (exit code 137)", None, "killed", "SYSTEM"),
    ("a step of Argo without memory is the user", "OOMKilled (exit code 137)", None, "oom", "USER"),
    (
        "a node of Kubeflow repeats the cause",
        "This step is in Failed state with this message: OOMKilled (exit code 137)",
        None,
        "oom",
        "USER",
    ),
    (
        "a step of Argo that is too slow is the user",
        "Pod was active on the node longer than the specified deadline",
        None,
        "deadline",
        "USER",
    ),
    (
        "a step of Argo that cannot start is its cause",
        'StartError (exit code 128): failed to create containerd task: OCI runtime create failed: runc create failed: unable to start container process: exec: "train": executable file not found in $PATH: unknown',
        None,
        "command_not_found",
        "USER",
    ),
    (
        "a workflow that is wrong is the user",
        "withParam value could not be parsed as a JSON list: x",
        None,
        "config_invalid",
        "USER",
    ),
    (
        "Airflow that gives up names no cause",
        "Pod Launching failed: Pod took too long to start, Failed to run task",
        None,
        "unknown",
        "SYSTEM",
    ),
    ("a task of Airflow that fails is the user", "Task exited with return code 1", None, "app_error", "USER"),
    (
        "a task of Airflow that is killed is no error of its own",
        "Task exited with return code Negsignal.SIGKILL",
        None,
        "killed",
        "SYSTEM",
    ),
    (
        "a flow of Prefect that fails is the user",
        "Reported flow run crashed: Flow run infrastructure exited with non-zero status code 1.",
        None,
        "app_error",
        "USER",
    ),
    (
        "a flow of Prefect that is killed is no error of its own",
        "Flow run infrastructure exited with non-zero status code: 137",
        None,
        "killed",
        "SYSTEM",
    ),
    (
        "a step of Tekton that fails is the user",
        '"step-build" exited with code 1 (image: "docker-pullable://alpine@sha256:aa"); for logs run: kubectl -n a logs b -c step-build',
        None,
        "app_error",
        "USER",
    ),
    (
        "a run of Tekton that is too slow is the user",
        'TaskRun "build" failed to finish within "1h0m0s"',
        None,
        "deadline",
        "USER",
    ),
    (
        "an image of Tekton that is missing is the user",
        'TaskRunImagePullFailed: the step "a" in TaskRun "b" failed to pull the image "r.example/a:1". The pod errored with the message: "manifest unknown"',
        None,
        "not_found",
        "USER",
    ),
    (
        "a pod of Tekton that is refused is its cause",
        'PodCreationFailed: failed to create task run pod "a": pods "a" is forbidden: exceeded quota: team, requested: cpu=1',
        None,
        "quota",
        "SYSTEM",
    ),
    ("a job of GitLab that fails is the user", "ERROR: Job failed: exit code 1", None, "app_error", "USER"),
    (
        "a job of GitLab that cannot start is its cause",
        'ERROR: Job failed (system failure): prepare environment: image pull failed: Failed to pull image "a:1": manifest unknown',
        None,
        "not_found",
        "USER",
    ),
    (
        "a job of GitLab that waits for a pod names no cause",
        "ERROR: Job failed (system failure): prepare environment: waiting for pod running: timed out waiting for pod to start.",
        None,
        "unknown",
        "SYSTEM",
    ),
    (
        "a Job of Kubernetes that is too slow is the user",
        "Job was active longer than specified deadline",
        None,
        "deadline",
        "USER",
    ),
    (
        "a Job of Kubernetes that fails too often is the user",
        "Job has reached the specified backoff limit",
        None,
        "app_error",
        "USER",
    ),
    (
        "a shell tells that a process was killed",
        "/bin/sh: line 1:     7 Killed                  python train.py",
        None,
        "killed",
        "SYSTEM",
    ),
    (
        "a script tells that a process was killed",
        "./run.sh: line 12: 34567 Killed   python train.py",
        None,
        "killed",
        "SYSTEM",
    ),
    ("a process that was not killed is none", "the worker was killed by its supervisor", None, "unknown", "SYSTEM"),
    (
        "Airflow that counts seconds names no cause",
        "Pod took longer than 120 seconds to start. Check the pod events in kubernetes to determine why.",
        None,
        "unknown",
        "SYSTEM",
    ),
    (
        "a run of Dagster that fails names no cause",
        "Step a failed health check: Discovered failed Kubernetes job dagster-step-1 for step a.",
        None,
        "unknown",
        "SYSTEM",
    ),
    (
        "a replica of Kubeflow that fails is the user",
        "PyTorchJob train is failed because 1 Worker replica(s) failed.",
        None,
        "app_error",
        "USER",
    ),
    (
        "a pod of Tekton that a policy denies is the user",
        'PodCreationFailed: failed to create task run pod "a": admission webhook "validate.kyverno.svc-fail" denied the request: no. Maybe invalid TaskSpec',
        None,
        "admission_rejected",
        "USER",
    ),
    (
        "a flow of Prefect that ended somehow names no cause",
        "Flow run infrastructure exited with non-zero status code -1.",
        None,
        "unknown",
        "SYSTEM",
    ),
    ("a program that ends with -1 says so itself", "train exited with code -1", None, "app_error", "USER"),
    (
        "a job of Prefect that is too slow is the user",
        "Job 'a': Job did not complete within timeout of 5s.",
        None,
        "deadline",
        "USER",
    ),
    ("a task of Airflow that is too slow is the user", "Process timed out, PID: 12846", None, "deadline", "USER"),
    (
        "a pod of Dagster that fails names no cause",
        "Encountered failed job pods for job dagster-run-1 with status: x, in namespace a",
        None,
        "unknown",
        "SYSTEM",
    ),
    (
        "an executor of Spark that fails is the user",
        "The executor with id 1 exited with exit code 52(JVM OOM).",
        None,
        "app_error",
        "USER",
    ),
    (
        "a container of Spark that fails is the user",
        "The executor with id 1 exited with exit code 0(success).\nThe API gave the following container statuses:\n\n container name: a\n container state: terminated\n exit code: 52\n termination reason: Error",
        None,
        "app_error",
        "USER",
    ),
    (
        "an executor of Spark without memory is the user",
        "The executor with id 1 exited with exit code 137(SIGKILL, possible container OOM).\nThe API gave the following container statuses:\n\n container name: a\n container state: terminated\n exit code: 137\n termination reason: OOMKilled",
        None,
        "oom",
        "USER",
    ),
    (
        "an executor of Spark that is killed is no error of its own",
        "The executor with id 1 exited with exit code 137(SIGKILL, possible container OOM).\nThe API gave the following container statuses:\n\n container name: a\n container state: terminated\n exit code: 137\n termination reason: Error",
        None,
        "killed",
        "SYSTEM",
    ),
    (
        "an executor of Spark that ended somehow names no cause",
        "The executor with id 1 exited with exit code -1(unexpected).",
        None,
        "unknown",
        "SYSTEM",
    ),
    (
        "an executor of Spark that was deleted was",
        "The executor with id 3 was deleted by a user or the framework.",
        None,
        "deleted",
        "SYSTEM",
    ),
]


@pytest.mark.parametrize(
    ("message", "reason", "category", "kind"), [pytest.param(*case, id=name) for name, *case in CASES]
)
def test_cause(message: str, reason: str | None, category: str, kind: str) -> None:
    rule = match_message(message, reason).rule
    assert (rule.category, rule.kind) == (category, kind), rule.id


def test_that_an_engine_gave_up_names_no_cause_even_in_its_own_exception() -> None:
    diagnosis = diagnose("airflow.exceptions.AirflowException: Pod took too long to start")
    assert (diagnosis.category, diagnosis.kind, diagnosis.rule) == ("unknown", "SYSTEM", "start-given-up")


def test_a_shell_in_a_program_tells_that_a_process_was_killed() -> None:
    assert diagnose("bash: line 1:    7 Killed                  python train.py").category == "killed"
