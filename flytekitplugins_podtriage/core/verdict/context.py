"""The case of one pod: what is known of it, gathered once, and the ways in which a verdict on it is written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.demystify import PRIMARY_CONTAINER
from flytekitplugins_podtriage.core.diagnose import Finding, excerpt, filled, find
from flytekitplugins_podtriage.core.events import Digest
from flytekitplugins_podtriage.core.memory import Memory, has_started
from flytekitplugins_podtriage.core.model import Evidence, Phase, Verdict
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.rules.pod_rule import with_fix
from flytekitplugins_podtriage.core.rules.pod_states import POD_RULES
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook

_NO_STATUS = wire.PodStatus()
_NO_METADATA = wire.Metadata()


class Case:
    """A pod, its events and what is remembered of it, at one moment, under one policy."""

    __slots__ = ("events", "init", "main", "memory", "metadata", "now", "others", "policy", "rules", "status")

    def __init__(
        self,
        pod: wire.Pod,
        events: Digest,
        memory: Memory | None,
        policy: Policy,
        rules: RuleBook | None,
        now: datetime,
    ) -> None:
        self.status = pod.status or _NO_STATUS
        self.metadata = pod.metadata or _NO_METADATA
        self.events = events
        self.memory = memory
        self.policy = policy
        self.rules = rules
        self.now = now
        self.init: Sequence[wire.ContainerStatus] = self.status.init_container_statuses or ()
        containers: Sequence[wire.ContainerStatus] = self.status.container_statuses or ()
        named = (self.metadata.annotations or {}).get(PRIMARY_CONTAINER)
        # Without the annotation the task is all of its containers, as for stock Flyte. An annotation that names none
        # of them is a mistake of the template's; every container counts then too.
        self.main: Sequence[wire.ContainerStatus] = containers
        self.others: Sequence[wire.ContainerStatus] = ()
        if named is not None and len(containers) > 1:
            main = [c for c in containers if c.name == named]
            if main:
                self.main = main
                self.others = [c for c in containers if c.name != named]

    @property
    def disruption(self) -> wire.Condition | None:
        """The condition DisruptionTarget, if it is true."""
        for condition in self.status.conditions or ():
            if condition.type == "DisruptionTarget" and condition.status == "True":
                return condition
        return None

    @property
    def deletion_asked_at(self) -> datetime | None:
        """When somebody asked for the pod's deletion; its deletionTimestamp is that plus the grace period."""
        due = self.metadata.deletion_timestamp
        if due is None:
            return None
        return due - timedelta(seconds=self.metadata.deletion_grace_period_seconds or 0)

    @property
    def has_started(self) -> bool:
        """Whether a main container is known to have run."""
        remembered = self.memory.started if self.memory else ()
        for container in self.main:  # noqa: SIM110  # any() with a generator costs twice as much
            if has_started(container) or (container.name or "") in remembered:
                return True
        return False

    @property
    def since(self) -> datetime:
        """Since when the pod is on its node (or, if that is not known, since when it exists)."""
        for condition in self.status.conditions or ():
            if condition.type == "Ready" and condition.last_transition_time is not None:
                return condition.last_transition_time
        return self.status.start_time or self.metadata.creation_timestamp or self.now

    def find(self, message: str, reason: str | None = None) -> Finding:
        """Find the cause in a message under the policy's rules."""
        return find(message, reason, self.rules)

    def by_rule(
        self,
        rule_id: str,
        phase: Phase,
        *,
        code: str | None = None,
        detail: str = "",
        evidence: tuple[Evidence, ...] = (),
        container: str | None = None,
        recheck_at: datetime | None = None,
        cleanup: bool = False,
    ) -> Verdict:
        """Write a verdict that rests on a state of the pod."""
        return POD_RULES[rule_id].verdict(
            phase,
            code=code,
            detail=detail,
            evidence=evidence,
            container=container,
            started=self.has_started,
            recheck_at=recheck_at,
            cleanup=cleanup,
            backend=self.policy.name,
        )

    def by_finding(
        self,
        found: Finding,
        phase: Phase,
        *,
        code: str,
        source: str,
        container: str | None = None,
        at: datetime | None = None,
        recheck_at: datetime | None = None,
        also: tuple[Evidence, ...] = (),
    ) -> Verdict:
        """Write a verdict that rests on the words of a message."""
        rule = found.rule
        text = f"{filled(rule.means, found.registry, found.image)} ({code}): {found.said}"
        failing = phase.failing
        remedy = found.remedy
        evidence: tuple[Evidence, ...] = (Evidence(source, found.said, container, at),)
        if also or found.others:
            evidence += (*also, *(Evidence(source, other, container, at) for other in found.others))
        return Verdict(
            phase=phase,
            kind=rule.kind,
            code=code if failing else None,
            message=with_fix(text, remedy) if failing else None,
            cleanup=failing,
            reason="" if failing else text,
            category=rule.category,
            rule=rule.id,
            remedy=remedy,
            evidence=evidence,
            http_status=found.status,
            registry=found.registry,
            image=found.image,
            retry_after=found.retry_after,
            container=container,
            started=self.has_started,
            recheck_at=recheck_at,
            backend=self.policy.name,
        )


def quote(text: str | None) -> str:
    """Return a text for display, or nothing."""
    return excerpt(text) if text else ""
