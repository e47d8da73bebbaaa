"""What a reason means that stands alone, without the message that would name the cause, and where that cause stands.

People type what `kubectl get pods` shows in its column STATUS, or the code of an error in Flyte's console. Reasons that
name their cause (``Evicted``, ``OutOfcpu``) are conditions of other rules.
"""

from __future__ import annotations

import re
from typing import Final

from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.rules.rule import Rule

_EVENTS: Final = "`kubectl describe pod NAME | podtriage explain -`, or `podtriage explain --pod NAME -n NAMESPACE`"


def _rule(name: str, reasons: str, means: str, remedy: str, source: str) -> Rule:
    return Rule(
        id=f"bare-{name}",
        category=Category.UNKNOWN,
        kind=ErrorKind.SYSTEM,
        means=means,
        remedy=remedy,
        source=source,
        reasons=reasons.split(),
    )


RULES: Final = (
    _rule(
        "pull",
        "ErrImagePull ImagePullBackOff ImageInspectError RegistryUnavailable",
        "an image cannot be pulled, and the kubelet retries; the reason alone does not say why",
        "The cause is the text after `Failed to pull image` in the pod's events, and from Kubernetes 1.32 on in the "
        "container's waiting message: a limited or unavailable registry is the platform's, a wrong image name or a "
        f"missing pull secret the user's. {_EVENTS} reads both.",
        "kubernetes pkg/kubelet/images/types.go, image_manager.go",
    ),
    _rule(
        "crash-loop",
        "CrashLoopBackOff BackOff",
        "a container keeps ending and is restarted after growing waits; the reason alone does not say why it ends",
        "The cause is how it ended last: its exit code and reason in `lastState.terminated` (`kubectl get pod NAME -o "
        f"yaml`), and its log (`kubectl logs NAME -c CONTAINER --previous`). {_EVENTS} reads the first.",
        "kubernetes pkg/kubelet/kuberuntime (ErrCrashLoopBackOff), kubelet_pods.go",
    ),
    _rule(
        "error",
        "Error UnknownError",
        "a container ended with an exit code other than 0; the reason alone does not say which",
        "The cause is the exit code in `state.terminated` (1 to 125 come from the program, 137 from a SIGKILL, 143 from "
        f"a SIGTERM) and the end of its log (`kubectl logs NAME -c CONTAINER`). {_EVENTS} reads the exit code.",
        "kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go; flyteplugins flytek8s (UnknownError)",
    ),
    _rule(
        "create",
        "CreateContainerError RunContainerError StartError ContainerCannotRun",
        "a container cannot be created or started; the reason alone does not say why",
        "The cause is the container's waiting message (`state.waiting.message` in `kubectl get pod NAME -o yaml`) or the "
        f"event `Failed`: a missing secret, a bad command and a broken runtime look alike here. {_EVENTS} reads both.",
        "kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go",
    ),
    _rule(
        "pending",
        "Pending SchedulingGated NotTriggerScaleUp",
        "the pod waits for a node; the reason alone does not say what for",
        "The cause is the message of its condition `PodScheduled`, and of the event `FailedScheduling`: `0/N nodes are "
        f"available` says why each does not fit. Waiting costs no retry. {_EVENTS} reads both.",
        "kubernetes pkg/scheduler/schedule_one.go",
    ),
    _rule(
        "starting",
        "ContainerCreating PodInitializing ContainersNotReady NotReady Running Unhealthy",
        "nothing has failed as far as this tells: the pod is being started, or is not ready",
        "If it lasts, the cause is in the pod's events: a pull that takes long, a volume, the network, an init "
        f"container. {_EVENTS} reads them.",
        "kubernetes pkg/kubelet/kubelet_pods.go, status/generate.go",
    ),
    _rule(
        "lost",
        "Unknown NodeLost NodeNotReady",
        "the kubelet or its node no longer tells how the container is",
        "The cause is with the node: its conditions (`kubectl describe node NAME`), and the pod's condition "
        f"`DisruptionTarget`. {_EVENTS} reads the second.",
        "kubernetes pkg/kubelet/kubelet_pods.go (ContainerStatusUnknown); pkg/util/node",
    ),
    _rule(
        "ended",
        "Terminating Interrupted Killing Deleted",
        "something outside ended the pod; the reason alone does not say what",
        "The cause is the pod's `status.message`, its condition `DisruptionTarget` and its events: a preemption, a node "
        f"that shut down, a deletion. {_EVENTS} reads them.",
        "kubernetes pkg/kubelet/nodeshutdown; flyteplugins flytek8s (Interrupted: exit code 137, or Terminated)",
    ),
    _rule(
        "completed",
        "Completed Succeeded",
        "a container ended with exit code 0: nothing has failed as far as this tells",
        "If the task failed all the same, see its error document or the message in Flyte's console, and the other "
        "containers of the pod.",
        "kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go",
    ),
    _rule(
        "retries",
        "RetriesExhausted Failed RetryableFailure PermanentFailure",
        "the task failed; this alone does not say why its last attempt did",
        "The cause follows `Last Error:` in the message of Flyte's console: give the whole message to `podtriage "
        "diagnose`, or the execution to `podtriage explain EXECUTION`.",
        "flytepropeller pkg/controller/nodes/executor.go (RetriesExhausted)",
    ),
)
"""They are in no rule book: beside a message these reasons decide nothing."""

_BY_REASON: Final = {reason: rule for rule in RULES for reason in rule.reasons}
_FORM: Final = re.compile(
    r"(?:[Ii]nit:|Error: |[Rr]eason: |[A-Za-z]{1,40}\|){0,4}([A-Z][A-Za-z]{2,40})"
    r'(?:: Back-off pulling image "?[^\s"]{1,512}"?)?'
)
_BACK_OFF: Final = re.compile(r'Back-off pulling image "?[^\s"]{1,512}"?')
_RESTARTING: Final = re.compile(r"[Bb]ack-off (?:\S{1,20} )?restarting failed container\b.{0,600}")
_LONGEST: Final = 1_000


def reason_alone(text: str) -> str | None:
    """Return the reason that a text consists of, as in ``Init:ImagePullBackOff``; None if it says more, or less."""
    if len(text) > _LONGEST:
        return None
    text = text.strip()
    match = _FORM.fullmatch(text)
    if match is not None:
        return match[1]
    if _BACK_OFF.fullmatch(text):
        return "ImagePullBackOff"
    return "CrashLoopBackOff" if _RESTARTING.fullmatch(text) else None


def rule_of(reason: str) -> Rule | None:
    """Return what a reason means that stands alone; None if it is none of those that say nothing of a cause."""
    return _BY_REASON.get(reason)
