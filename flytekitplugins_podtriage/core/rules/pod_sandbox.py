"""Rules for the pod's sandbox: its network, its runtime class, its own (pause) image."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category
from flytekitplugins_podtriage.core.rules.rule import UNMISTAKABLE, Rule

_CHECK_RUNTIME = "Check the container runtime on the node; a retry on another node should succeed."
_NETWORK_CARRIERS = (
    "network for sandbox",
    "failed to set up sandbox container",
    "failed to setup sandbox container",
    "network plugin",
    "plugin type",
    "failed to create pod network sandbox",
    "teardown pod",
)

NETWORK: Final = (
    Rule(
        id="sandbox-network-missing",
        category=Category.CONFIG_MISSING,
        means="the pod requests an additional network that is not defined",
        remedy="Correct the network annotation in the pod template, or define the network attachment.",
        source="multus-cni pkg/k8sclient (TryLoadPodDelegates, 'cannot find a network-attachment-definition')",
        phrases=("cannot find a network attachment definition", "network attachment definition not found"),
    ),
    Rule(
        id="sandbox-network",
        category=Category.SANDBOX_NETWORK,
        means="the node's network plugin could not connect the pod",
        remedy="Check the network plugin and its address ranges on the node; a retry on another node should succeed.",
        source="containernetworking libcni and plugins (host-local); containerd internal/cri/server, CRI-O sandbox_network.go",
        phrases=(
            *_NETWORK_CARRIERS,
            "failed to allocate for range",
            "no ip addresses available",
            "no available addresses",
            "no available ip",
            "not enough ips available",
            "failed to assign an ip address",
            "failed to get ip address",
            "failed to set up pod",
            "error adding pod",
            "error adding container to network",
            "error setting up pod network",
            "unable to create endpoint",
            "pod sandbox changed",
            "networknotready",
            "network is not ready",
            "networkready false",
            "no networks found in",
            "calico node container is running",
            "failed to get pod annotation",
            "loadflannelsubnetenv",
            "netplugin failed",
            "cni",
        ),
        unless=("failed to get sandbox image", "failed pulling image"),
    ),
)

_STARTED = (
    "oci runtime create failed",
    "oci runtime error",
    "runc create failed",
    "failed to create containerd task",
    "failed to create shim task",
    "failed to start shim",
    "container process",
    "exec format error",
    "exec nameref",
)
_NOT_OF_START = (
    "no space left on device",
    "oom killed",
    "memory limit",
    "nvidia",
    "failed to get sandbox image",
    "failed pulling image",
)

REST: Final = (
    Rule(
        id="sandbox-not-killed",
        category=Category.NODE_RUNTIME,
        means="the node could not stop the pod's containers or its sandbox",
        remedy="Check the container runtime on the node; restart the node if its processes cannot be killed.",
        source="kubernetes pkg/kubelet/container/sync_result.go (ErrKillContainer, ErrKillPodSandbox)",
        phrases=(
            "killcontainererror",
            "killpodsandboxerror",
            "failed to stop sandbox",
            "failed to stop container",
            "cannot stop container",
            "cannot kill container",
            "did not receive an exit event",
        ),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="sandbox-not-killed-reason",
        category=Category.NODE_RUNTIME,
        means="the node could not stop the pod's containers or its sandbox",
        remedy="Check the container runtime on the node; restart the node if its processes cannot be killed.",
        source="kubernetes pkg/kubelet/container/sync_result.go (ErrKillContainer, ErrKillPodSandbox)",
        reasons={"KillContainerError", "KillPodSandboxError"},
    ),
    Rule(
        id="sandbox-user-namespaces",
        category=Category.CONFIG_INVALID,
        means="the runtime class does not support a setting of the pod",
        remedy="Remove hostUsers: false from the pod template, or use a runtime class that supports it.",
        source="kubernetes pkg/kubelet/userns/userns_manager.go",
        phrases=("does not support user namespaces", "can t set spec hostusers false"),
    ),
    Rule(
        id="sandbox-runtime-handler",
        category=Category.NODE_RUNTIME,
        means="the node's container runtime lacks the handler of the pod's runtime class",
        remedy="Use a runtime class that the nodes support, or select nodes that support it.",
        source="containerd internal/cri/server ('no runtime for %q is configured'); CRI-O internal/oci/oci.go",
        phrases=(
            "no runtime for",
            "failed to find runtime handler",
            "failed to get sandbox runtime",
            "unable to get oci runtime for sandbox",
        ),
        also=("runtime",),
        unless=("failed to get sandbox image",),
    ),
    Rule(
        id="sandbox-not-started",
        category=Category.NODE_RUNTIME,
        means="the node could not start the pod's sandbox container; its command is the runtime's, not the task's",
        remedy=_CHECK_RUNTIME,
        source="kubernetes pkg/kubelet/kuberuntime/kuberuntime_sandbox.go; containerd internal/cri/server/podsandbox",
        phrases=(
            "failed to create pod sandbox",
            "failed create pod sandbox",
            "failed to create sandbox",
            "failed to start sandbox",
        ),
        also=_STARTED,
        unless=_NOT_OF_START,
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="sandbox-not-started-reason",
        category=Category.NODE_RUNTIME,
        means="the node could not start the pod's sandbox container; its command is the runtime's, not the task's",
        remedy=_CHECK_RUNTIME,
        source="kubernetes pkg/kubelet/kuberuntime/kuberuntime_manager.go (FailedCreatePodSandBox)",
        phrases=_STARTED,
        reasons={"FailedCreatePodSandBox", "CreatePodSandboxError"},
        unless=_NOT_OF_START,
    ),
    Rule(
        id="sandbox-timeout",
        category=Category.NODE_RUNTIME,
        means="the container runtime on the node did not respond to the kubelet in time",
        remedy=_CHECK_RUNTIME,
        source="kubernetes staging cri-client pkg/remote_runtime.go (runtimeRequestTimeout)",
        phrases=("deadline exceeded", "timed out"),
        reasons={
            "FailedCreatePodSandBox",
            "CreateContainerError",
            "RunContainerError",
            "FailedSync",
            "FailedKillPod",
            "FailedCreatePodContainer",
            "FailedPodSandBoxStatus",
            "CreatePodSandboxError",
            "StartError",
            "ImageInspectError",
            "InspectFailed",
        },
        unless=("ErrImagePull", "sandbox image", "pull image", "failed to do request", "failed pulling image"),
    ),
    Rule(
        id="sandbox-cache-sync",
        category=Category.NODE_RUNTIME,
        means="the kubelet had not yet loaded the objects that the pod needs",
        remedy="Usually resolves by itself once the kubelet reaches the API server.",
        source="kubernetes pkg/kubelet/kubelet_pods.go and pkg/kubelet/util/manager/watch_based_manager.go",
        phrases=(
            "services have not yet been read",
            "failed to sync secret cache",
            "failed to sync configmap cache",
            "no relationship found between node",
        ),
    ),
)

FALLBACK: Final = (
    Rule(
        id="sandbox-image",
        category=Category.NODE_RUNTIME,
        means="the runtime's own sandbox (pause) image cannot be pulled; it is not the task's image",
        remedy="Check the sandbox image in the container runtime's configuration on the node.",
        source="containerd internal/cri/server/podsandbox ('failed to get sandbox image')",
        phrases=(
            "failed to get sandbox image",
            "failed pulling image for sandbox",
            "unable to pull sandbox image",
            "failed to pull sandbox image",
            "failed to ensure pause image",
        ),
    ),
    Rule(
        id="sandbox-failed",
        category=Category.NODE_RUNTIME,
        means="the node could not create the pod's sandbox",
        remedy=_CHECK_RUNTIME,
        source="kubernetes pkg/kubelet/kuberuntime/kuberuntime_manager.go (FailedCreatePodSandBox)",
        reasons={
            "FailedCreatePodSandBox",
            "CreatePodSandboxError",
            "ConfigPodSandboxError",
            "FailedPodSandBoxStatus",
            "FailedKillPod",
            "KillPodSandboxError",
            "FailedCreatePodContainer",
        },
    ),
    Rule(
        id="sandbox-failed-text",
        category=Category.NODE_RUNTIME,
        means="the node could not create the pod's sandbox",
        remedy=_CHECK_RUNTIME,
        source="kubernetes pkg/kubelet/kuberuntime/kuberuntime_manager.go ('Failed to create pod sandbox')",
        phrases=(
            "failed to create pod sandbox",
            "failed create pod sandbox",
            "failed to create sandbox",
            "failed to reserve sandbox name",
            "failed to start sandbox",
            "unable to ensure pod container exists",
            "createpodsandboxerror",
            "createpodsandbox",
            "error killing pod",
            "unable to get pod sandbox status",
            "error determining status",
        ),
    ),
)
"""Failures of the sandbox that no more precise rule matches."""
