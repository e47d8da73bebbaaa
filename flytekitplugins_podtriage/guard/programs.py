"""The parts of which ``podtriage guard`` is made when it is no test: the loop, and what reads the cluster at start."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from flytekitplugins_podtriage.core.guard.cluster_facts import ClusterFacts
from flytekitplugins_podtriage.core.guard.findings import Severity, findings
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.guard.cluster_reader import backend_config
from flytekitplugins_podtriage.guard.service import Programs
from flytekitplugins_podtriage.guard.surroundings import PropellerSettings


def production() -> Programs:
    """Return the guard's own parts.

    * ``guard.loop.open_loop(wiring)`` returns a :class:`~flytekitplugins_podtriage.guard.service.Loop`;
    * ``guard.permissions.missing(connection, settings)`` returns the permissions that are missing.
    """

    def part(module: str, name: str) -> Any:
        # By name, when the guard starts: the loop itself imports what the service hands it.
        return getattr(import_module(f"flytekitplugins_podtriage.{module}"), name)

    return Programs(
        make_loop=part("guard.loop", "open_loop"),
        read_propeller=read_propeller,
        missing=part("guard.permissions", "missing"),
    )


def read_propeller(data: Mapping[str, str], backend: str) -> PropellerSettings:
    """Read the backend's settings, and what in them forbids to act: the errors that ``podtriage doctor`` finds."""
    config = backend_config(data, backend)
    policy = GuardPolicy(backend=backend, stock=config.stock, limits=config.limits)
    errors = [
        f"{finding.where}: {finding.what}"
        for finding in findings(ClusterFacts(policy=policy, config=config))
        if finding.severity is Severity.ERROR and finding.id != "ignore-retry-cause"  # said once, with the settings
    ]
    return PropellerSettings(stock=config.stock, limits=config.limits, hindrances=tuple(errors))
