"""Masking the secrets of a verdict or diagnosis: some of its fields repeat what the pod said, word for word."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import attrs

from flytekitplugins_podtriage.core.model import Diagnosis, Evidence, Verdict
from flytekitplugins_podtriage.core.text.redact import mask

Found = TypeVar("Found", Verdict, Diagnosis)

_REPEATED: Final = ("message", "reason", "code", "remedy", "registry", "image", "container")
"""The fields that hold words of the pod, beside the evidence."""


def masked(found: Found) -> Found:
    """Return a verdict or diagnosis without secrets; the same object where it holds none.

    A stock backend glues reasons into its code, and an image reference with a password in it comes back in the remedy.
    """
    changed: dict[str, Any] = {}
    for name in _REPEATED:
        said = getattr(found, name, None)
        if said and (safe := mask(said)) != said:
            changed[name] = safe
    evidence = tuple(map(_masked, found.evidence))
    if evidence != found.evidence:
        changed["evidence"] = evidence
    return attrs.evolve(found, **changed) if changed else found


def _masked(item: Evidence) -> Evidence:
    """Messages are masked where they are gathered, but reasons stand beside them as they are."""
    said, container = mask(item.text), item.container and mask(item.container)
    if said == item.text and container == item.container:
        return item
    return attrs.evolve(item, text=said, container=container)
