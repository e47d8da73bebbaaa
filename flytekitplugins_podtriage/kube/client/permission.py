"""The rights that a question needs, as Kubernetes' RBAC names them."""

from __future__ import annotations

import attrs


@attrs.frozen(slots=True)
class Right:
    """One verb on one resource."""

    verb: str
    resource: str
    namespace: str | None = None
    """Where; None: in all namespaces."""

    def __str__(self) -> str:
        where = "in all namespaces" if self.namespace is None else f"in namespace {self.namespace!r}"
        return f"{self.verb} {self.resource} {where}"

    @property
    def remedy(self) -> str:
        """The command that makes a role with all that podtriage reads; it is to be bound to the user."""
        kind, where = ("clusterrole", "") if self.namespace is None else ("role", f" -n {self.namespace}")
        return f"kubectl create {kind} podtriage --verb=get,list --resource=pods,events{where}"

    @property
    def command(self) -> str:
        """The command that makes a role with this right alone."""
        kind, where = ("clusterrole", "") if self.namespace is None else ("role", f" -n {self.namespace}")
        return f"kubectl create {kind} NAME --verb={self.verb} --resource={self.resource}{where}"
