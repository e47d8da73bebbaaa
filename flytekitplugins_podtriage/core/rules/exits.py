"""Rules for processes that have exited, and for what programs print."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category
from flytekitplugins_podtriage.core.rules.rule import Rule

_LOG = "See the task's log."

PROGRAM: Final = (
    Rule(
        id="app-traceback",
        category=Category.APP_ERROR,
        means="the task's code raised an error",
        remedy=_LOG,
        source="Python traceback module ('Traceback (most recent call last):'); flytekit exceptions",
        phrases=(
            "traceback most recent call last",
            "flyteuserexception",
            "flyteassertion",
            "modulenotfounderror",
            "valueerror",
            "errno 28",
            "errno 122",
            "typeerror",
            "keyerror",
            "runtimeerror",
            "importerror",
            "attributeerror",
            "assertionerror",
            "syntaxerror",
        ),
        unless=("nvml", "cuda"),
    ),
    Rule(
        id="app-probe",
        category=Category.APP_ERROR,
        means="the container failed its probe",
        remedy="Fix the program, or its probe in the pod template.",
        source="kubernetes pkg/kubelet/prober (Unhealthy); kuberuntime_manager.go ('failed liveness probe')",
        phrases=(
            "failed liveness probe",
            "failed startup probe",
            "probe failed",
            "probe errored",
        ),
    ),
    Rule(
        id="app-seccomp",
        category=Category.APP_ERROR,
        means="the program made a system call that its seccomp profile forbids",
        remedy="Use a profile that allows the call, or change the program.",
        source="CRI-O server/container_status.go (reason 'seccomp killed')",
        reasons={"seccomp killed"},
    ),
    Rule(
        id="app-job",
        category=Category.APP_ERROR,
        means="the Job's pods failed too often",
        remedy=_LOG,
        source="kubernetes pkg/controller/job/job_controller.go (BackoffLimitExceeded)",
        reasons={"BackoffLimitExceeded", "PodFailurePolicy"},
    ),
)

ENDINGS: Final = (
    Rule(
        id="oom",
        category=Category.OOM,
        means="a container exceeded its memory limit and was killed",
        remedy="Raise the task's memory limit, or reduce its memory use.",
        source="containerd internal/cri/server/events.go and CRI-O (reason OOMKilled); Linux mm/oom_kill.c",
        reasons={"OOMKilled"},
    ),
    Rule(
        id="oom-text",
        category=Category.OOM,
        means="a container exceeded its memory limit and was killed",
        remedy="Raise the task's memory limit, or reduce its memory use.",
        source="containerd and CRI-O (reason OOMKilled); Linux mm/oom_kill.c",
        phrases=(
            "oomkilled",
            "oom killed",
            "out of memory killed process",
            "memory cgroup out of memory",
            "system oom encountered",
        ),
    ),
    Rule(
        id="deadline",
        category=Category.DEADLINE,
        means="the pod ran longer than allowed",
        remedy="Raise the task's timeout, or make the task finish sooner.",
        source="kubernetes pkg/kubelet/active_deadline.go; flytepropeller nodes/executor.go ('task execution timeout')",
        phrases=(
            "active on the node longer than the specified deadline",
            "active longer than specified deadline",
            "task execution timeout",
            "task active timeout",
            "timeoutexpired",
        ),
    ),
    Rule(
        id="app-exit-code",
        category=Category.APP_ERROR,
        means="the task's process exited with an error",
        remedy=_LOG,
        source="flytek8s/pod_helper.go ('terminated with exit code (%v)'); kubelet (CrashLoopBackOff)",
        phrases=("terminated with exit code", "restarting failed container", "exited with code"),
        unless=("reason containerstatusunknown", "exit code 137", "exit code 247"),
    ),
    Rule(
        id="killed-text",
        category=Category.KILLED,
        means="the process was killed externally",
        remedy="The text does not say who killed it; if it repeats, check the task's memory use.",
        source="flytek8s/pod_helper.go (SIGKILL 137, 247: node termination)",
        phrases=("exit code 137", "exit code 247", "signal killed"),
    ),
)
