"""The API server's validation of new pods, as far as the sandbox relies on it.

Source: kubernetes pkg/apis/core/validation/validation.go, its field paths and wording.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from flytekitplugins_podtriage.core.pod_cluster import PodRejected

_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")
_SECONDS: Final = ("terminationGracePeriodSeconds", "activeDeadlineSeconds")


def check(manifest: object) -> str:
    """Return the name of the pod that a manifest describes.

    Raises:
        PodRejected: it is not a valid pod; the message names the field.
    """
    if not isinstance(manifest, Mapping) or manifest.get("kind", "Pod") != "Pod":
        raise PodRejected("create pods: the object is not a Pod; allowed: kind Pod", status=400, reason="BadRequest")
    metadata, spec = manifest.get("metadata"), manifest.get("spec")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if not isinstance(name, str) or len(name) > 253 or not _SUBDOMAIN.fullmatch(name):
        _reject("", "metadata.name", name, "a lowercase RFC 1123 subdomain of up to 253 characters")
    assert isinstance(name, str)
    assert isinstance(metadata, Mapping)
    for field in ("labels", "annotations"):
        pairs = metadata.get(field)
        if pairs is not None and not (
            isinstance(pairs, Mapping) and all(isinstance(text, str) for pair in pairs.items() for text in pair)
        ):
            _reject(name, f"metadata.{field}", pairs, "a map of strings")
    if not isinstance(spec, Mapping):
        _reject(name, "spec", spec, "a map with containers")
    assert isinstance(spec, Mapping)
    if not isinstance(spec.get("containers"), (list, tuple)) or not spec["containers"]:
        _reject(name, "spec.containers", spec.get("containers"), "at least one container")
    if (spec.get("restartPolicy") or "Always") not in _RESTART_POLICIES:
        _reject(name, "spec.restartPolicy", spec["restartPolicy"], ", ".join(_RESTART_POLICIES))
    for field in _SECONDS:
        value = spec.get(field)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            _reject(name, f"spec.{field}", value, "a non-negative number of seconds")
    _check_containers(name, spec)
    return name


def _check_containers(pod: str, spec: Mapping[str, Any]) -> None:
    names: set[str] = set()
    for group in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(group) or ()):
            path = f"spec.{group}[{index}]"
            if not isinstance(container, Mapping):
                _reject(pod, path, container, "a map with name and image")
            name, image = container.get("name"), container.get("image")
            if not isinstance(name, str) or not _LABEL.fullmatch(name):
                _reject(pod, f"{path}.name", name, "a lowercase RFC 1123 label of up to 63 characters")
            if name in names:
                _reject(pod, f"{path}.name", name, "a name that is unique in the pod")
            names.add(name)
            if not isinstance(image, str) or not image or image != image.strip():
                _reject(pod, f"{path}.image", image, "an image reference without surrounding spaces")


def _reject(pod: str, field: str, value: object, allowed: str) -> None:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    request = f'create pods "{pod}"' if pod else "create pods"
    raise PodRejected(f"{request}: {field}: invalid value {shown}; allowed: {allowed}", status=422, reason="Invalid")
