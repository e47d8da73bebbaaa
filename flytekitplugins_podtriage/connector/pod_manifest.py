"""The pod of an attempt, from the task template that propeller hands to the connector.

A ``k8s_pod`` target's spec is finished: propeller has filled in arguments, resources, tolerations, node selectors,
Flyte's environment and copilot (flyteplugins 1.16, webapi/connector/plugin.go, ``Create``, calls flytek8s
``ToK8sPodSpec``). It drops what that function says of labels and annotations, and adds no name, owner or secrets: that
is done here, as for stock pods (flytepropeller nodes/task/k8s/plugin_manager.go, ``addObjectMetadata``), but for what a
connector is not told.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from flytekitplugins_podtriage.connector import secret_annotations
from flytekitplugins_podtriage.connector.output_prefix import OutputPrefix
from flytekitplugins_podtriage.core.demystify import PRIMARY_CONTAINER
from flytekitplugins_podtriage.core.model import ErrorKind

TASK: Final = "podtriage.flyte.org/task"
"""Label: which task a pod is for, as a hash of what its attempts' output prefixes have in common."""
ATTEMPT: Final = "podtriage.flyte.org/attempt"
"""Label: the attempt, from 0."""
PREFIX: Final = "podtriage.flyte.org/output-prefix"
"""Annotation: the attempt's output prefix. It tells this attempt's pod from another's of the same name."""
EXECUTION: Final = "podtriage.flyte.org/execution"
"""Annotation: the name of the execution, which is that of its FlyteWorkflow."""
META: Final = "podtriage.flyte.org/meta"
"""Annotation: the connector's resource meta, for whoever finds the pod alone."""
_NO_NAME: Final = re.compile(r"[^a-z0-9]+")
_NO_LABEL: Final = re.compile(r"[^A-Za-z0-9._-]+")
_CONTAINER: Final = "main"


class TemplateRefused(ValueError):
    """A task template cannot be made into a pod; the message is one line: what is wrong, and what is allowed."""

    kind = ErrorKind.USER


class TemplateNotRendered(TemplateRefused):
    """Propeller has not made a pod of the template, as it does from Flyte 1.16.7 on."""

    kind = ErrorKind.SYSTEM


@attrs.frozen(slots=True)
class PodDefaults:
    """What Flyte's settings would add to a stock pod, and propeller does not hand to a connector (``plugins.k8s``)."""

    labels: Mapping[str, str] = attrs.field(factory=dict)
    """``default-labels``."""
    annotations: Mapping[str, str] = attrs.field(factory=dict)
    """``default-annotations``."""
    image_pull_policy: str = ""
    """``image-pull-policy``, for containers that say nothing; empty: Kubernetes' own."""


def task_hash(prefix: OutputPrefix) -> str:
    """Return a task's hash: 60 bits, as base32."""
    return base64.b32encode(hashlib.sha256(prefix.task.encode()).digest())[:12].decode().lower()


def pod_name(prefix: OutputPrefix, execution: str = "", node: str = "") -> str:
    """Return the name of an attempt's pod: the same for the same prefix, and readable.

    At most 63 characters, so that it is a label and a host's name too (RFC 1123).
    """
    words = "-".join(part for part in (_word(execution, 24), _word(node, 16)) if part)
    name = f"{words}-{task_hash(prefix)}" if words else f"podtriage-{task_hash(prefix)}"
    return f"{name}-{prefix.attempt}"


@attrs.frozen(slots=True)
class Place:
    """Where an attempt's pod goes, and what it is called."""

    namespace: str
    name: str
    execution: str = ""


def place(prefix: OutputPrefix, metadata: Any, default_namespace: str) -> Place:
    """Return where an attempt's pod goes.

    Args:
        prefix: the attempt's.
        metadata: flytekit's ``TaskExecutionMetadata``; None in a local run.
        default_namespace: where it goes if nobody says.
    """
    execution = node = namespace = ""
    if metadata is not None:
        namespace = metadata.namespace or ""
        node_execution = metadata.task_execution_id.node_execution_id
        node = node_execution.node_id or ""
        execution = node_execution.execution_id.name or ""
    return Place(namespace or default_namespace, pod_name(prefix, execution, node), execution)


