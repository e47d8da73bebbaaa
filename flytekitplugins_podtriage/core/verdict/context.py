"""What is known of one pod, gathered once, and the two ways to make a verdict on it: by a pod rule, by a match."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.demystify import PRIMARY_CONTAINER
from flytekitplugins_podtriage.core.events import EventSummary
from flytekitplugins_podtriage.core.match import Match, excerpt, fill_in, match_message, match_termination_message
from flytekitplugins_podtriage.core.memory import Memory, has_started
from flytekitplugins_podtriage.core.model import SCHEMA, Evidence, Phase, Verdict, notes_on
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.rules.pod_rule import with_fix
from flytekitplugins_podtriage.core.rules.pod_states import POD_RULES

_NO_STATUS = wire.PodStatus()
_NO_METADATA = wire.Metadata()


class PodContext:
    """A pod, its events and what is remembered of it, at one moment, under one policy."""

    __slots__ = ("events", "init", "main", "memory", "metadata", "now", "others", "policy", "spec", "status")

    def __init__(
        self, pod: wire.Pod, events: EventSummary, memory: Memory | None, policy: Policy, now: datetime
    ) -> None:
        self.status = pod.status or _NO_STATUS
        self.spec = pod.spec
        self.metadata = pod.metadata or _NO_METADATA
        self.events = events
        self.memory = memory
        self.policy = policy
        self.now = now
        self.init: Sequence[wire.ContainerStatus] = self.status.init_container_statuses or ()
        containers: Sequence[wire.ContainerStatus] = self.status.container_statuses or ()
        # Without the annotation, or if it names no container, all containers are the task's, as for stock Flyte.
        primary = (self.metadata.annotations or {}).get(PRIMARY_CONTAINER)
        main = [c for c in containers if c.name == primary] if primary is not None and len(containers) > 1 else []
        self.main: Sequence[wire.ContainerStatus] = main or containers
        self.others: Sequence[wire.ContainerStatus] = [c for c in containers if c.name != primary] if main else ()

    @property
    def disruption(self) -> wire.Condition | None:
        """The condition DisruptionTarget, if it is true."""
        for condition in self.status.conditions or ():
            if condition.type == "DisruptionTarget" and condition.status == "True":
                return condition
        return None

    @property
    def sidecars(self) -> frozenset[str | None]:
        """The names of the native sidecars: init containers with ``restartPolicy: Always`` (Kubernetes 1.28)."""
        inits = (self.spec and self.spec.init_containers) or ()
        return frozenset(container.name for container in inits if container.restart_policy == "Always")

    @property
    def deletion_requested_at(self) -> datetime | None:
        """When the pod's deletion was requested: its deletionTimestamp minus the grace period."""
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
        """Since when the pod is on its node; if unknown, since when it exists."""
        for condition in self.status.conditions or ():
            if condition.type == "Ready" and condition.last_transition_time is not None:
                return condition.last_transition_time
        return self.status.start_time or self.metadata.creation_timestamp or self.now

    def match(self, message: str, reason: str | None = None) -> Match:
        """Return the match of a message under the policy's rules."""
        return match_message(message, reason, self.policy.rules)

    def match_termination_message(self, message: str) -> Match | None:
        """Return the match of what a container left behind; None if it says no more than its exit code does."""
        return match_termination_message(message, self.policy.rules)

    def by_rule(
        self,
        rule_id: str,
        phase: Phase = Phase.RETRYABLE_FAILURE,
        *,
        code: str | None = None,
        detail: str = "",
        evidence: tuple[Evidence, ...] = (),
        container: str | None = None,
        recheck_at: datetime | None = None,
        cleanup: bool = False,
    ) -> Verdict:
        """Return the verdict of a pod rule."""
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

    def by_match(
        self,
        match: Match,
        phase: Phase = Phase.RETRYABLE_FAILURE,
        *,
        code: str,
        source: str,
        container: str | None = None,
        at: datetime | None = None,
        recheck_at: datetime | None = None,
        also: tuple[Evidence, ...] = (),
    ) -> Verdict:
        """Return the verdict of the rule that matched a message."""
        rule = match.rule
        text = f"{fill_in(rule.means, match.registry, match.image)} ({code}): {match.excerpt}"
        failing = phase.failing
        remedy = fill_in(rule.remedy, match.registry, match.image)
        evidence: tuple[Evidence, ...] = (Evidence(source, match.excerpt, container, at),)
        if also or match.other_excerpts:
            evidence += (*also, *(Evidence(source, other, container, at) for other in match.other_excerpts))
        # By position: with keywords a whole decision takes 7 % longer (benchmarks.decision, podtriage, 7 KB).
        return Verdict(
            phase,
            rule.kind,
            code if failing else None,
            with_fix(text, remedy) if failing else None,
            failing,
            "" if failing else text,
            rule.category,
            rule.id,
            remedy,
            evidence,
            match.status,
            match.registry,
            match.image,
            match.retry_after,
            container,
            self.has_started,
            recheck_at,
            self.policy.name,
            SCHEMA,
            notes_on(rule.category),
        )


def quote(text: str | None) -> str:
    """Return an excerpt of a text; empty if there is none."""
    return excerpt(text) if text else ""
