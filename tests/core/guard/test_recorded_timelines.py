"""The recorded stories of real kubelets with the guard in them: no wrong act, and nearly every due act made."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import attrs
import pytest

from flytekitplugins_podtriage.core.forecast import forecast
from flytekitplugins_podtriage.core.guard.owned_pod import OwnedPod
from flytekitplugins_podtriage.core.guard.pod_facts import is_deleting, main_ran
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.values import ActKind, Step, TaskRecord
from flytekitplugins_podtriage.core.model import ErrorKind, Verdict
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.triage import triage
from tests.core.guard import pods
from tests.core.guard.scripted_cluster import Change, Done, ScriptedCluster, changes
from tests.recordings import timelines

GRACES: Final = (20.0, 40.0, 60.0)
WORDLESS: Final = "pull-403-quota-head"
"""The registry limits with a bare 403, and no word of the limit reaches the node."""
CHANGES_ITS_MIND: Final = "pull-429-then-403"
"""The platform's fault at first, and then the user's."""


EARLIEST: Final = timedelta(seconds=7 + 16)
"""The margin, and the longest time between ErrImagePull and the back-off that is charged."""


def guard_policy(backend: str, grace: float, **settings: Any) -> GuardPolicy:
    stock = attrs.evolve(
        Policy.for_backend(backend), image_pull_backoff_grace_period=grace, create_container_error_grace_period=grace
    )
    return pods.policy(backend, stock=stock, margin=7.0, **settings)


def charged(story: list[Change], policy: GuardPolicy) -> tuple[datetime, Verdict, OwnedPod] | None:
    """Return the first charge of the stock backend that takes the cluster for the present, and the pod then."""
    for change, following in zip(story, [*story[1:], None], strict=True):
        pod, now = change.pod, change.at
        if pod is None or is_deleting(pod):
            return None
        end = following.at if following is not None else now
        while True:
            verdict = triage(pod, policy=policy.stock, now=now)
            if verdict.phase.terminal:
                return (now, verdict, pod) if verdict.failing else None
            if verdict.recheck_at is None or verdict.recheck_at >= end:
                break
            now = verdict.recheck_at
    return None


def task(backend: str, restarts: int = 0) -> Any:
    def of(pod: OwnedPod) -> TaskRecord:
        assert pod.metadata is not None
        names = frozenset({pod.metadata.name or ""})
        return pods.record(backend, pod_names=names, system_restarts=restarts)

    return of


def played(row: dict[str, Any], policy: GuardPolicy, restarts: int = 0) -> tuple[list[Change], ScriptedCluster]:
    story = changes(row, policy.backend)
    ready = not row["scenario"].startswith("node-")
    seed = zlib.crc32(f"{row['id']} {policy.stock.image_pull_backoff_grace_period}".encode())
    of = task(policy.backend, restarts)
    return story, ScriptedCluster(
        story, policy, of, seed=seed, slowest=0.5, node_ready=ready, kubelet=row["kubelet"]
    ).play()


def faults_of_act(act: Done, row: dict[str, Any], policy: GuardPolicy) -> Iterator[str]:
    """Yield what is wrong about an act, judged from the pod as it was when its status was written."""
    pod = act.pod
    assert pod is not None
    if main_ran(pod, None) or is_deleting(pod):
        yield "the pod had started, or was being deleted"
    if row["truth"]["kind"] not in ("SYSTEM", "AMBIGUOUS") and row["scenario"] != CHANGES_ITS_MIND:
        yield "the failure is not the platform's"
    if triage(pod, policy=policy.stock, now=act.at).failing:
        yield "it was charged before"
    charge = forecast(pod, backend=policy.backend, policy=policy.stock, now=act.at)
    if charge.at is None or charge.at - act.at > EARLIEST:
        yield "it would not have been charged soon"
    # A kubelet before 1.32 leaves the cause out of the back-off, and Flyte 2 charges the user for what is not named.
    if charge.kind is not ErrorKind.USER and not (policy.backend == "flyte-2" and row["kubelet"] == "1.31.0"):
        yield "the platform would have paid anyway"


def is_due(charge: tuple[datetime, Verdict, OwnedPod] | None, row: dict[str, Any], cluster: ScriptedCluster) -> bool:
    """Whether the stock backend charges the user for the platform's failure to start a container."""
    if charge is None or not cluster.node_ready or row["scenario"] == WORDLESS:
        return False
    _, verdict, pod = charge
    waits = pod.status is not None and pod.status.phase == "Pending" and not main_ran(pod, None)
    return waits and verdict.kind is ErrorKind.USER and row["truth"]["kind"] == "SYSTEM"


