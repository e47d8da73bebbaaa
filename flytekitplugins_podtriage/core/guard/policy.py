"""The settings of the guard's decisions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from flytekitplugins_podtriage.core.accounting import FLYTE_2_SYSTEM_FAILURES, Limits
from flytekitplugins_podtriage.core.durations import seconds
from flytekitplugins_podtriage.core.model import StrEnum
from flytekitplugins_podtriage.core.policy import Policy

OPT_OUT_LABEL: Final = "podtriage.flyte.org/guard"
"""With the value ``off`` on a pod or a namespace: the guard neither acts there nor says that it would."""
GUARDED_BACKENDS: Final = ("flyte-1.16", "flyte-2")


class Mode(StrEnum):
    """Whether the guard acts."""

    OBSERVE = "observe"
    """It says what it would do."""
    ENFORCE = "enforce"
    """It does it."""


@attrs.frozen(kw_only=True)
class Caps:
    """How many pods the guard may end: a bug or an outage must not become a mass eviction."""

    per_execution: int = attrs.field(default=10, validator=attrs.validators.ge(0))
    """In one workflow execution, as long as the guard remembers it (an hour)."""
    per_namespace: int = attrs.field(default=20, validator=attrs.validators.ge(0))
    """In one namespace, within a minute."""
    per_minute: int = attrs.field(default=60, validator=attrs.validators.ge(0))
    """In all, within a minute."""


@attrs.frozen(kw_only=True)
class GuardPolicy:
    """The settings of the guard. Durations are in seconds."""

    backend: str = attrs.field(default="flyte-1.16", validator=attrs.validators.in_(GUARDED_BACKENDS))
    """The backend that runs the pods."""
    stock: Policy = attrs.field(default=attrs.Factory(lambda self: Policy.for_backend(self.backend), takes_self=True))
    """The backend's own settings: its grace periods decide when it charges."""
    own: Policy = attrs.field(factory=Policy)
    """podtriage's settings: its rules decide whose fault a failure is."""
    limits: Limits = attrs.field(factory=Limits)
    """The backend's limits. ``retries`` counts only for tasks whose retries cannot be read."""
    mode: Mode = attrs.field(default=Mode.OBSERVE, converter=Mode)
    """The mode of namespaces without a mode of their own."""
    namespace_modes: Mapping[str, Mode] = attrs.field(factory=dict, converter=MappingProxyType)
    """The mode of single namespaces."""
    system_reserve: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    """How many system retries are never spent by the guard (1.16)."""
    max_system_restarts: int = attrs.field(default=FLYTE_2_SYSTEM_FAILURES, validator=attrs.validators.ge(0))
    """How many SYSTEM restarts a TaskAction gets (Flyte 2, which has no limit of its own); then the user pays."""
    margin: float = attrs.field(default=5.0, converter=seconds)
    """How long before stock Flyte charges the user the guard acts, if nothing else is due."""
    clock_skew: float = attrs.field(default=2.0, converter=seconds)
    """By how much FlytePropeller's clock may differ from the API server's: added to the margin."""
    caps: Caps = attrs.field(factory=Caps)
    fail_fast: bool = False
    """Whether pods that can only fail are ended before the grace period is over, charged to the user."""
    fail_fast_after: float = attrs.field(default=30.0, converter=seconds)
    """How old such a pod is at least."""
    rescue: bool = attrs.field(default=False)
    """Whether ``status.reason`` of pods that ended already is corrected where the charge would be wrong (1.16 only)."""

    @rescue.validator
    def _rescue_on_1_16_only(self, attribute: object, value: bool) -> None:
        if value and self.backend == "flyte-2":
            raise ValueError(
                "rescue with backend flyte-2: its executor reads a failed pod within 20 ms, and none of 12 was won; "
                "allowed with flyte-1.16"
            )

    def mode_of(self, namespace: str) -> Mode:
        """Return the mode of a namespace."""
        return self.namespace_modes.get(namespace, self.mode)
