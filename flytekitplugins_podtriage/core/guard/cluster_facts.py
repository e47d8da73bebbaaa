"""What is known of a cluster before anything is guarded in it."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.propeller_config import BackendConfig


@attrs.frozen(kw_only=True)
class ClusterFacts:
    """What was read of a cluster and its backend; None and empty: not known."""

    policy: GuardPolicy
    """The settings that the guard runs with there."""
    config: BackendConfig | None = None
    """The backend's own settings."""
    config_problem: str = ""
    """Why they are not known: not permitted, no such ConfigMap."""
    config_source: str = ""
    """The ConfigMap, ``NAMESPACE/NAME``."""
    backend_version: str = ""
    """Of the backend's image: ``v1.16.8``."""
    resource_served: bool | None = None
    """Whether the API server knows the backend's resource (flyteworkflows, taskactions)."""
    kubelets: Mapping[str, int] = attrs.field(factory=dict)
    """How many nodes have a kubelet of a version: ``v1.31.4``."""
    events_readable: bool | None = None
    """Whether Events of pods may be listed and watched."""
    missing_permissions: tuple[str, ...] = ()
    """Of the guard's service account: ``patch pods/status in p-d``."""
    status_write_refusal: str = ""
    """What an admission plugin answered to a dry run of a write of a pod's status."""
    clock_offsets: Mapping[str, float] = attrs.field(factory=dict)
    """By how many seconds clocks are ahead of the API server's, by whose they are: ``FlytePropeller``."""
    shards: int | None = None
    """How many FlytePropellers share the workflows."""
    connector: bool = False
    """Whether podtriage's connector is to be used too."""
