"""What the API server makes sure of before it takes a pod: as much of it as the sandbox relies on.

Source: kubernetes pkg/apis/core/validation/validation.go, its paths and wording.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from flytekitplugins_podtriage.core.pod_cluster import PodRejected

_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_RESTART: Final = ("Always", "OnFailure", "Never")
_SECONDS: Final = ("terminationGracePeriodSeconds", "activeDeadlineSeconds")


def check(manifest: object) -> str:
    """Return the name of the pod that a manifest describes.

    Raises:
        PodRejected: it describes none; the message names the field.
    """
    if not isinstance(manifest, Mapping) or manifest.get("kind", "Pod") != "Pod":
        raise PodRejected(
            "create pods: the object provided is no Pod; allowed: kind Pod", status=400, reason="BadRequest"
        )
    metadata, spec = manifest.get("metadata"), manifest.get("spec")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if not isinstance(name, str) or len(name) > 253 or not _SUBDOMAIN.fullmatch(name):
        _refuse("", "metadata.name", name, "a lowercase RFC 1123 subdomain of up to 253 characters")
    assert isinstance(name, str)
    assert isinstance(metadata, Mapping)
    for field in ("labels", "annotations"):
        pairs = metadata.get(field)
        if pairs is not None and not (
            isinstance(pairs, Mapping) and all(isinstance(text, str) for pair in pairs.items() for text in pair)
        ):
            _refuse(name, f"metadata.{field}", pairs, "a map of strings")
    if not isinstance(spec, Mapping):
        _refuse(name, "spec", spec, "a map with containers")
    assert isinstance(spec, Mapping)
    if not isinstance(spec.get("containers"), (list, tuple)) or not spec["containers"]:
        _refuse(name, "spec.containers", spec.get("containers"), "at least one container")
    if (spec.get("restartPolicy") or "Always") not in _RESTART:
        _refuse(name, "spec.restartPolicy", spec["restartPolicy"], ", ".join(_RESTART))
    for field in _SECONDS:
        value = spec.get(field)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            _refuse(name, f"spec.{field}", value, "a whole number of seconds from 0 on")
    _containers(name, spec)
    return name


def _containers(name: str, spec: Mapping[str, Any]) -> None:
    seen: set[str] = set()
    for group in ("initContainers", "containers"):
        for place, container in enumerate(spec.get(group) or ()):
            path = f"spec.{group}[{place}]"
            if not isinstance(container, Mapping):
                _refuse(name, path, container, "a map with name and image")
            called, image = container.get("name"), container.get("image")
            if not isinstance(called, str) or not _LABEL.fullmatch(called):
                _refuse(name, f"{path}.name", called, "a lowercase RFC 1123 label of up to 63 characters")
            if called in seen:
                _refuse(name, f"{path}.name", called, "a name that no other container has")
            seen.add(called)
            if not isinstance(image, str) or not image or image != image.strip():
                _refuse(name, f"{path}.image", image, "the reference of an image, without spaces around it")


def _refuse(name: str, field: str, value: object, allowed: str) -> None:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    about = f'create pods "{name}"' if name else "create pods"
    raise PodRejected(f"{about}: {field}: invalid value {shown}; allowed: {allowed}", status=422, reason="Invalid")
