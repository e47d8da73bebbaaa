"""Taking a task through its attempts: create a pod, watch it, let a backend decide, account, and try again."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.absent_pods import pod_not_created, triage_snapshot
from flytekitplugins_podtriage.core.accounting import Counters, Failure, Limits, flyte_2_transition
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.model import ErrorKind, Verdict
from flytekitplugins_podtriage.core.pod_cluster import (
    ClusterBusy,
    ClusterError,
    PodCluster,
    PodExists,
    PodNameTaken,
    PodSnapshot,
)
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.task_runs import AttemptRecord, TaskRun
from flytekitplugins_podtriage.local.backends import Backend, Ended, RetryState

MAX_SYSTEM_FAILURES: Final = 20
"""How many SYSTEM failures of a run on Flyte 2 are followed: its system retries are unlimited."""
MAX_DURATION: Final = timedelta(days=7)
"""How long an attempt is followed, in the cluster's time: a pull that hangs may never end."""
_GIVEN_UP: Final = f"followed for {MAX_DURATION.days} days"
_FIRST_WAIT: Final = timedelta(seconds=0.5)
_LONGEST_WAIT: Final = timedelta(seconds=15)
"""Between two requests to create a pod, as the connector's launcher waits."""
_DELETION: Final = timedelta(minutes=2)
"""How long the deletion of a pod may take."""
_TIMEOUT: Final = Failure(ErrorKind.USER, "TimeoutExpired", "task execution timeout expired")
_DEADLINE: Final = attrs.evolve(_TIMEOUT, message="task active timeout expired", recoverable=False)


async def run_task(
    cluster: PodCluster,
    make_pod: Callable[[int], Mapping[str, Any]],
    *,
    task: str,
    namespace: str,
    backend: Backend,
    limits: Limits,
    policy: Policy,
    timeout: float | None = None,
    read_error: Callable[[int], Failure | None] = lambda _: None,
    max_system_failures: int = MAX_SYSTEM_FAILURES,
) -> TaskRun:
    """Run a task to its end.

    Args:
        cluster: where its pods run.
        make_pod: the manifest of an attempt's pod, by its number from 0.
        task: its name, for the record.
        namespace: where its pods are created.
        backend: what decides about attempts and accounts for them.
        limits: of its retry budgets.
        policy: podtriage's own, for the recorded verdicts.
        timeout: ``@task(timeout=...)``, in seconds: of each attempt, and twice that of all of them.
        read_error: returns the error document that an attempt's container wrote, once its pod has succeeded: after an
            exception in a Python task's body the container exits with 0 (flytekit's entrypoint).
        max_system_failures: how many SYSTEM failures to follow where system retries are unlimited.
    """
    run = partial(TaskRun, task=task, backend=backend.name, limits=limits)
    counters = Counters()
    records: list[AttemptRecord] = []
    rule, times, system_failures = "", 0, 0
    deadline = cluster.now() + timedelta(seconds=2 * timeout) if timeout else None
    for number in itertools.count():
        manifest = make_pod(number)
        pod = _renamed(manifest, backend.pod_number(counters, number))
        began = cluster.now()
        state = RetryState(counters, limits, rule, times)
        timeout_at = min(began + timedelta(seconds=timeout), deadline) if timeout and deadline else None
        observations = _Observations(policy)
        end, verdict = await _attempt(cluster, namespace, pod, backend, state, observations, timeout_at, deadline)
        failure = end.failure if end.failure is not None else read_error(number)
        record = partial(
            AttemptRecord,
            number=number + 1,
            pod=pod["metadata"]["name"],
            began=began,
            ended=cluster.now(),
            verdict=verdict,
            failure=failure,
            why=end.why,
            recovered_from=observations.recovered_from,
            states=tuple(observations.states),
            waited=observations.waited_until(cluster.now()),
        )
        if failure is None:
            records.append(record(counters=counters))
            await _remove(cluster, namespace, pod)
            return run(attempts=tuple(records), succeeded=True)
        outcome = backend.account(counters, failure, limits)
        counters = outcome.counters
        retried = outcome.retried and end.why != _GIVEN_UP
        records.append(record(charged=outcome.charged, retried=retried, counters=counters))
        if end.why == _GIVEN_UP:
            return run(attempts=tuple(records), succeeded=False, final=failure, note=_GIVEN_UP)
        if observations.created:
            await _remove(cluster, namespace, pod)
        else:
            await _remove_late(cluster, namespace, pod)
        if not outcome.retried:
            return run(attempts=tuple(records), succeeded=False, final=outcome.final)
        if backend.name == "flyte-2" and observations.created:
            counters = flyte_2_transition(counters)
            system_failures += outcome.charged is ErrorKind.SYSTEM
            if system_failures >= max_system_failures:
                note = f"followed for {len(records)} attempts"
                return run(attempts=tuple(records), succeeded=False, final=failure, note=note)
        rule, times = verdict.rule, state.repeated(verdict.rule) + 1
    raise AssertionError("unreachable: count() never ends")