@pytest.mark.parametrize("kubelet", ["1.31.0", "1.34.4"])
@pytest.mark.parametrize("backend", ["flyte-1.16", "flyte-2"])
def test_no_wrong_act_and_nearly_every_due_one(backend: str, kubelet: str) -> None:
    due = 0
    wrong, missed = [], []
    for name, row in timelines().items():
        if row["kubelet"] != kubelet:
            continue
        for grace in GRACES:
            policy = guard_policy(backend, grace)
            story, cluster = played(row, policy)
            acts = [each for each in cluster.done if each.step is Step.STATUS]
            assert len(acts) <= 1
            assert [each.step for each in cluster.done].count(Step.DELETE) == len(acts)
            wrong += [(name, grace, fault) for act in acts for fault in faults_of_act(act, row, policy)]
            if is_due(charged(story, policy), row, cluster):
                due += 1
                if not acts:
                    missed.append((name, grace, [(report.outcome, report.why) for report in cluster.reports]))
    assert wrong == []
    assert due > 40
    assert len(missed) <= 0.01 * due, missed


def ended_as_user(
    policy: GuardPolicy, restarts: int = 0
) -> Iterator[tuple[dict[str, Any], list[Change], ScriptedCluster, Done | None]]:
    """Play the stories of the newer kubelet; every act charges the user."""
    for row in timelines().values():
        if row["kubelet"] == "1.34.4":
            story, cluster = played(row, policy, restarts)
            acts = [each for each in cluster.done if each.step is Step.STATUS]
            yield row, story, cluster, next((act for act in acts if act.act.kind is ActKind.END_AS_USER), None)


def test_past_the_cap_of_flyte_2_what_it_would_restart_for_ever_is_ended_in_our_words() -> None:
    policy = guard_policy("flyte-2", 60)
    due = 0
    for row, story, cluster, act in ended_as_user(policy, restarts=3):
        charge = charged(story, policy)
        endless = (
            charge is not None
            and charge[1].rule == "stock-image-pull-rate-limited"
            and cluster.node_ready
            and not main_ran(charge[2], None)
        )
        due += endless
        assert (act is not None) == endless, row["id"]
        if act is not None and charge is not None:
            assert act.at <= charge[0]
            assert not triage(act.pod, policy=policy.stock, now=act.at).failing
        assert all(each.act.kind is ActKind.END_AS_USER for each in cluster.done), row["id"]
    assert due > 10


def test_fail_fast_ends_what_cannot_start_and_nothing_else() -> None:
    """FlytePropeller 1.16 does not look at init containers: a pod whose init image is unknown is never charged."""
    policy = guard_policy("flyte-1.16", 180, fail_fast=True)
    acted = set()
    for row, story, _, act in ended_as_user(policy):
        if act is None:
            continue
        acted.add(row["scenario"])
        assert row["truth"]["kind"] == "USER", row["id"]
        assert row["truth"]["category"] in ("not_found", "platform_mismatch"), row["id"]
        assert act.at - story[0].at >= timedelta(seconds=29), row["id"]
    cannot_start = {
        row["scenario"]
        for row in timelines().values()
        if row["truth"]["category"] in ("not_found", "platform_mismatch") and row["scenario"].startswith("pull-")
    }
    assert acted == cannot_start
