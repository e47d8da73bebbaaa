"""The rules for pods that are not there: gone, refused by the API server, or never described by their task."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.rules.pod_rule import PodRule, table

_LAUNCH = "flytepropeller nodes/task/k8s/plugin_manager.go (launchResource)"

ABSENT_POD_RULES: Final = table(
    PodRule(
        "pod-gone",
        Category.DELETED,
        "the pod no longer exists, and nothing recorded how it ended",
        "Find out what deletes pods: a node that was removed, an autoscaler, a person (see the API server's audit log).",
        "flytepropeller nodes/task/k8s/plugin_manager.go: a pod that is not found is a SYSTEM failure",
    ),
    PodRule(
        "pod-not-created",
        Category.UNKNOWN,
        "the pod could not be created",
        "Check the health of the API server; the pod is created as soon as it answers.",
        f"{_LAUNCH} charges the user at once",
    ),
    PodRule(
        "cluster-denied",
        Category.AUTH,
        "podtriage is not allowed to create the pod",
        "Grant the permission that the message names (the chart's role has all of them).",
        f"{_LAUNCH} charges the user at once",
        kind=ErrorKind.SYSTEM,
    ),
    PodRule(
        "cluster-rejected",
        Category.CONFIG_INVALID,
        "the API server rejected the pod",
        "Correct the pod template as the message says.",
        f"{_LAUNCH}: 400 and 422 are permanent, any other rejection is charged to the user at once",
    ),
    PodRule(
        "cluster-error",
        Category.UNKNOWN,
        "the pod of a local run could not be created",
        "Check the permissions and the health of the cluster.",
        "only in records of earlier versions: now pod-not-created, or cluster-denied",
    ),
    PodRule(
        "pod-name-taken",
        Category.ADMISSION_REJECTED,
        "a pod of the same name exists and belongs to something else",
        "Delete that pod, or find out what else creates pods with the connector's names.",
        "the API server answers 409 AlreadyExists; a connector's pods carry their output prefix as an annotation",
    ),
    PodRule(
        "template-refused",
        Category.CONFIG_INVALID,
        "no pod can be made from the task's template",
        "Correct the pod template as the message says, and register the task with task_config=PodTriage() again.",
        "flyteplugins pluginmachinery/core/errors (BadTaskSpecification)",
    ),
    PodRule(
        "template-not-rendered",
        Category.CONFIG_INVALID,
        "Flyte did not fill in the arguments of the task's pod",
        "Upgrade Flyte to 1.16.7 or newer.",
        "flyteorg/flyte#7270: flytepropeller renders k8s_pod templates for connectors from 1.16.7 on",
        kind=ErrorKind.SYSTEM,
    ),
)