async def _attempt(
    cluster: PodCluster,
    namespace: str,
    pod: Mapping[str, Any],
    backend: Backend,
    state: RetryState,
    observations: _Observations,
    timeout_at: datetime | None,
    deadline: datetime | None,
) -> tuple[Ended, Verdict]:
    """Follow one attempt to its end."""
    name = pod["metadata"]["name"]
    began = cluster.now()
    give_up_at = began + MAX_DURATION
    policy = observations.policy
    wait = _FIRST_WAIT
    while (error := await _create(cluster, namespace, pod)) is not None:
        now = cluster.now()
        decision = backend.decide_not_created(error, began, state, now)
        verdict = decision.verdict or pod_not_created(
            error, since=began, policy=policy, now=now, freshness=Freshness.current(now)
        )
        if isinstance(decision, Ended):
            return decision, verdict
        observations.recovered_from = verdict
        if timeout_at is not None and now >= timeout_at:
            return Ended(_timeout(now, deadline)), verdict
        if now >= give_up_at:
            return Ended(Failure(ErrorKind.SYSTEM, "Unending", _GIVEN_UP), _GIVEN_UP), verdict
        until = min(time for time in (now + wait, decision.until, timeout_at, give_up_at) if time is not None)
        # No such pod can change: this only waits, which in the sandbox moves the clock.
        await cluster.wait_for_change(namespace, name, until)
        wait = min(2 * wait, _LONGEST_WAIT)
    observations.created = True
    if observations.recovered_from is not None:
        observations.waited = cluster.now() - began
    snapshot = cluster.get_cached(namespace, name)
    over_at = give_up_at if timeout_at is None else min(give_up_at, timeout_at)
    while True:
        now = cluster.now()
        until = over_at if over_at > now else give_up_at
        if snapshot is not None:
            freshness = cluster.freshness(snapshot)
            decision = backend.decide(snapshot, state, now, freshness)
            observations.note(snapshot, now, freshness, decision.verdict)
            if isinstance(decision, Ended):
                return decision, decision.verdict or observations.verdict(snapshot, now, freshness)
            if freshness.reach(now) >= over_at:
                verdict = observations.verdict(snapshot, now, freshness)
                if timeout_at is not None and now >= timeout_at:
                    return Ended(_timeout(now, deadline)), verdict
                return Ended(Failure(ErrorKind.SYSTEM, "Unending", _GIVEN_UP), _GIVEN_UP), verdict
            if decision.unconfirmed or now >= over_at:
                if await _refresh(cluster, snapshot):
                    snapshot = cluster.get_cached(namespace, name)
                    continue
                until = now + _LONGEST_WAIT
            elif decision.until is not None and decision.until > now:
                until = min(until, decision.until)
        snapshot = await cluster.wait_for_change(namespace, name, until)


async def _refresh(cluster: PodCluster, snapshot: PodSnapshot) -> bool:
    """Read a pod; return whether the view of it is current."""
    try:
        await cluster.refresh(snapshot)
    except ClusterError:
        return False
    return True


async def _create(cluster: PodCluster, namespace: str, pod: Mapping[str, Any]) -> ClusterError | None:
    """Create a pod; return why it does not exist, or None if it does.

    After a request without a response the pod may exist all the same.
    """
    name = pod["metadata"]["name"]
    try:
        await cluster.create(namespace, pod)
    except PodExists:
        try:
            existing = await cluster.get(namespace, name)
        except ClusterError as error:
            return error
        if existing is None:
            return ClusterBusy(f"pod {namespace}/{name} existed, and is gone again")
        if not _is_of(existing, pod):
            return PodNameTaken(f"pod {namespace}/{name} exists and belongs to something else")
    except ClusterError as error:
        return error
    return None


