"""The branches of the stock backends' code, as a table."""

from __future__ import annotations

from typing import Final

import attrs


@attrs.frozen(slots=True)
class StockRule:
    """One branch of the Go code."""

    id: str
    does: str
    remedy: str
    source: str = "flyteplugins k8s/pod/plugin.go and flytek8s/pod_helper.go"


def _table(*rules: StockRule) -> dict[str, StockRule]:
    return {rule.id: rule for rule in rules}


STOCK_RULES: Final = _table(
    StockRule("stock-succeeded", "pod phase Succeeded: success", ""),
    StockRule(
        "stock-succeeded-oom",
        "a container of a succeeded pod was OOMKilled: retryable, USER",
        "Raise the memory limit of the container that was killed.",
    ),
    StockRule(
        "stock-failed-system",
        "pod phase Failed with a reason of the node's, without any reason, or with a killed primary: retryable, SYSTEM",
        "None needed; the attempt is retried and charged to the system retries.",
    ),
    StockRule(
        "stock-failed-user",
        "pod phase Failed otherwise: retryable, USER",
        "Read the message; podtriage's own policy says whose fault it was.",
    ),
    StockRule("stock-unscheduled", "PodScheduled is False, or Unschedulable: queued indefinitely", ""),
    StockRule("stock-starting", "a container is being created, or its image pulled: initializing", ""),
    StockRule("stock-grace", "a container cannot start, within its grace: initializing", ""),
    StockRule(
        "stock-create-container-error",
        "CreateContainerError beyond its grace: permanent, USER",
        "Check the container's message: a missing command, a mount, a name that is in use.",
    ),
    StockRule(
        "stock-create-container-config-error",
        "CreateContainerConfigError beyond its grace: permanent, USER",
        "Create the secret or config map that the message names, or correct the security context.",
    ),
    StockRule(
        "stock-invalid-image-name",
        "InvalidImageName: permanent, USER",
        "Correct the image reference; repository names are lower-case.",
    ),
    StockRule(
        "stock-image-pull-back-off",
        "ImagePullBackOff beyond its grace: retryable, USER",
        "Read why the pull failed; podtriage's own policy says whose fault it was.",
    ),
    StockRule(
        "stock-image-pull-rate-limited",
        "ImagePullBackOff beyond its grace, with the words of a rate limit: retryable, SYSTEM",
        "Use an image pull secret, a mirror, or an image that is on the node.",
    ),
    StockRule(
        "stock-waiting-unknown",
        "a container waits for any other reason: retryable, SYSTEM, at once",
        "Read the reason and message of the waiting container.",
    ),
    StockRule(
        "stock-pod-pending-timeout",
        "pod-pending-timeout has passed: retryable",
        "Find out what the pod waits for; if it is only slow, raise pod-pending-timeout.",
    ),
    StockRule("stock-pending", "pending, and nothing says why: queued", ""),
    StockRule("stock-phase-unschedulable", "pod phase Unschedulable: queued", ""),
    StockRule("stock-phase-unknown", "pod phase Unknown: no opinion", ""),
    StockRule("stock-running", "running", ""),
    StockRule("stock-all-ended", "every container has ended with 0: success", ""),
    StockRule("stock-primary-succeeded", "the primary container has ended with 0: success", ""),
    StockRule(
        "stock-primary-oom",
        "the primary container was OOMKilled: retryable, USER",
        "Raise the memory limit of the primary container.",
    ),
    StockRule(
        "stock-primary-killed",
        "the primary container was killed (137, 247): retryable, SYSTEM",
        "None needed; the attempt is retried and charged to the system retries.",
    ),
    StockRule(
        "stock-primary-failed",
        "the primary container ended with another code than 0: retryable, USER",
        "See the log of the primary container.",
    ),
    StockRule(
        "stock-primary-not-found",
        "no container has the primary's name: permanent, USER",
        "Set the annotation primary_container_name to the name of a container of the pod.",
    ),
    StockRule(
        "stock-deleted",
        "a pod that is being deleted before it ended: retryable, SYSTEM, at once",
        "Find out who deleted it (see the API server's audit log); the task is not at fault.",
        "flytepropeller nodes/task/k8s/plugin_manager.go (checkResourcePhase)",
    ),
)
"""The branches of the Go code, by id, in the order in which its source has them."""
