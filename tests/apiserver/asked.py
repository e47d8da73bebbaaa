"""A request as the API server's authorizer sees it (k8s.io/apiserver pkg/endpoints/request/requestinfo.go)."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import attrs

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@attrs.frozen
class Asked:
    """What was asked for."""

    verb: str
    """``get``, ``list``, ``watch``, ``create``, ``update``, ``patch``, ``delete``, ``deletecollection``."""
    resource: str
    """With the subresource, as RBAC writes it: ``pods``, ``pods/log``; empty where the path has none."""
    namespace: str | None
    name: str | None
    query: dict[str, str]

    @classmethod
    def read(cls, method: str, target: str) -> Asked:
        """Read the first line of an HTTP request."""
        split = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(split.query, keep_blank_values=True).items()}
        parts = [unquote(part) for part in split.path.split("/") if part]
        parts = parts[2:] if parts[:1] == ["api"] else parts[3:] if parts[:1] == ["apis"] else []
        namespace = None
        if parts[:1] == ["namespaces"] and len(parts) > 2:
            namespace, parts = parts[1], parts[2:]
        name = parts[1] if len(parts) > 1 else None
        resource = "/".join(parts[:1] + parts[2:3])
        verb = _VERBS.get(method, "get")
        if verb == "get" and name is None and parts:
            verb = "watch" if query.get("watch") in ("1", "true", "True") else "list"
        if verb == "delete" and name is None:
            verb = "deletecollection"
        return cls(verb, resource, namespace, name, query)
