"""The parts of which ``podtriage guard`` is made when it is no test: the loop, and what reads the cluster at start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from flytekitplugins_podtriage.core.guard import caps, flyteworkflow, margin, reducer, taskaction
from flytekitplugins_podtriage.core.guard.cluster_facts import ClusterFacts
from flytekitplugins_podtriage.core.guard.findings import Severity, findings
from flytekitplugins_podtriage.core.guard.policy import Caps, GuardPolicy
from flytekitplugins_podtriage.core.guard.values import Act
from flytekitplugins_podtriage.guard.assembly import Guard
from flytekitplugins_podtriage.guard.cluster_reader import RESOURCES, backend_config, missing_permissions
from flytekitplugins_podtriage.guard.decisions import Decisions
from flytekitplugins_podtriage.guard.events import event_body
from flytekitplugins_podtriage.guard.facts import TaskSource
from flytekitplugins_podtriage.guard.service import Loop, Programs, Wiring
from flytekitplugins_podtriage.guard.settings_file import GuardSettings
from flytekitplugins_podtriage.guard.surroundings import PropellerSettings
from flytekitplugins_podtriage.kube.client.connection import Connection


def production() -> Programs:
    """Return the guard's own parts."""
    return Programs(make_loop=make_loop, read_propeller=read_propeller, missing=missing)


def make_loop(wiring: Wiring) -> Loop:
    """Put the guard of one cluster together: watch, lease, decisions and writes."""
    settings, policy = wiring.settings, wiring.policy
    return Guard(
        wiring.connection,
        policy,
        selector=settings.pod_selector,
        namespaces=settings.namespaces,
        identity=wiring.identity,
        lease=(wiring.lease_namespace, settings.lease_name),
        decisions=Decisions(step=reducer.step, new=reducer.NEW, count_due=margin.count_due),
        source=_source(policy.backend),
        ledger=CapsLedger(),
        event_body=partial(event_body, instance=wiring.identity),
        observer=wiring.reporter,
    )


def _source(backend: str) -> TaskSource:
    """Return where a backend records its tasks."""
    group, resource = RESOURCES[backend]
    if backend == "flyte-1.16":
        return TaskSource(
            group=group, resource=resource, read=flyteworkflow.read_workflow, record=flyteworkflow.record_of
        )
    # A TaskAction is one task's own: it is decoded once anyway.
    return TaskSource(
        group=group,
        resource=resource,
        read=bytes,
        record=taskaction.task_record,
        launch_failed=taskaction.pods_cannot_be_created,
        kind="TaskAction",
    )


class CapsLedger:
    """The acts that were admitted, held against the caps (``core/guard/caps.py``)."""

    def __init__(self) -> None:
        self._ledger = caps.Ledger()

    def admit(self, act: Act, limits: Caps, now: datetime) -> str:
        """Count an act, or return the name of the cap that refuses it."""
        self._ledger, refusal = caps.admit(self._ledger, act, limits, now)
        return refusal

    def rebuild(self, acts: Iterable[Any], now: datetime) -> None:
        """Count these acts, and no others."""
        entries = [caps.Entry(act.at, act.namespace, act.execution, act.uid) for act in acts]
        self._ledger = caps.rebuild(entries, now)


def read_propeller(data: Mapping[str, str], backend: str) -> PropellerSettings:
    """Read the backend's settings, and what in them forbids to act: the errors that ``podtriage doctor`` finds."""
    config = backend_config(data, backend)
    policy = GuardPolicy(backend=backend, stock=config.stock, limits=config.limits)
    errors = [
        f"{finding.where}: {finding.what}"
        for finding in findings(ClusterFacts(policy=policy, config=config))
        if finding.severity is Severity.ERROR and finding.id != "ignore-retry-cause"  # logged once, with the settings
    ]
    return PropellerSettings(stock=config.stock, limits=config.limits, hindrances=tuple(errors))


def missing(connection: Connection, settings: GuardSettings) -> Sequence[str]:
    """Return the permissions that the guard lacks."""
    lease_namespace = settings.lease_namespace or connection.namespace
    return missing_permissions(connection, settings.policy(), settings, lease_namespace=lease_namespace)
