"""Which faults of a plan have occurred in the clusters of a run, and why the others have not.

A fault that names a registry, task or container that the run does not have changes nothing: a misspelt name would look
like a run in which nothing went wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from flytekitplugins_podtriage.core.text.references import registry_of_image
from flytekitplugins_podtriage.core.text.suggestions import did_you_mean
from flytekitplugins_podtriage.sandbox.faults.fault_types import Fault
from flytekitplugins_podtriage.sandbox.faults.plan import Plan
from flytekitplugins_podtriage.sandbox.faults.spelling import REGISTRIES
from flytekitplugins_podtriage.sandbox.pod_state import PodRecord

_MOST_NAMES: Final = 8
_SIMILAR_HOST: Final = 0.8
"""docker.io and ghcr.io, which nobody takes for each other, have 0.63 in common; docker.oi and docker.io 0.89."""


@attrs.define(eq=False)
class Occurrences:
    """What has occurred; one instance may be shared by several clusters."""

    faults: set[Fault] = attrs.field(factory=set)
    """Those that have occurred."""
    tasks: dict[str, None] = attrs.field(factory=dict)
    """The tasks whose pods were created; this and the next are ordered sets."""
    registries: dict[str, None] = attrs.field(factory=dict)
    """The registries of their images."""
    containers: dict[str, None] = attrs.field(factory=dict)
    """The names of their containers."""
    attempts: int = 0
    """The highest number of an attempt, from 1."""

    def created(self, record: PodRecord) -> None:
        """Note that a pod was created."""
        self.tasks[record.task] = None
        self.attempts = max(self.attempts, (record.attempt or 0) + 1)
        for container in record.containers:
            self.containers[container.name] = None
            self.registries[registry_of_image(container.image)] = None

    def missing(self, plan: Plan) -> tuple[str, ...]:
        """Return a sentence for each fault of a plan that has not occurred: which, why, and which names there were."""
        return tuple(
            f"fault {str(fault)!r} never occurred: {self._why_not(fault)}"
            for fault in dict.fromkeys(plan.faults)
            if fault not in self.faults
        )

    def _why_not(self, fault: Fault) -> str:
        if not self.tasks:
            return "no task ran in the sandbox; only tasks with PodTriage() do"
        if fault.task and not any(fault.applies_to(task, (fault.attempt or 1) - 1, None) for task in self.tasks):
            short = (task.rpartition(".")[2] for task in self.tasks)
            return f"no task {fault.task!r} ran;{did_you_mean(fault.task, short)} tasks: {_listed(self.tasks)}"
        if fault.registry and fault.registry not in self.registries:
            hint = did_you_mean(fault.registry, self.registries, _SIMILAR_HOST)
            return f"no image came from {fault.registry};{hint} images came from {_listed(self.registries)}"
        if fault.container and fault.container not in self.containers:
            hint = did_you_mean(fault.container, self.containers)
            return f"no container {fault.container!r} was created;{hint} containers: {_listed(self.containers)}"
        if fault.attempt is not None and fault.attempt > self.attempts:
            return f"no task had an attempt {fault.attempt}; the last one was attempt {self.attempts}"
        return "nothing that it could hit happened while it was active, or an earlier line of the plan went first"


def doubtful(plan: Plan) -> Iterator[str]:
    """Yield a sentence for each fault that looks like a mistake, from the plan alone."""
    earlier: list[Fault] = []
    for fault in plan.faults:
        if fault.registry and fault.registry not in REGISTRIES:
            hint = did_you_mean(fault.registry, REGISTRIES, _SIMILAR_HOST)
            if hint:
                yield f"fault {str(fault)!r}: {fault.registry} is no well-known registry;{hint}"
        first = next((other for other in earlier if _hides(other, fault)), None)
        if first is not None:
            yield f"fault {str(fault)!r} never occurs: {str(first)!r} before it always goes first"
        earlier.append(fault)


def _hides(first: Fault, fault: Fault) -> bool:
    """Whether a fault that comes first in a plan leaves nothing for another of the same target."""
    return (
        first.target == fault.target
        and first.target in ("pull", "start", "sandbox")
        and (first.what == "absent") == (fault.what == "absent")
        and (first.lasts, first.times, first.flaky, first.until) == (None, None, None, None)
        and not first.at
        and first.registry in ("", fault.registry)
        and first.task in ("", fault.task)
        and first.attempt in (None, fault.attempt)
        and first.container in ("", fault.container)
    )


def _listed(names: Iterable[str]) -> str:
    ordered = list(names)
    more = f" and {len(ordered) - _MOST_NAMES} more" if len(ordered) > _MOST_NAMES else ""
    return ", ".join(ordered[:_MOST_NAMES]) + more
