"""One verb on one resource: what a request does, and the permission that it needs, in the words of RBAC."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

import attrs

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
"""DNS-1123 subdomains of up to 253 characters (k8s.io/apimachinery pkg/util/validation)."""
_METHODS: Final = {"create": "POST", "delete": "DELETE", "patch": "PATCH", "update": "PUT"}


def _short(name: str) -> str:
    return repr(name if len(name) <= 80 else f"{name[:77]}...")


@attrs.frozen(slots=True)
class Operation:
    """One verb on one resource; its text, as in ``get pods 'f1-n0-0' in namespace 'ns'``, is for messages."""

    verb: str
    resource: str
    """The plural name, perhaps with a subresource: ``pods/log``."""
    namespace: str | None = None
    """None: all namespaces."""
    name: str | None = None
    """The object's name; None for a list or a watch."""
    group: str = ""
    """API group and version; empty: the core API."""
    role: tuple[str, str] | None = None
    """The verbs and resources of the role to suggest where the permission is missing; None: this operation's own."""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{'' if self.name is None else ' ' + _short(self.name)} {self._scope}"

    @property
    def _scope(self) -> str:
        return "in all namespaces" if self.namespace is None else f"in namespace {_short(self.namespace)}"

    @property
    def permission(self) -> str:
        """The permission that it needs, as in ``get pods in namespace 'ns'``."""
        return f"{self.verb} {self.resource} {self._scope}"

    @property
    def role_command(self) -> str:
        """The command that creates a role with the permission."""
        verbs, resources = self.role or (self.verb, self.resource)
        kind, option = ("clusterrole", "") if self.namespace is None else ("role", f" -n {self.namespace}")
        name = "NAME" if self.role is None else "podtriage"
        return f"kubectl create {kind} {name} --verb={verbs} --resource={resources}{option}"

    @property
    def method(self) -> str:
        """The HTTP method."""
        return _METHODS.get(self.verb, "GET")

    @property
    def path(self) -> str:
        """The path of the request; a new object is posted to the path of its list."""
        resource, _, subresource = self.resource.partition("/")
        root = f"/apis/{self.group}" if self.group else "/api/v1"
        parts = [root] if self.namespace is None else [root, "namespaces", quote(self.namespace, safe="")]
        name = "" if self.name is None or self.verb == "create" else quote(self.name, safe="")
        return "/".join([*parts, *filter(None, (resource, name, subresource))])

    @property
    def invalid_name(self) -> str | None:
        """The namespace or name in the path that no object can have; None: both are fine.

        Such a request must not be sent: an empty name, for one, addresses all objects.
        """
        names = (self.namespace, None if self.verb == "create" else self.name)
        return next((name for name in names if name is not None and not _NAME.fullmatch(name)), None)
