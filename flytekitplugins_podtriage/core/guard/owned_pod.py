"""A pod with what the guard has to know of it beside its status: owner, finalizers."""

from __future__ import annotations

import msgspec

from flytekitplugins_podtriage.core import wire


class OwnerReference(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """One of ``metadata.ownerReferences``."""

    api_version: str | None = None
    kind: str | None = None
    name: str | None = None
    uid: str | None = None
    controller: bool | None = None


class OwnedMetadata(wire.Metadata, frozen=True, gc=False, rename="camel"):
    """Metadata with owners and finalizers."""

    owner_references: list[OwnerReference] | None = None
    finalizers: list[str] | None = None


class OwnedPod(wire.Pod, frozen=True, gc=False, rename="camel"):
    """A pod as the guard decodes it; every function of the core that takes a pod takes it too."""

    metadata: OwnedMetadata | None = None


def controller(pod: wire.Pod) -> OwnerReference | None:
    """Return the owner that controls a pod (metav1.GetControllerOf); None: there is none, or it was not decoded."""
    metadata = pod.metadata
    owners = metadata.owner_references if isinstance(metadata, OwnedMetadata) else None
    return next((owner for owner in owners or () if owner.controller), None)
