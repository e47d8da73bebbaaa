"""The names that objects may have (k8s.io/apimachinery pkg/util/validation), and the paths that they make."""

from __future__ import annotations

import re
from typing import Final

from flytekitplugins_podtriage.kube.client.http import quoted

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")


def is_name(name: str) -> bool:
    """Whether an object may have this name: DNS-1123 subdomains, of up to 253 characters.

    Nothing else is asked for: an empty name, say, would mean all objects there are.
    """
    return _NAME.fullmatch(name) is not None


def path(namespace: str | None, resource: str, name: str = "", subresource: str = "") -> str:
    """Return the path of a resource of the core API: in a namespace or (None) in all, of one object or part of it."""
    where = "" if namespace is None else f"/namespaces/{quoted(namespace)}"
    return "/".join(part for part in (f"/api/v1{where}/{resource}", quoted(name), subresource) if part)
