"""The pod of an attempt, made from the task template that FlytePropeller hands to the connector.

The spec of a ``k8s_pod`` target is complete: FlytePropeller has filled in arguments, resources, tolerations, node
selectors, Flyte's environment and copilot (flyteplugins 1.16, webapi/connector/plugin.go, ``Create``, calls flytek8s
``ToK8sPodSpec``). It drops the labels and annotations that this function returns, and adds no name, owner or secrets:
that is done here, as for stock pods (flytepropeller nodes/task/k8s/plugin_manager.go, ``addObjectMetadata``), as far as
a connector is given what it takes.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from flytekitplugins_podtriage.connector import secret_annotations
from flytekitplugins_podtriage.connector.output_prefix import OutputPrefix
from flytekitplugins_podtriage.core.demystify import PRIMARY_CONTAINER
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.flyte.settings import Settings

TASK: Final = "podtriage.flyte.org/task"
"""Label: the task that a pod is for, as a hash of what the output prefixes of its attempts have in common."""
ATTEMPT: Final = "podtriage.flyte.org/attempt"
"""Label: the number of the attempt, from 0."""
PREFIX: Final = "podtriage.flyte.org/output-prefix"
"""Annotation: the attempt's output prefix. It distinguishes the attempt's pod from another one of the same name."""
EXECUTION: Final = "podtriage.flyte.org/execution"
"""Annotation: the name of the execution, which is that of its FlyteWorkflow."""
META: Final = "podtriage.flyte.org/meta"
"""Annotation: the connector's resource meta; the garbage collector reads it."""
_NOT_IN_NAME: Final = re.compile(r"[^a-z0-9]+")
_NOT_IN_LABEL: Final = re.compile(r"[^A-Za-z0-9._-]+")
_CONTAINER: Final = "main"


class TemplateRefused(ValueError):
    """A task template does not describe a pod; the message is one line: what is wrong, and what is allowed."""

    kind = ErrorKind.USER


class TemplateNotRendered(TemplateRefused):
    """FlytePropeller has not rendered the template, as it does from Flyte 1.16.7 on."""

    kind = ErrorKind.SYSTEM


def task_hash(prefix: OutputPrefix) -> str:
    """Return a task's hash: 60 bits, as base32."""
    return _hash(prefix.task)


@functools.lru_cache(maxsize=1024)  # asked for several times during a create
def _hash(text: str) -> str:
    return base64.b32encode(hashlib.sha256(text.encode()).digest()[:10])[:12].decode().lower()


def pod_name(prefix: OutputPrefix, execution: str = "", node: str = "") -> str:
    """Return the name of an attempt's pod: readable, and always the same for the same prefix.

    It has at most 63 characters, so that it is a valid label and host name too (RFC 1123).
    """
    words = "-".join(part for part in (_word(execution, 24), _word(node, 16)) if part)
    name = f"{words}-{task_hash(prefix)}" if words else f"podtriage-{task_hash(prefix)}"
    return f"{name}-{prefix.attempt}"


@attrs.frozen(slots=True)
class PodLocation:
    """The namespace and the name of an attempt's pod."""

    namespace: str
    name: str
    execution: str = ""


def pod_location(prefix: OutputPrefix, metadata: Any, default_namespace: str) -> PodLocation:
    """Return the namespace and the name of an attempt's pod, from flytekit's ``TaskExecutionMetadata``."""
    execution = node = namespace = ""
    if metadata is not None:
        namespace = metadata.namespace or ""
        node_execution = metadata.task_execution_id.node_execution_id
        node = node_execution.node_id or ""
        execution = node_execution.execution_id.name or ""
    return PodLocation(
        namespace=namespace or default_namespace, name=pod_name(prefix, execution, node), execution=execution
    )


def pod(
    template: Any,
    location: PodLocation,
    prefix: OutputPrefix,
    metadata: Any,
    meta: bytes,
    settings: Settings,
) -> dict[str, Any]:
    """Return the manifest of an attempt's pod, from flytekit's ``TaskTemplate`` as FlytePropeller has rendered it.

    ``metadata`` is flytekit's ``TaskExecutionMetadata`` or None, ``meta`` the encoded resource meta. The settings have
    Flyte's own of stock pods, which FlytePropeller does not pass on to a connector.

    Raises:
        TemplateRefused: the template does not describe a pod, or FlytePropeller has not rendered it.
    """
    target = _target(template)
    spec = target.spec
    labels = {**settings.pod_labels, **target.labels}
    annotations = {**settings.pod_annotations, **target.annotations}
    spec.setdefault("restartPolicy", "Never")  # flytek8s/pod_helper.go, UpdatePod
    for container in spec["containers"]:
        if settings.image_pull_policy:
            container.setdefault("imagePullPolicy", settings.image_pull_policy)
        if container.get("name") == target.primary:
            # The end of the log of a crash becomes the message (container_helper.go, BuildRawContainer).
            container.setdefault("terminationMessagePolicy", "FallbackToLogsOnError")
    # The order of addObjectMetadata: later values win.
    for source in (getattr(template.metadata, "k8s_object_metadata", None), metadata):
        labels.update(getattr(source, "labels", None) or {})
        annotations.update(getattr(source, "annotations", None) or {})
    account = getattr(metadata, "k8s_service_account", None)
    if account and not spec.get("serviceAccountName"):
        spec["serviceAccountName"] = account
    identity = getattr(getattr(metadata, "identity", None), "execution_identity", None)
    if identity:
        # flytepropeller pkg/utils/k8s.go, SanitizeLabelValue
        labels["execution-identity"] = _NOT_IN_NAME.sub("-", identity.lower())[:63].strip("-")
    secrets = template.security_context.secrets if template.security_context is not None else None
    if secrets:
        labels[secret_annotations.LABEL] = "true"
        annotations.update(secret_annotations.pod_annotations(secrets))
    labels.update({TASK: task_hash(prefix), ATTEMPT: str(prefix.attempt)})
    annotations.update({PRIMARY_CONTAINER: target.primary, PREFIX: prefix.path, META: meta.decode()})
    if location.execution:
        annotations[EXECUTION] = location.execution
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": location.name,
            "namespace": location.namespace,
            "labels": labels,
            "annotations": annotations,
        },
        "spec": spec,
    }


