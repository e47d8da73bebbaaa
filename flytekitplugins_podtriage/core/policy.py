"""Policies: the settings of a decision.

A policy is passed to every decision. The stock policies differ from each other only in the fields of their
:class:`Dialect`; podtriage's own has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from flytekitplugins_podtriage.core.durations import seconds
from flytekitplugins_podtriage.core.model import ErrorKind

if TYPE_CHECKING:
    from flytekitplugins_podtriage.core.rules.rulebook import RuleBook


@attrs.frozen(slots=True)
class Dialect:
    """The differences between versions of Flyte's Go code (flytek8s/pod_helper.go, k8s/pod/plugin.go)."""

    version: str
    """The upstream commit that is followed."""
    init_containers_first: bool
    """Whether a waiting init container decides before any other (v2: ``demystifyPendingHelper``)."""
    rate_limit_words: str | None
    """The words in the message of ImagePullBackOff that make it SYSTEM (v2: ``isRegistryRateLimited``)."""
    pending_timeout_kind: ErrorKind
    """Who is charged when ``pod-pending-timeout`` passes."""
    unknown_phase_is_undefined: bool
    """Whether the pod phase ``Unknown`` has no answer (v2), instead of being treated as Running."""


FLYTE_1_16 = Dialect(
    version="v1.16.8 (51877f899c9f95e0cb5efe90444eb0c6c6ea48a9)",
    init_containers_first=False,
    rate_limit_words=None,
    pending_timeout_kind=ErrorKind.USER,
    unknown_phase_is_undefined=False,
)
FLYTE_2 = Dialect(
    version="6fadb90d65af26f4db908ec1c5f5af546a3e4299",
    init_containers_first=True,
    rate_limit_words="429 Too Many Requests",
    pending_timeout_kind=ErrorKind.SYSTEM,
    unknown_phase_is_undefined=True,
)
_DIALECTS = {"podtriage": None, "flyte-1.16": FLYTE_1_16, "flyte-2": FLYTE_2}
BACKENDS = tuple(_DIALECTS)
"""The names that :meth:`Policy.for_backend` knows."""


@attrs.frozen(slots=True, kw_only=True)
class Policy:
    """The settings of a decision. Durations are in seconds; ``"3m0s"`` and a ``timedelta`` are accepted too."""

    name: str = "podtriage"
    dialect: Dialect | None = None
    """The Go code to follow; None for podtriage's own policy."""

    # The settings of `plugins.k8s`, under their own names and with Flyte's defaults
    # (flytek8s/config/config.go). Podtriage's own policy has a patience instead of grace periods.
    create_container_error_grace_period: float = attrs.field(default=180.0, converter=seconds)
    create_container_config_error_grace_period: float = attrs.field(default=0.0, converter=seconds)
    image_pull_backoff_grace_period: float = attrs.field(default=180.0, converter=seconds)
    pod_pending_timeout: float = attrs.field(default=0.0, converter=seconds)
    """0 or less is off. podtriage's own policy makes it a SYSTEM failure, as Flyte 2 does."""

    # Podtriage's own.
    user_patience: float = attrs.field(default=180.0, converter=seconds)
    """How long to hold a pod that cannot start for a user-side or unknown reason, from its first failure: the image may
    still be pushed, the secret still be created. Default 3 min, Flyte's grace period for a failed pull."""
    system_patience: float = attrs.field(default=1800.0, converter=seconds)
    """How long to hold a pod that cannot start for a platform-side reason, from its first failure, while the kubelet
    keeps retrying and nothing is charged. Default 30 min: half of Docker Hub's hourly window, six full back-offs."""
    rules: RuleBook | None = None
    """Rules of one's own and the built-in ones; None for the built-in ones alone."""

    @classmethod
    def for_backend(cls, backend: str) -> Policy:
        """Return the policy of ``podtriage``, ``flyte-1.16`` or ``flyte-2``, with that backend's defaults.

        The stock policies answer exactly as the Go code of that version does. ``attrs.evolve`` changes a setting.

        Raises:
            ValueError: the backend is unknown.
        """
        if backend not in _DIALECTS:
            raise ValueError(f"unknown backend {backend!r}; allowed: {', '.join(BACKENDS)}")
        return cls(name=backend, dialect=_DIALECTS[backend])
