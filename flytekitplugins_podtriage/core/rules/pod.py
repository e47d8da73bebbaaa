"""Rules for the pod's own configuration, command and end, and for what the scheduler says of it."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.rules.rule import Rule

_START = "opencontainers/runc libcontainer (init_linux.go, standard_init_linux.go); Go os/exec ('executable file not found')"

SCHEDULING: Final = (
    Rule(
        id="unschedulable-selector",
        category=Category.UNSCHEDULABLE,
        kind=ErrorKind.USER,
        means="no node has the labels that the pod selects",
        remedy="Correct the node selector or affinity of the task's pod template, or have such nodes added.",
        source="kubernetes pkg/scheduler/framework/plugins/nodeaffinity (ErrReasonPod)",
        phrases=("didn t match pod s node affinity selector", "didn t match node selector",
                 "didn t match pod s node affinity"),
        unless=("insufficient", "untolerated taint", "unschedulable", "had taint"),
    ),
    Rule(
        id="unschedulable",
        category=Category.UNSCHEDULABLE,
        kind=ErrorKind.SYSTEM,
        means="no node can take the pod at present",
        remedy="Check what the task asks for (resources, selector, tolerations) against the nodes there are; else wait.",
        source="kubernetes pkg/scheduler/framework/types.go (FitError: '%d/%d nodes are available')",
        phrases=("nodes are available", "no nodes available to schedule pods", "pod didn t trigger scale up",
                 "didn t match pod s node affinity", "preemption is not helpful for scheduling", "had untolerated taint",
                 "no preemption victims found", "nodegroup"),
    ),
    Rule(
        id="unschedulable-reason",
        category=Category.UNSCHEDULABLE,
        kind=ErrorKind.SYSTEM,
        means="no node can take the pod at present",
        remedy="Check what the task asks for (resources, selector, tolerations) against the nodes there are; else wait.",
        source="kubernetes pkg/scheduler (FailedScheduling, PodReasonUnschedulable)",
        reasons={"FailedScheduling", "Unschedulable", "NotTriggerScaleUp"},
    ),
    Rule(
        id="quota-limit-range",
        category=Category.QUOTA,
        kind=ErrorKind.USER,
        means="the pod asks for more than the namespace allows to one pod",
        remedy="Ask for less in the task's resources, or have the platform widen the namespace's LimitRange.",
        source="kubernetes plugin/pkg/admission/limitranger/admission.go",
        phrases=("maximum cpu usage per", "maximum memory usage per", "minimum cpu usage per", "minimum memory usage per",
                 "usage per container is", "usage per pod is"),
    ),
)

CONFIGURATION: Final = (
    Rule(
        id="config-missing",
        category=Category.CONFIG_MISSING,
        kind=ErrorKind.USER,
        means="a secret or config map (or a key of it) that the pod needs does not exist",
        remedy="Create the secret or config map, or the key, that the message names, in the task's namespace.",
        source="kubernetes pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables), pkg/util/... ('couldn't find key')",
        phrases=("couldn t find key", "secret nameref not found", "configmap nameref not found", "secrets nameref not found",
                 "configmaps nameref not found", "secret not found", "configmap not found",
                 "references non existent secret key", "references non existent config key", "serviceaccount nameref not found",
                 "couldn t find key in secret", "couldn t find key in configmap", "persistentvolumeclaim nameref not found secret"),
        unless=("imagepullsecrets", "unable to retrieve some image pull secrets"),
    ),
    Rule(
        id="config-invalid",
        category=Category.CONFIG_INVALID,
        kind=ErrorKind.USER,
        means="the pod's configuration does not fit the image or the node",
        remedy="Correct the pod template as the message says.",
        source="kubernetes pkg/kubelet/kuberuntime/security_context.go, kuberuntime_container.go; subpath_linux.go",
        phrases=("container has runasnonroot", "runasnonroot", "cannot verify user is non root", "no command specified",
                 "failed to prepare subpath", "failed to create subpath", "is not a valid capability", "unknown capability",
                 "invalid mount path", "not a directory are you trying to mount a directory onto a file",
                 "are you trying to mount a directory", "hostpath type check failed", "is not a shared mount",
                 "duplicate mount point", "no command was specified", "invalid environment variable", "minimum memory limit",
                 "memory limit too low", "container init was oom killed memory limit too low", "invalid cpu",
                 "unable to find user", "unable to find group", "no matching entries in passwd file", "no users found",
                 "invalid working directory", "chdir to cwd", "cannot chdir", "error mounting", "invalid seccomp",
                 "apparmor profile", "sysctl", "mkdir not a directory", "no such container user", "invalid securitycontext"),
    ),
)

COMMAND: Final = (
    Rule(
        id="command-not-found",
        category=Category.COMMAND_NOT_FOUND,
        kind=ErrorKind.USER,
        means="the container's command does not exist in the image, or cannot be executed",
        remedy="Correct the command, or build an image that has it (for flytekit: install flytekit in {image}).",
        source=_START,
        phrases=("executable file not found in path", "executable file not found", "no such file or directory unknown",
                 "stat no such file or directory", "not a directory unknown", "command not found",
                 "exec nameref", "exec permission denied", "permission denied unknown", "is a directory unknown",
                 "starting container process caused", "unable to start container process"),
        also=("not found", "no such file or directory", "permission denied", "not a directory", "is a directory"),
        unless=("rootfs", "mounting", "nvidia", "cgroup", "hook", "exec format error"),
    ),
    Rule(
        id="runtime-start-failed",
        category=Category.NODE_RUNTIME,
        kind=ErrorKind.SYSTEM,
        means="the container runtime could not start the container",
        remedy="The platform should look at the container runtime of the node; another node may do.",
        source="opencontainers/runc, crun; containerd ('failed to create containerd task')",
        phrases=("oci runtime create failed", "oci runtime error", "runc create failed", "failed to create containerd task",
                 "container create failed", "failed to create shim task", "createcontainer", "failed to start container"),
    ),
)

ENDINGS: Final = (
    Rule(
        id="oom",
        category=Category.OOM,
        kind=ErrorKind.USER,
        means="a container used more memory than its limit and was killed",
        remedy="Raise the task's memory limit, or let it use less.",
        source="kubernetes pkg/kubelet/kuberuntime (reason OOMKilled); Linux mm/oom_kill.c",
        reasons={"OOMKilled"},
    ),
    Rule(
        id="oom-text",
        category=Category.OOM,
        kind=ErrorKind.USER,
        means="a container used more memory than its limit and was killed",
        remedy="Raise the task's memory limit, or let it use less.",
        source="kubernetes pkg/kubelet/kuberuntime (reason OOMKilled); runc ('OOM-killed'); Linux mm/oom_kill.c",
        phrases=("oomkilled", "oom killed", "out of memory killed process", "memory cgroup out of memory",
                 "system oom encountered", "despite being oomkilled"),
    ),
    Rule(
        id="deadline",
        category=Category.DEADLINE,
        kind=ErrorKind.USER,
        means="the pod ran longer than its activeDeadlineSeconds",
        remedy="Raise the task's timeout, or let it finish sooner.",
        source="kubernetes pkg/kubelet/active_deadline.go (DeadlineExceeded)",
        phrases=("active on the node longer than the specified deadline", "task execution timeout", "task active timeout",
                 "timeoutexpired"),
    ),
    Rule(
        id="deleted-status-unknown",
        category=Category.DELETED,
        kind=ErrorKind.SYSTEM,
        means="the pod was ended from outside before its container ran",
        remedy="Nothing to mend in the task: something deleted the pod, or its node went away.",
        source="kubernetes pkg/kubelet/status/status_manager.go (ContainerStatusUnknown)",
        reasons={"ContainerStatusUnknown"},
    ),
    Rule(
        id="deleted-text",
        category=Category.DELETED,
        kind=ErrorKind.SYSTEM,
        means="the pod was ended from outside",
        remedy="Nothing to mend in the task: something deleted the pod, or its node went away.",
        source="kubernetes status_manager.go; propeller nodes/task/k8s/plugin_manager.go ('resource not found')",
        phrases=("could not be located when the pod was terminated", "could not be located when the pod was deleted",
                 "resource not found name", "object deleted", "manually deleted", "pod was deleted"),
    ),
    Rule(
        id="app-traceback",
        category=Category.APP_ERROR,
        kind=ErrorKind.USER,
        means="the task's own code failed",
        remedy="Look into the task's log.",
        source="Python traceback module ('Traceback (most recent call last):'); flytekit's user exceptions",
        phrases=("traceback most recent call last", "flyteuserexception", "user code", "flyteassertion"),
    ),
    Rule(
        id="app-exit-code",
        category=Category.APP_ERROR,
        kind=ErrorKind.USER,
        means="the task's own process ended with an error",
        remedy="Look into the task's log.",
        source="flytek8s/pod_helper.go ('terminated with exit code (%v)'); kubelet (reason Error, CrashLoopBackOff)",
        phrases=("terminated with exit code", "restarting failed container", "exited with code"),
        unless=("reason containerstatusunknown", "exit code 137", "exit code 247"),
    ),
    Rule(
        id="killed-text",
        category=Category.KILLED,
        kind=ErrorKind.SYSTEM,
        means="the process was killed from outside",
        remedy="Nothing in the text names who killed it; if it happens again, watch the task's memory.",
        source="flytek8s/pod_helper.go (SIGKILL 137, 247: node termination)",
        phrases=("exit code 137", "exit code 247", "signal killed"),
    ),
)
