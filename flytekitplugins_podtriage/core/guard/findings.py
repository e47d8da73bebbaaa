"""What in a cluster or its backend's settings defeats the guard or the connector, and what helps without a guard.

Each check is a function of :class:`ClusterFacts`; what is not known is not found fault with, unless the guard cannot do
without it. The texts are for operators: what, where, and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import attrs

from flytekitplugins_podtriage.core.durations import go_format
from flytekitplugins_podtriage.core.guard.cluster_facts import ClusterFacts
from flytekitplugins_podtriage.core.model import StrEnum
from flytekitplugins_podtriage.core.text.redact import mask

_VERSION: Final = re.compile(r"v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?")
_CAUSES_IN_STATUS: Final = (1, 32)
"""The first kubelet whose ImagePullBackOff carries the cause (kubernetes/kubernetes#127918)."""
_POD_TEMPLATES: Final = (1, 16, 7)
"""The first FlytePropeller that renders pod templates for connectors (flyteorg/flyte#7270)."""
_NAMED: Final = 10
_LONG_GRACE: Final = 600.0
"""From here on a longer grace period is not advised: the kubelet tries again every five minutes at most."""
_MANY_RETRIES: Final = 10
_TASK_TYPE: Final = "podtriage"
_CONNECTOR_PLUGIN: Final = "connector-service"


class Severity(StrEnum):
    """What a finding means for the guard."""

    ERROR = "error"
    """It cannot act, or must not."""
    WARNING = "warning"
    """It acts less often, or on less knowledge, than it could."""
    ADVICE = "advice"
    """A setting of Flyte's own that would help, with or without a guard."""
    NOTE = "note"
    """Worth knowing; nothing to do."""


@attrs.frozen(kw_only=True)
class Finding:
    """Something that an operator should know."""

    id: str
    """Stable, for scripts."""
    severity: Severity
    what: str
    """In a sentence."""
    where: str
    """The setting, permission or object."""
    remedy: str
    """What to do; empty: nothing."""


def findings(facts: ClusterFacts) -> tuple[Finding, ...]:
    """Return all findings, the gravest first."""
    all_of_them = [finding for check in _CHECKS for finding in check(facts)]
    return tuple(sorted(all_of_them, key=lambda finding: _ORDER[finding.severity]))


_ORDER: Final = {severity: rank for rank, severity in enumerate(Severity)}


def _ignore_retry_cause(facts: ClusterFacts) -> Iterator[Finding]:
    if facts.policy.backend == "flyte-1.16" and facts.policy.limits.ignore_retry_cause:
        yield Finding(
            id="ignore-retry-cause",
            severity=Severity.ERROR,
            what="USER and SYSTEM failures cost the same retries, so that no verdict changes who pays; the guard only "
            "observes, and what the connector reports has no effect either",
            where="propeller.node-config.ignore-retry-cause",
            remedy="set it to false, Flyte's default",
        )


def _grace_period(facts: ClusterFacts) -> Iterator[Finding]:
    policy = facts.policy
    grace, needed = policy.stock.image_pull_backoff_grace_period, policy.margin + policy.clock_skew
    if grace <= needed:
        yield Finding(
            id="short-grace-period",
            severity=Severity.ERROR,
            what=f"Flyte charges a failed pull {go_format(max(grace, 0.0))} after the pod's start, and the guard acts "
            f"{go_format(needed)} before that: it is always too late",
            where="plugins.k8s.image-pull-backoff-grace-period",
            remedy="set it to 3m0s, Flyte's default, or longer; or lower the guard's margin and clock-skew",
        )


def _pod_pending_timeout(facts: ClusterFacts) -> Iterator[Finding]:
    stock = facts.policy.stock
    timeout = stock.pod_pending_timeout
    if timeout <= 0:
        return
    too_short = timeout <= facts.policy.margin + facts.policy.clock_skew
    user = facts.policy.backend == "flyte-1.16"
    who = "the user, whatever the cause" if user else "the system, whatever the cause, without a limit"
    yield Finding(
        id="pod-pending-timeout",
        severity=Severity.ERROR if too_short else Severity.WARNING,
        what=f"a pod that is Pending for {go_format(timeout)} is charged to {who}: pods that wait for a node or for "
        "quota too, and the guard ends none of these",
        where="plugins.k8s.pod-pending-timeout",
        remedy="set it to 0s, Flyte's default (off)",
    )


def _finalizer(facts: ClusterFacts) -> Iterator[Finding]:
    if facts.policy.backend == "flyte-2" and facts.config is not None and facts.config.inject_finalizer:
        yield Finding(
            id="inject-finalizer",
            severity=Severity.ERROR,
            what="the executor spins on a pod that has ended and keeps a finalizer (834 verdicts in 66 s), so that "
            "enforce is refused",
            where="plugins.k8s.inject-finalizer",
            remedy="set it to false, Flyte's default",
        )


def _owners(facts: ClusterFacts) -> Iterator[Finding]:
    if facts.config is not None and not facts.config.owner_references:
        yield Finding(
            id="no-owner-references",
            severity=Severity.ERROR,
            what="pods do not name their TaskAction, so that the guard takes none of them for the backend's",
            where="plugins.k8s.disable-inject-owner-references",
            remedy="set it to false, Flyte's default",
        )


def _system_retries(facts: ClusterFacts) -> Iterator[Finding]:
    policy = facts.policy
    if policy.backend != "flyte-1.16" or policy.limits.ignore_retry_cause:
        return
    limit = policy.limits.max_system_failures
    where = "propeller.node-config.max-node-retries-system-failures"
    if limit <= policy.system_reserve:
        yield Finding(
            id="few-system-retries",
            severity=Severity.WARNING,
            what=f"of {limit} system retries {policy.system_reserve} are kept in reserve, so that the guard spends "
            "none while the user has retries left",
            where=where,
            remedy="raise it: to 10, for example",
        )
    elif limit < _MANY_RETRIES:
        yield Finding(
            id="more-system-retries",
            severity=Severity.ADVICE,
            what=f"a task survives {limit} failures of the platform, however many user retries it has",
            where=where,
            remedy="raise it to 10, for example: preemptions and lost nodes then end fewer tasks, with or without the "
            "guard",
        )


def _kubelets(facts: ClusterFacts) -> Iterator[Finding]:
    old = {version: nodes for version, nodes in facts.kubelets.items() if _older(version, _CAUSES_IN_STATUS)}
    if old:
        nodes = sum(old.values())
        where = f"{nodes} node{'s' if nodes != 1 else ''} with kubelet {_listed(sorted(old))}"
        if facts.events_readable:
            yield Finding(
                id="old-kubelets",
                severity=Severity.NOTE,
                what="kubelets before 1.32 name the cause of a failed pull in Events only, which the guard reads",
                where=where,
                remedy="",
            )
        else:
            yield Finding(
                id="old-kubelets",
                severity=Severity.ERROR,
                what="kubelets before 1.32 name the cause of a failed pull in Events only, which the guard cannot "
                "read: it does not know whose fault a failed pull is",
                where=where,
                remedy="allow list and watch of events, or update the nodes to 1.32 or later",
            )
    if facts.events_readable is False and not old:
        yield Finding(
            id="events-not-readable",
            severity=Severity.WARNING,
            what="Events of pods cannot be read; causes that kubelets report only there stay unknown",
            where="list and watch events",
            remedy="allow them",
        )


def _permissions(facts: ClusterFacts) -> Iterator[Finding]:
    if facts.missing_permissions:
        count = len(facts.missing_permissions)
        yield Finding(
            id="missing-permissions",
            severity=Severity.ERROR,
            what=f"{count} permission{'s' if count != 1 else ''} of the guard's service account "
            f"{'are' if count != 1 else 'is'} missing",
            where=_listed(facts.missing_permissions),
            remedy="apply the role of the chart podtriage-guard, or its rendered manifest",
        )


def _admission(facts: ClusterFacts) -> Iterator[Finding]:
    if facts.status_write_refusal:
        yield Finding(
            id="status-writes-refused",
            severity=Severity.ERROR,
            what=f"the API server refuses that the guard writes a pod's status: {_line(facts.status_write_refusal)}",
            where="admission of patch pods/status",
            remedy="exempt the guard's service account in the policy or webhook that refuses it",
        )


def _clocks(facts: ClusterFacts) -> Iterator[Finding]:
    for whose, offset in sorted(facts.clock_offsets.items()):
        if not abs(offset) <= facts.policy.clock_skew:  # not a number is no agreement either
            yield Finding(
                id="clocks-apart",
                severity=Severity.ERROR,
                what=f"the clock of {_line(whose)} is {abs(offset):.1f} s {'ahead of' if offset > 0 else 'behind'} the "
                f"API server's, and the guard allows for {go_format(facts.policy.clock_skew)}: it would act too late "
                "or too early",
                where=_line(whose),
                remedy="set the clock (NTP), or raise the guard's clock-skew",
            )


def _resource(facts: ClusterFacts) -> Iterator[Finding]:
    if facts.resource_served is False:
        old = facts.policy.backend == "flyte-1.16"
        name = "flyteworkflows.flyte.lyft.com" if old else "taskactions.flyte.org"
        other = "flyte-2" if old else "flyte-1.16"
        yield Finding(
            id="no-backend",
            severity=Severity.ERROR,
            what=f"the API server has no resource {name}: the backend {facts.policy.backend} runs no pods here",
            where=f"CustomResourceDefinition {name}",
            remedy=f"run the guard in the cluster where Flyte runs its pods, or with backend {other}",
        )


def _version(facts: ClusterFacts) -> Iterator[Finding]:
    version = _numbers(facts.backend_version)
    if not facts.backend_version or facts.policy.backend != "flyte-1.16":
        return
    if version is None or version[:2] != (1, 16):
        yield Finding(
            id="unknown-version",
            severity=Severity.ERROR,
            what=f"FlytePropeller {_line(facts.backend_version)} is not known to behave as 1.16 does; the guard only "
            "observes",
            where="the image of FlytePropeller",
            remedy="update podtriage or FlytePropeller; if the tag is your own build of 1.16, set backend-version",
        )
    elif facts.connector and version < _POD_TEMPLATES:
        yield Finding(
            id="old-propeller-for-connector",
            severity=Severity.ERROR,
            what=f"FlytePropeller {_line(facts.backend_version)} does not render pod templates for connectors",
            where="the image of FlytePropeller",
            remedy="update FlytePropeller to 1.16.7 or later",
        )


def _connector(facts: ClusterFacts) -> Iterator[Finding]:
    config = facts.config
    if not facts.connector or config is None or facts.policy.backend != "flyte-1.16":
        return
    if config.enabled_plugins and _CONNECTOR_PLUGIN not in config.enabled_plugins:
        yield Finding(
            id="connector-disabled",
            severity=Severity.ERROR,
            what="FlytePropeller does not load the plugin that calls connectors",
            where="tasks.task-plugins.enabled-plugins",
            remedy=f"add {_CONNECTOR_PLUGIN}",
        )
    if config.task_types.get(_TASK_TYPE) != _CONNECTOR_PLUGIN:
        yield Finding(
            id="connector-not-routed",
            severity=Severity.WARNING,
            what="tasks of podtriage's type are routed by what the connector lists when FlytePropeller starts, and run "
            "as stock pods where that failed",
            where="tasks.task-plugins.default-for-task-types",
            remedy=f"add {_TASK_TYPE}: {_CONNECTOR_PLUGIN}",
        )


def _config(facts: ClusterFacts) -> Iterator[Finding]:
    source = _line(facts.config_source) or "the backend's ConfigMap"
    if facts.config is None:
        yield Finding(
            id="config-unknown",
            severity=Severity.WARNING,
            what="the backend's own settings are not known, and Flyte's defaults are assumed"
            + (f": {_line(facts.config_problem)}" if facts.config_problem else ""),
            where=source,
            remedy="allow get of that ConfigMap, or set grace periods and limits in the guard's settings",
        )
        return
    for problem in facts.config.problems[:_NAMED]:
        yield Finding(
            id="config-unclear",
            severity=Severity.WARNING,
            what=_line(problem),
            where=source,
            remedy="correct it there, or set the value in the guard's settings",
        )


def _longer_grace(facts: ClusterFacts) -> Iterator[Finding]:
    grace = facts.policy.stock.image_pull_backoff_grace_period
    if 0 <= grace < _LONG_GRACE:
        yield Finding(
            id="longer-grace-period",
            severity=Severity.ADVICE,
            what=f"a pull that fails for {go_format(grace)} ends the attempt, although the kubelet would keep trying "
            "in the same pod at no cost of retries",
            where="plugins.k8s.image-pull-backoff-grace-period",
            remedy="raise it to 30m, for example: rate limits and outages of registries then pass; an image that does "
            "not exist fails as much later",
        )


def _keep_messages(facts: ClusterFacts) -> Iterator[Finding]:
    if facts.policy.backend == "flyte-1.16" and facts.config is not None and not facts.config.inject_finalizer:
        yield Finding(
            id="add-finalizer",
            severity=Severity.ADVICE,
            what="a pod that is deleted from outside is gone before FlytePropeller reads why; users read only "
            "'resource not found'",
            where="plugins.k8s.inject-finalizer",
            remedy="set it to true: pods then stay until FlytePropeller has read how they ended",
        )


def _shards(facts: ClusterFacts) -> Iterator[Finding]:
    if facts.shards is not None and facts.shards > 1:
        yield Finding(
            id="several-shards",
            severity=Severity.NOTE,
            what=f"{facts.shards} FlytePropellers share the workflows: one guard serves all of them; it follows pods",
            where="FlytePropeller",
            remedy="",
        )


_CHECKS: Final[tuple[Callable[[ClusterFacts], Iterator[Finding]], ...]] = (
    _resource,
    _version,
    _ignore_retry_cause,
    _grace_period,
    _pod_pending_timeout,
    _finalizer,
    _owners,
    _permissions,
    _admission,
    _clocks,
    _kubelets,
    _connector,
    _config,
    _system_retries,
    _longer_grace,
    _keep_messages,
    _shards,
)


def _numbers(version: str) -> tuple[int, ...] | None:
    match = _VERSION.match(version)
    return tuple(int(part) for part in match.groups(default="0")) if match is not None else None


def _older(version: str, than: tuple[int, ...]) -> bool:
    numbers = _numbers(version)
    return numbers is not None and numbers[: len(than)] < than


def _listed(names: tuple[str, ...] | list[str]) -> str:
    """Return names with commas, not more than a person reads."""
    listed = ", ".join(_line(name) for name in names[:_NAMED])
    return f"{listed} and {len(names) - _NAMED} more" if len(names) > _NAMED else listed


def _line(text: str) -> str:
    """Return a text from outside as the part of a line, without secrets."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in mask(text[:1000])).split())[:200]