def pod(
    template: Any,
    where: Place,
    prefix: OutputPrefix,
    metadata: Any,
    meta: bytes,
    defaults: PodDefaults | None = None,
) -> dict[str, Any]:
    """Return the manifest of an attempt's pod.

    Args:
        template: flytekit's ``TaskTemplate`` as propeller has rendered it.
        where: its place and name.
        prefix: the attempt's output prefix.
        metadata: flytekit's ``TaskExecutionMetadata``; None in a local run.
        meta: the resource meta.
        defaults: what stock pods get besides.

    Raises:
        TemplateRefused: the template has no container, or names a primary container that there is not.
        TemplateNotRendered: propeller is too old.
    """
    spec, own_labels, own_notes, primary = _target(template)
    defaults = defaults or PodDefaults()
    labels, notes = {**defaults.labels, **own_labels}, {**defaults.annotations, **own_notes}
    spec.setdefault("restartPolicy", "Never")  # flytek8s/pod_helper.go, UpdatePod
    for container in spec["containers"]:
        if defaults.image_pull_policy:
            container.setdefault("imagePullPolicy", defaults.image_pull_policy)
        if container.get("name") == primary:
            # What a crash has left of its log becomes part of the message (container_helper.go, BuildRawContainer).
            container.setdefault("terminationMessagePolicy", "FallbackToLogsOnError")
    # The order of addObjectMetadata: the later wins.
    for source in (getattr(template.metadata, "k8s_object_metadata", None), metadata):
        labels.update(getattr(source, "labels", None) or {})
        notes.update(getattr(source, "annotations", None) or {})
    account = getattr(metadata, "k8s_service_account", None)
    if account and not spec.get("serviceAccountName"):
        spec["serviceAccountName"] = account
    identity = getattr(getattr(metadata, "identity", None), "execution_identity", None)
    if identity:
        # flytepropeller pkg/utils/k8s.go, SanitizeLabelValue
        labels["execution-identity"] = _NO_NAME.sub("-", identity.lower())[:63].strip("-")
    wanted = template.security_context.secrets if template.security_context is not None else None
    if wanted:
        labels[secret_annotations.LABEL] = "true"
        notes.update(secret_annotations.pod_annotations(wanted))
    labels.update({TASK: task_hash(prefix), ATTEMPT: str(prefix.attempt)})
    notes.update({PRIMARY_CONTAINER: primary, PREFIX: prefix.path, META: meta.decode()})
    if where.execution:
        notes[EXECUTION] = where.execution
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": where.name, "namespace": where.namespace, "labels": labels, "annotations": notes},
        "spec": spec,
    }


def _target(template: Any) -> tuple[dict[str, Any], dict[str, str], dict[str, str], str]:
    """Return a template's pod spec, labels, annotations, and the name of the container whose end is the task's."""
    if template.k8s_pod is not None and template.k8s_pod.pod_spec:
        spec = whole(template.k8s_pod.pod_spec)
        given = template.k8s_pod.metadata
        labels = dict(given.labels or {}) if given is not None else {}
        notes = dict(given.annotations or {}) if given is not None else {}
        names = [str(one.get("name", "")) for one in spec.get("containers") or () if isinstance(one, Mapping)]
        if not names:
            raise TemplateRefused(f"task {_called(template)}: its pod has no containers; allowed: at least one")
        primary = (template.config or {}).get(PRIMARY_CONTAINER) or names[0]
        if primary not in names:
            raise TemplateRefused(
                f"task {_called(template)}: its pod has no primary container {primary[:64]!r}; allowed: "
                f"{', '.join(names)[:200]}"
            )
        _check_rendered(template, next(one for one in spec["containers"] if one.get("name") == primary))
        return spec, labels, notes, primary
    if template.container is not None:
        return {"containers": [_container(template.container)]}, {}, {}, _CONTAINER
    raise TemplateRefused(
        f"task {_called(template)}: neither a container nor a pod in its template; allowed: k8s_pod, container "
        "(a task made with task_config=PodTriage() has one)"
    )


def _check_rendered(template: Any, primary: Mapping[str, Any]) -> None:
    for argument in (*(primary.get("command") or ()), *(primary.get("args") or ())):
        if "{{.input" in str(argument) or "{{.outputPrefix" in str(argument):
            raise TemplateNotRendered(
                f"task {_called(template)}: propeller has not filled in the arguments of its pod "
                f"({str(argument)[:64]!r}); allowed: Flyte 1.16.7 or newer"
            )


def _container(given: Any) -> dict[str, Any]:
    """Return a template's container as Kubernetes has it; no override of the node's is in it (FACTS of the lane)."""
    container: dict[str, Any] = {"name": _CONTAINER, "image": given.image}
    if given.command:
        container["command"] = list(given.command)
    if given.args:
        container["args"] = list(given.args)
    if given.env:
        container["env"] = [{"name": str(name), "value": str(value)} for name, value in given.env.items()]
    resources: dict[str, dict[str, str]] = {}
    for group in ("requests", "limits"):
        entries = getattr(given.resources, group, None) if given.resources is not None else None
        named = {_RESOURCES[one.name]: one.value for one in entries or () if one.name in _RESOURCES}
        if named:
            resources[group] = named
    if resources:
        container["resources"] = resources
    return container


_RESOURCES: Final = {1: "cpu", 2: "nvidia.com/gpu", 3: "memory", 5: "ephemeral-storage"}
"""flyteidl core/tasks.proto, ``Resources.ResourceName``, as flytek8s/utils.go (``ToK8sResourceList``) spells them."""


def whole(value: Any) -> Any:
    """Return JSON with whole numbers as such: a protobuf ``Struct`` makes 8080.0 of 8080, which no API server takes."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: whole(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [whole(item) for item in value]
    return value


def _word(text: str, most: int) -> str:
    return _NO_NAME.sub("-", text.lower())[:most].strip("-")


def _called(template: Any) -> str:
    name = getattr(template.id, "name", "") if template.id is not None else ""
    return _NO_LABEL.sub("-", name)[:128] or "without a name"
