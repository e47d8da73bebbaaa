"""A pod that the API server does not create, in a local run: held, charged or failed as its backend would."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from flytekitplugins_podtriage import Policy
from flytekitplugins_podtriage.core.absent_pods import pod_not_created
from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.pod_cluster import (
    ClusterBusy,
    ClusterDenied,
    ClusterError,
    PodRejected,
    QuotaExceeded,
)
from flytekitplugins_podtriage.core.task_runs import TaskRun
from flytekitplugins_podtriage.local.attempts import run_task
from flytekitplugins_podtriage.local.backends import BACKENDS, backend
from flytekitplugins_podtriage.sandbox.cluster import SandboxCluster
from flytekitplugins_podtriage.sandbox.faults.plan import Plan
from tests.builders import NAME, NAMESPACE, manifest

USER, SYSTEM = ErrorKind.USER, ErrorKind.SYSTEM
QUOTA = QuotaExceeded('create pods "p": exceeded quota: q, requested: cpu=2')
DENIED = ClusterDenied("may not create pods in namespace 'ns' (403)")
BUSY = ClusterBusy("create pods: not now (503)")
WEBHOOK = PodRejected('admission webhook "w" denied the request: no image of that registry (403)', status=403)
INVALID = PodRejected('Pod "p" is invalid: spec.containers[0].image: Required value (422)', status=422)
POLICY = Policy(user_patience=60, system_patience=600)


class Refusing(SandboxCluster):
    """A sandbox that answers the next requests to create a pod with errors; the last of them may be for ever."""

    def __init__(self, errors: Iterable[ClusterError], *, forever: bool = False, late: bool = False) -> None:
        self.bodies = 0
        super().__init__(Plan.parse(""), body=self._body)
        self.errors = list(errors)
        self.forever = forever
        self.late = late
        """Whether the pod is created all the same."""
        self.requests: list[timedelta] = []
        self.start = self.now()

    def _body(self, *_: object) -> Any:
        from flytekitplugins_podtriage.sandbox.pod_state import BodyEnd

        self.bodies += 1
        return BodyEnd(0)

    async def create(self, namespace: str, pod: Mapping[str, Any]) -> str:
        self.requests.append(self.now() - self.start)
        if not self.errors:
            return await super().create(namespace, pod)
        error = self.errors[0] if self.forever else self.errors.pop(0)
        if self.late:
            await super().create(namespace, pod)
        raise error


def _manifest(name: str, attempt: str) -> dict[str, Any]:
    return manifest(name=name, metadata={"annotations": {"attempt": attempt}})


def run(cluster: Refusing, on: str, *, retries: int = 0, timeout: float | None = None) -> TaskRun:
    coroutine = run_task(
        cluster,
        lambda number: _manifest(NAME, str(number)),
        task="app.train",
        namespace=NAMESPACE,
        backend=backend(on, POLICY),
        limits=Limits(retries=retries),
        policy=POLICY,
        timeout=timeout,
    )
    return asyncio.run(coroutine)


@pytest.mark.parametrize("error", [QUOTA, DENIED, BUSY, WEBHOOK])
def test_what_passes_within_the_patience_costs_nothing(error: ClusterError) -> None:
    cluster = Refusing([error] * 3)
    done = run(cluster, "connector")

    assert done.succeeded
    assert cluster.requests == [timedelta(seconds=one) for one in (0, 0.5, 1.5, 3.5)]
    [record] = done.attempts
    assert (record.charged, cluster.bodies) == (None, 1)
    assert record.recovered_from is not None
    assert record.recovered_from.kind is (USER if error is WEBHOOK else SYSTEM)


@pytest.mark.parametrize(
    ("error", "patience", "kind", "attempts"),
    [(QUOTA, 600, SYSTEM, 5), (DENIED, 600, SYSTEM, 5), (BUSY, 600, SYSTEM, 5), (WEBHOOK, 60, USER, 2)],
)
def test_what_lasts_is_charged_when_the_patience_ends_as_the_connector_does(
    error: ClusterError, patience: float, kind: ErrorKind, attempts: int
) -> None:
    cluster = Refusing([error], forever=True)
    done = run(cluster, "connector", retries=1)

    assert [record.duration for record in done.attempts] == [timedelta(seconds=patience)] * attempts
    assert {record.verdict.kind for record in done.attempts} == {kind}
    # Two of the system budget, then the user's retry, then the reserve, and then neither budget can pay.
    expected = [USER, USER] if kind is USER else [SYSTEM, SYSTEM, USER, SYSTEM, SYSTEM]
    assert [record.charged for record in done.attempts] == expected
    for record in done.attempts:
        verdict = pod_not_created(
            error,
            since=record.began,
            policy=POLICY,
            now=record.ended,
            freshness=Freshness.current(record.ended),
        )
        assert record.verdict == verdict
        assert record.failure is not None
        assert record.failure.message == verdict.message


@pytest.mark.parametrize("on", BACKENDS)
def test_an_invalid_pod_fails_for_good_and_at_once_everywhere(on: str) -> None:
    cluster = Refusing([INVALID], forever=True)
    done = run(cluster, on, retries=3)

    assert cluster.requests == [timedelta()]
    assert (len(done.attempts), done.succeeded, done.attempts[0].charged) == (1, False, USER)
    assert done.attempts[0].verdict.phase == "PermanentFailure"
    assert done.final is not None
    assert "spec.containers[0].image" in done.final.message


@pytest.mark.parametrize("on", ["flyte-1.16", "guard"])
@pytest.mark.parametrize("error", [DENIED, BUSY, WEBHOOK])
def test_stock_flyte_1_16_charges_the_user_at_once(on: str, error: ClusterError) -> None:
    cluster = Refusing([error], forever=True)
    done = run(cluster, on, retries=2)

    assert cluster.requests == [timedelta()] * 3
    assert [record.charged for record in done.attempts] == [USER] * 3


@pytest.mark.parametrize("on", ["flyte-1.16", "guard"])
def test_stock_flyte_1_16_waits_for_a_quota_until_its_timeout(on: str) -> None:
    passing = Refusing([QUOTA] * 4)
    assert run(passing, on).succeeded

    done = run(Refusing([QUOTA], forever=True), on, retries=1, timeout=300)
    assert [record.duration for record in done.attempts] == [timedelta(seconds=300)] * 2
    assert [record.failure and record.failure.code for record in done.attempts] == ["TimeoutExpired"] * 2


def test_flyte_2_ends_the_task_after_four_errors_of_launching_whatever_the_user_has_left() -> None:
    done = run(Refusing([BUSY], forever=True), "flyte-2", retries=5)

    assert [record.charged for record in done.attempts] == [SYSTEM] * 4
    assert done.final is not None
    assert (done.final.kind, done.final.code) == (SYSTEM, "MaxSystemFailuresExceeded")


def test_flyte_2_charges_a_full_quota_to_the_user() -> None:
    done = run(Refusing([QUOTA], forever=True), "flyte-2", retries=2)
    assert [record.charged for record in done.attempts] == [USER] * 3


def test_a_pod_that_was_created_without_an_answer_is_adopted() -> None:
    cluster = Refusing([BUSY], late=True)
    done = run(cluster, "connector")

    assert (done.succeeded, len(done.attempts), cluster.bodies) == (True, 1, 1)


def test_a_pod_that_was_given_up_and_created_all_the_same_is_deleted() -> None:
    cluster = Refusing([BUSY], late=True)
    done = run(cluster, "flyte-1.16", retries=1)

    assert [record.charged for record in done.attempts] == [USER, None]
    assert cluster.list_cached() == []


def test_another_pod_of_the_name_is_left_alone() -> None:
    cluster = Refusing([])
    other = _manifest(f"{NAME}-0", "of another")
    asyncio.run(cluster.create(NAMESPACE, other))
    done = run(cluster, "connector", retries=1)

    first, second = done.attempts
    assert (first.failure and first.failure.code, first.charged, second.charged) == ("PodNameTaken", SYSTEM, None)
    assert first.verdict.rule == "pod-name-taken"
    assert [one.pod.metadata and one.pod.metadata.name for one in cluster.list_cached()] == [f"{NAME}-0"]