def _is_of(snapshot: PodSnapshot, pod: Mapping[str, Any]) -> bool:
    """Whether a pod was created from this manifest: then it has its annotations, with the output prefix."""
    metadata = snapshot.pod.metadata
    annotations = (metadata.annotations if metadata is not None else None) or {}
    return bool((pod["metadata"].get("annotations") or {}).items() <= annotations.items())


def _timeout(now: datetime, deadline: datetime | None) -> Failure:
    return _DEADLINE if deadline is not None and now >= deadline else _TIMEOUT


async def _remove_late(cluster: PodCluster, namespace: str, pod: Mapping[str, Any]) -> None:
    """Delete a pod that was given up before the cluster confirmed it, if it exists after all; no other of its name."""
    try:
        existing = await cluster.get(namespace, pod["metadata"]["name"])
        if existing is not None and _is_of(existing, pod):
            await _remove(cluster, namespace, pod)
    except ClusterError:
        pass  # the cluster that did not create it does not answer this either


async def _remove(cluster: PodCluster, namespace: str, pod: Mapping[str, Any]) -> None:
    """Delete the pod of an attempt that is over, and wait until it is gone: Flyte 2 uses its name again."""
    name = pod["metadata"]["name"]
    await cluster.delete(namespace, name, grace=0)
    until = cluster.now() + _DELETION
    while cluster.now() < until:
        snapshot = cluster.get_cached(namespace, name)
        if snapshot is None or snapshot.gone:
            return
        await cluster.wait_for_change(namespace, name, until)


def _renamed(pod: Mapping[str, Any], number: int) -> dict[str, Any]:
    metadata = pod["metadata"]
    return {**pod, "metadata": {**metadata, "name": f"{metadata['name']}-{number}"}}


class _Observations:
    """What was observed of one attempt."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._pod: wire.Pod | None = None
        self.created = False
        """Whether the cluster has created its pod."""
        self.states: list[str] = []
        """In order, without repetitions."""
        self.recovered_from: Verdict | None = None
        """The last failure that did not end it."""
        self.waited = timedelta()
        """How long it has been in trouble that it got over."""
        self._troubles: set[str] = set()
        """The states in which it was in trouble that did not end it."""
        self._in_trouble_since: datetime | None = None
        """Since when it is in trouble that has not ended it."""

    def verdict(self, snapshot: PodSnapshot, now: datetime, freshness: Freshness) -> Verdict:
        """Return podtriage's own verdict on a pod."""
        return triage_snapshot(snapshot, self.policy, now, freshness).verdict

    def note(self, snapshot: PodSnapshot, now: datetime, freshness: Freshness, verdict: Verdict | None) -> None:
        """Note the state of a pod, if it has changed.

        Args:
            snapshot: the pod.
            now: the time.
            freshness: up to which moment the pod is known.
            verdict: podtriage's own, if there is one already.
        """
        if snapshot.pod is self._pod:
            return
        self._pod = snapshot.pod
        text = _state(snapshot)
        states = self.states
        if states and states[-1] == text:
            return
        if "/" in text and text not in states:
            verdict = verdict or self.verdict(snapshot, now, freshness)
            if verdict.kind is not None and not verdict.phase.failing:
                self.recovered_from = verdict
                self._troubles.add(text)
        states.append(text)
        if text not in self._troubles:
            self.waited = self.waited_until(now)
            self._in_trouble_since = None
        elif self._in_trouble_since is None:
            self._in_trouble_since = now

    def waited_until(self, now: datetime) -> timedelta:
        """Return how long it has been in trouble that did not end it."""
        return self.waited + (now - self._in_trouble_since if self._in_trouble_since is not None else timedelta())


def _state(snapshot: PodSnapshot) -> str:
    """Return the state of a pod as a person would name it: ``Pending/ErrImagePull``."""
    status = snapshot.pod.status
    text = (status.phase if status else None) or "Pending"
    if status is not None and status.reason:
        text += f"/{status.reason}"
    for container in (
        *((status and status.init_container_statuses) or ()),
        *((status and status.container_statuses) or ()),
    ):
        state = container.state
        detail = state and (state.waiting or state.terminated)
        reason = detail.reason if detail is not None else None
        if reason and reason not in ("ContainerCreating", "PodInitializing", "Completed"):
            return f"{text}/{reason}"
    return text