def annotation(snapshot: PodSnapshot, name: str) -> str:
    """Return an annotation of a pod; "" if it does not have it."""
    metadata = snapshot.pod.metadata
    return ((metadata.annotations or {}).get(name) or "") if metadata is not None else ""


@attrs.frozen(slots=True)
class _Target:
    """What a template says of the pod."""

    spec: dict[str, Any]
    primary: str
    """The container whose end is the end of the task."""
    labels: Mapping[str, str] = attrs.field(factory=dict)
    annotations: Mapping[str, str] = attrs.field(factory=dict)


def _target(template: Any) -> _Target:
    if template.k8s_pod is not None and template.k8s_pod.pod_spec:
        spec = whole_numbers(template.k8s_pod.pod_spec)
        containers = [one for one in spec.get("containers") or () if isinstance(one, Mapping)]
        names = [str(container.get("name", "")) for container in containers]
        if not names:
            raise TemplateRefused(f"task {_task_name(template)}: its pod has no containers; allowed: at least one")
        primary = (template.config or {}).get(PRIMARY_CONTAINER) or names[0]
        if primary not in names:
            raise TemplateRefused(
                f"task {_task_name(template)}: its pod has no primary container {primary[:64]!r}; allowed: "
                f"{', '.join(names)[:200]}"
            )
        _check_rendered(template, containers[names.index(primary)])
        metadata = template.k8s_pod.metadata
        if metadata is None:
            return _Target(spec, primary)
        return _Target(spec, primary, labels=metadata.labels or {}, annotations=metadata.annotations or {})
    if template.container is not None:
        return _Target({"containers": [_container(template.container)]}, _CONTAINER)
    raise TemplateRefused(
        f"task {_task_name(template)}: its template has neither a container nor a pod; allowed: k8s_pod, container "
        "(a task with task_config=PodTriage() has one)"
    )


def _check_rendered(template: Any, primary: Mapping[str, Any]) -> None:
    for argument in (*(primary.get("command") or ()), *(primary.get("args") or ())):
        if "{{.input" in str(argument) or "{{.outputPrefix" in str(argument):
            raise TemplateNotRendered(
                f"task {_task_name(template)}: FlytePropeller has not filled in the arguments of its pod "
                f"({str(argument)[:64]!r}); allowed: Flyte 1.16.7 or newer"
            )


def _container(model: Any) -> dict[str, Any]:
    """Return a template's container as Kubernetes has it; the overrides of the node are not in it."""
    container: dict[str, Any] = {"name": _CONTAINER, "image": model.image}
    if model.command:
        container["command"] = list(model.command)
    if model.args:
        container["args"] = list(model.args)
    if model.env:
        container["env"] = [{"name": str(name), "value": str(value)} for name, value in model.env.items()]
    resources: dict[str, dict[str, str]] = {}
    for group in ("requests", "limits"):
        entries = getattr(model.resources, group, None) if model.resources is not None else None
        amounts = {_RESOURCES[entry.name]: entry.value for entry in entries or () if entry.name in _RESOURCES}
        if amounts:
            resources[group] = amounts
    if resources:
        container["resources"] = resources
    return container


_RESOURCES: Final = {1: "cpu", 2: "nvidia.com/gpu", 3: "memory", 5: "ephemeral-storage"}
"""flyteidl core/tasks.proto, ``Resources.ResourceName``, as flytek8s/utils.go (``ToK8sResourceList``) spells them."""


def whole_numbers(value: Any) -> Any:
    """Return JSON with whole numbers as integers: a protobuf ``Struct`` has 8080.0, which the API server rejects."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, (dict, Mapping)):
        return {name: whole_numbers(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [whole_numbers(item) for item in value]
    return value


def _word(text: str, limit: int) -> str:
    return _NOT_IN_NAME.sub("-", text.lower())[:limit].strip("-")


def _task_name(template: Any) -> str:
    name = getattr(template.id, "name", "") if template.id is not None else ""
    return _NOT_IN_LABEL.sub("-", name)[:128] or "without a name"
