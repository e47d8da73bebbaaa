"""Rules for processes that have exited, and for what programs print."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.rules.rule import UNMISTAKABLE, Rule
from flytekitplugins_podtriage.core.text.speaker import ANYBODY

_LOG = "See the task's log."

PROGRAM: Final = (
    Rule(
        id="backend-task-specification",
        category=Category.CONFIG_INVALID,
        means="a plugin of FlytePropeller refuses the task's definition",
        remedy="Correct what the message names in the task's configuration (task_config, pod template), and register it again.",
        source="flyteplugins go/tasks/errors/errors.go (BadTaskSpecification); flytepropeller nodes/errors (BadSpecificationError)",
        phrases=("badtaskspecification", "invalid taskspecification", "badspecificationerror"),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="backend-kind-missing",
        category=Category.CONFIG_MISSING,
        kind=ErrorKind.SYSTEM,
        means="the cluster does not know the kind of object that a plugin of FlytePropeller creates",
        remedy="Install the operator, with its CustomResourceDefinitions, of the kind that the message names.",
        source="kubernetes apimachinery pkg/api/meta/errors.go (NoKindMatchError: 'no matches for kind %q in version %q')",
        phrases=("no matches for kind",),
        also=("for plugin", "runtimeexecutionerror"),
    ),
    Rule(
        id="backend-storage",
        category=Category.AUTH,
        kind=ErrorKind.SYSTEM,
        means="FlytePropeller may not read or write its own object store",
        remedy="Grant FlytePropeller's account (its role, its key) access to the bucket of Flyte's metadata.",
        source="flytepropeller pkg/controller/nodes and workflow ('Failed to store ...', CausedByError); flytestdlib storage/stow_store.go",
        phrases=(
            "causedbyerror",
            "storageerror",
            "outputsnotfounderror",
            "inputsnotfounderror",
            "failed to store workflow inputs",
        ),
        also=(
            "accessdenied",
            "access denied",
            "forbidden",
            "invalidaccesskeyid",
            "signaturedoesnotmatch",
            "permission denied",
        ),
        unless=("terminated with exit code",),
    ),
    Rule(
        id="deadline-of-airflow",
        category=Category.DEADLINE,
        means="the task ran longer than Airflow's execution_timeout",
        remedy="Raise the task's execution_timeout, or make the task finish sooner.",
        source="airflow utils/timeout.py ('Process timed out, PID: %s'; AirflowTaskTimeout)",
        phrases=("process timed out pid", "airflowtasktimeout"),
        speakers=ANYBODY,
    ),
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
        id="app-workflow-step",
        category=Category.APP_ERROR,
        means="the process of a workflow's step exited with an error",
        remedy=_LOG,
        source="argo-workflows workflow/controller/operator.go (inferFailedReason: '%s (exit code %d): %s')",
        phrases=("error exit code",),
        unless=("exit code 137", "exit code 247", "wait error exit code", "oci runtime", "containerd task"),
    ),
    Rule(
        id="workflow-invalid",
        category=Category.CONFIG_INVALID,
        means="the workflow's definition cannot be carried out",
        remedy="Correct the field of the workflow that the message names.",
        source="argo-workflows workflow/controller/operator.go and workflow/validate ('withParam value could not be parsed')",
        phrases=(
            "withparam value could not be parsed",
            "failed to resolve inputs parameters",
            "invalid spec templates",
        ),
        speakers=UNMISTAKABLE,
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
        ),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="deadline",
        category=Category.DEADLINE,
        means="the pod ran longer than allowed",
        remedy="Raise the task's timeout, or make the task finish sooner.",
        source=(
            "kubernetes pkg/kubelet/active_deadline.go; flytepropeller nodes/executor.go ('task execution timeout'); "
            "argo-workflows operator.go; tekton pkg/reconciler/taskrun ('failed to finish within'); gitlab-runner; "
            "prefect-kubernetes ('Job did not complete within timeout of %ss')"
        ),
        phrases=(
            "active on the node longer than the specified deadline",
            "active longer than specified deadline",
            "task execution timeout",
            "task active timeout",
            "step exceeded its deadline",
            "taskrun nameref failed to finish within",
            "pipelinerun nameref failed to finish within",
            "job failed execution took longer than",
            "timeoutexpired",
            "job did not complete within timeout",
        ),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="container-lost-text",
        category=Category.NODE_LOST,
        means="the container runtime lost the container, and does not know how it ended",
        remedy="None needed; the attempt is retried. If it repeats, check why the node or its container runtime restarts.",
        source="containerd internal/cri/server/restart.go and helpers.go (unknownExitCode 255, unknownExitReason 'Unknown')",
        phrases=(
            "exit code 255 reason unknown",
            "exit code 255 reason containerstatusunknown",
            "reason unknown exit code 255",
            "reason containerstatusunknown exit code 255",
        ),
    ),
    Rule(
        id="app-spark-executor",
        category=Category.APP_ERROR,
        means="an executor of Spark exited with an error",
        remedy="See the executor's log; code 52 is the JVM's OutOfMemoryError: raise spark.executor.memory.",
        source=(
            "spark scheduler/cluster/k8s/ExecutorPodsLifecycleManager.scala (exitReasonMessage, 'termination reason: %s'); "
            "util/SparkExitCode.scala and executor/ExecutorExitCode.scala"
        ),
        phrases=("termination reason error", "executor with id"),
        also=("termination reason error", "exited with exit code"),
        unless=(
            "exit code minus 1",
            "exit code 137",
            "exit code 143",
            "termination reason oomkilled",
            "termination reason completed termination",
        ),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="app-exit-code",
        category=Category.APP_ERROR,
        means="the task's process exited with an error",
        remedy=_LOG,
        source=(
            "flytek8s/pod_helper.go ('terminated with exit code (%v)'); kubelet (CrashLoopBackOff); the same of tekton, "
            "gitlab-runner, prefect and airflow"
        ),
        phrases=(
            "terminated with exit code",
            "restarting failed container",
            "exited with code",
            "failed with exit code",
            "job failed exit code",
            "exited with return code",
            "exited with status code",
            "exited with non zero status code",
        ),
        unless=(
            "reason containerstatusunknown",
            "status code minus 1",  # Prefect's own "I do not know"
            "code 137",
            "code 247",
            "negsignal sigkill",
        ),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="app-job-text",
        category=Category.APP_ERROR,
        means="the pods of a job failed too often",
        remedy=_LOG,
        source="kubernetes pkg/controller/job ('reached the specified backoff limit'); kubeflow training-operator",
        phrases=("reached the specified backoff limit", "replica s failed"),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="killed-text",
        category=Category.KILLED,
        means="the process was killed externally",
        remedy="The text does not say who killed it; if it repeats, check the task's memory use.",
        source="flytek8s/pod_helper.go (SIGKILL 137, 247: node termination)",
        phrases=(
            "exit code 137",
            "signal killed",
            "negsignal sigkill",
            "with code 137",
            "status code 137",
        ),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="killed-child-text",
        category=Category.KILLED,
        means="a child of the task's process was killed externally",
        remedy="A child is often killed when the container reaches its memory limit: raise the limit, or reduce the memory use.",
        source="flytek8s/pod_helper.go (247); Python subprocess: returncode -9, which as an exit code is 256 - 9",
        phrases=("exit code 247",),
    ),
    Rule(
        id="killed-in-shell",
        category=Category.KILLED,
        means="a process that a shell started was killed by SIGKILL",
        remedy="The shell does not say who killed it; if it repeats, check the task's memory use.",
        source="bash jobs.c and dash jobs.c (the name of the signal, strsignal(SIGKILL), after the process id)",
        phrases=("killed",),
        also=("bash line", "sh line", "nameref line"),
        unless=("oom", "not killed"),
        speakers=ANYBODY,
    ),
    Rule(
        id="start-given-up",
        category=Category.UNKNOWN,
        means="a workflow engine gave up on a pod that did not start, and does not say why",
        remedy="Look at the pod's events: an image, a volume, or room on the nodes is missing.",
        source=(
            "airflow cncf.kubernetes utils/pod_manager.py ('Pod took too long to start'); gitlab-runner executors/kubernetes "
            "('timed out waiting for pod to start'); prefect-kubernetes ('Pod never started')"
        ),
        phrases=(
            "pod took too long to",
            "timed out waiting for pod to",
            "pod never started",
        ),
        speakers=ANYBODY,
    ),
    Rule(
        id="job-failed",
        category=Category.UNKNOWN,
        means="a workflow engine saw the pod of its job fail, and does not say why",
        remedy="Look at how the pod itself ended (`kubectl describe pod`): it may have failed, been evicted or been deleted.",
        source="dagster-k8s client.py ('Encountered failed job pods for job %s': status.failed > 0), executor.py",
        phrases=("discovered failed kubernetes job", "encountered failed job pods"),
        speakers=ANYBODY,
    ),
    Rule(
        id="deleted-spark-executor",
        category=Category.DELETED,
        means="the pod of an executor of Spark was deleted",
        remedy="None needed in the task: something deleted the pod, or its node was removed.",
        source="spark scheduler/cluster/k8s/ExecutorPodsLifecycleManager.scala (findExitReason, onNewSnapshots)",
        phrases=(
            "was deleted by a user or the framework",
            "was not found in the cluster but we didn t get a reason why",
        ),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="exit-code-unset",
        category=Category.UNKNOWN,
        means="a workflow engine does not know how the pod of its run ended",
        remedy="Look at how the pod itself ended (`kubectl describe pod`), and at the engine's log before this line.",
        source="prefect infrastructure/kubernetes.py and prefect-kubernetes worker.py (status_code -1); spark (UNKNOWN_EXIT_CODE)",
        phrases=("status code minus 1", "exited with exit code minus 1"),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="start-given-up-after",
        category=Category.UNKNOWN,
        means="a workflow engine gave up on a pod that did not start, and does not say why",
        remedy="Look at the pod's events: an image, a volume, or room on the nodes is missing.",
        source="airflow cncf.kubernetes utils/pod_manager.py ('Pod took longer than %s seconds to start')",
        phrases=("pod took longer than",),
        also=("to start", "to be scheduled"),
        speakers=ANYBODY,
    ),
)
