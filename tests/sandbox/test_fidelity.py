"""The simulated cluster tells the stories that real kubelets were recorded to tell; it is given the plan alone."""

from __future__ import annotations

import asyncio
import functools
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import attrs
import pytest

from flytekitplugins_podtriage import Policy, remember, triage
from flytekitplugins_podtriage.core.decode import read_event, read_pod
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.sandbox.cluster import SandboxCluster
from flytekitplugins_podtriage.sandbox.faults.plan import Plan
from tests.builders import NAME, NAMESPACE, manifest, manifest_of
from tests.core.test_timelines import steps
from tests.recordings import timelines
from tests.sandbox.observing import Seen, collapsed, judged, watch

POLICY = Policy()


@attrs.frozen
class Case:
    """A recorded scenario, and the plan and pod that are to tell it."""

    plan: str
    pod: dict[str, Any] = attrs.field(factory=manifest)


SIDECAR = manifest(sidecar="envoy", primary="primary")
SECOND = manifest(primary="alpha", sidecar="beta", annotated=False)
INIT = manifest(init="fetch")
ADDRESS = manifest(container={"image": "127.0.0.1:39360/team/app:v1"})
HELD = manifest(finalizers=["flyte.org/finalizer-k8s"])
NATIVE = manifest(init="mesh", native=True)
SHARED = "container i pull: qps x1\ncontainer b pull: qps x1\ncontainer b body: 1s"
STORIES = {
    "admission-node-affinity": Case("pod: rejected NodeAffinity"),
    "admission-outofcpu": Case("pod: rejected OutOfcpu"),
    "bound-gpu-absent": Case("body: 100ms"),
    "config-appears-later": Case("start: configmap settings not found for 20s\nbody: 100ms"),
    "config-key-missing": Case("start: secret db-password not found"),
    "config-secret-missing": Case("start: secret db-password not found"),
    # Of runs as short as these it is the first alone that a sync may fall into.
    "crashloop-always": Case("body: exit 1 at 100ms", manifest(restartPolicy="Always")),
    "crashloop-always@1.31.0": Case(
        "body: exit 1 at 700ms x1\nbody: exit 1 at 100ms", manifest(restartPolicy="Always")
    ),
    "crashloop-onfailure": Case("body: exit 7 at 100ms", manifest(restartPolicy="OnFailure")),
    "crashloop-onfailure@1.34.4": Case(
        "body: exit 7 at 700ms x1\nbody: exit 7 at 100ms", manifest(restartPolicy="OnFailure")
    ),
    "create-no-command": Case("start: no command"),
    "deadline-in-backoff": Case("pull: 429", manifest(activeDeadlineSeconds=25)),
    "deadline-in-backoff@1.31.0": Case("pull: 429", manifest(activeDeadlineSeconds=37)),
    "deadline-running": Case("body: 300s", manifest(activeDeadlineSeconds=4)),
    "delete-in-backoff": Case("pull: 429\npod: deleted at 15s"),
    "delete-in-backoff-no-finalizer": Case("pull: 429\npod: deleted at 15s"),
    "delete-in-creating": Case("pull: slow 25s\npod: deleted at 2s\nbody: 10ms"),
    "delete-running": Case("body: 100s\npod: deleted at 3s"),
    "delete-running-trap": Case("body: 100s\nbody: term 143\npod: deleted at 3s"),
    "evict-api-running": Case("body: 100s\npod: evicted by api at 3s"),
    "evict-api-running-exit-1": Case("body: 100s\nbody: term 1\npod: evicted by api at 3s"),
    "exit-0": Case("body: 2s"),
    **{f"exit-{code}": Case(f"body: exit {code} at 2s") for code in (1, 127, 130, 139, 255)},
    "exit-137-by-itself": Case("body: exit 137 at 2s"),
    "exit-3-with-log": Case("body: exit 3 at 100ms"),
    "image-invalid-upper": Case("", manifest(container={"image": "registry.example.com/Team_X/app:v1"})),
    "image-never-present": Case("pull: absent", manifest(container={"imagePullPolicy": "Never"})),
    "kill-15-from-node": Case("body: exit 143 at 3s"),
    "kill-9-from-node": Case("body: exit 137 at 3s"),
    "multi-init-404": Case("container fetch pull: not found", INIT),
    "multi-init-429": Case("container fetch pull: 429", INIT),
    "multi-init-exit-1": Case("container fetch body: exit 1 at 100ms", INIT),
    "multi-native-sidecar-429": Case("container mesh pull: 429", NATIVE),
    "multi-native-sidecar-ok": Case("body: 3s", NATIVE),
    "multi-primary-429-sidecar-runs": Case("container primary pull: 429", SIDECAR),
    "multi-primary-exit-1-sidecar-runs": Case("body: exit 1 at 3s", SIDECAR),
    "multi-primary-ok-sidecar-429": Case("container envoy pull: 429\nbody: 20s", SIDECAR),
    "multi-primary-ok-sidecar-exit-1": Case("body: 3s\ncontainer envoy body: exit 1 at 6s", SIDECAR),
    "multi-primary-ok-sidecar-runs": Case("body: 3s", SIDECAR),
    "multi-second-429": Case("container beta pull: 429\nbody: 20s", SECOND),
    "multi-sidecar-404-primary-429": Case(
        "container primary pull: 429\ncontainer envoy pull: not found",
        manifest(sidecar="envoy", first=True, primary="primary"),
    ),
    "node-gone": Case("body: 300s\nnode: lost at 4s"),
    "node-gone-in-backoff": Case("pull: 429\nnode: lost at 4s"),
    "node-unreachable-running": Case(
        "body: 400s\nnode: unreachable at 4s for 100s",
        manifest(tolerations=[{"key": "node.kubernetes.io/unreachable", "tolerationSeconds": 5}]),
    ),
    "oom-main": Case("body: oom at 2s"),
    "oom-sidecar-primary-ok": Case("body: 6s\ncontainer envoy body: oom at 3s", SIDECAR),
    "oom-sidecar-primary-runs": Case("body: 300s\ncontainer envoy body: oom at 3s", SIDECAR),
    "oom-restart": Case("body: oom at 2s", manifest(restartPolicy="OnFailure")),
    "preempted-by-kubelet": Case("body: 300s\npod: preempted by kubelet at 3s"),
    "preempted-by-scheduler": Case("body: 300s\npod: preempted at 3s"),
    "pressure-evicted-in-backoff": Case("pull: 429\npod: evicted at 28s"),
    "pressure-evicted-in-backoff@1.31.0": Case("pull: 429\npod: evicted at 38s"),
    "pressure-evicted-running": Case("body: 300s\npod: evicted at 30s"),
    "pressure-rejected": Case("pod: rejected MemoryPressure"),
    "pull-401-basic": Case("pull: 401"),
    "pull-401-token-basic": Case("pull: 401 token"),
    "pull-403-denied": Case("pull: denied"),
    "pull-403-quota-head": Case("pull: 403"),
    # Where patience ends depends on which half of the back-off shows then, and on what tells of it first.
    "pull-404-manifest-unknown": Case("pull: not found\nkubelet: status 10ms late"),
    "pull-404-manifest-unknown@1.31.0": Case("pull: not found\nkubelet: syncs every 11s"),
    "pull-404-repo-too-many-requests": Case(
        "pull: not found", manifest(container={"image": "registry.example.com/too-many-requests/rate-limit:v429"})
    ),
    "pull-404-tag-429": Case("pull: 404", manifest(container={"image": "registry.example.com/team/app:429"})),
    "pull-429-blob": Case("pull: 429 layer"),
    "pull-429-ecr-blob": Case("pull: 429 layer"),
    "pull-429-ecr-manifest": Case("pull: 429"),
    "pull-429-empty-token": Case("pull: 429 token"),
    "pull-429-html": Case("pull: 429"),
    "pull-429-hub-manifest": Case("registry.example.com: 429"),
    "pull-429-recovers-after-grace": Case("pull: 429 for 181s\nbody: 100ms"),
    "pull-429-recovers-early": Case("pull: 429 x2\nbody: 100ms"),
    "pull-429-retry-after-1": Case("pull: 429"),
    "pull-429-text-get": Case("pull: 429"),
    "pull-429-then-403": Case("pull: 429 x2\npull: denied"),
    "pull-429-then-403@1.31.0": Case("pull: 429 x2\npull: denied\nkubelet: status 150ms late"),
    "pull-429-token": Case("pull: 429 token"),
    "pull-500-manifest": Case("pull: 500"),
    "pull-502-blob": Case("pull: 502 layer"),
    "pull-503-manifest": Case("pull: 503"),
    "pull-503-recovers": Case("pull: 503 x2\nbody: 100ms"),
    "pull-503-token": Case("pull: 503 token"),
    "pull-504-manifest": Case("pull: 504"),
    "pull-dns-nxdomain": Case("pull: no such host", manifest(container={"image": "ccnclj.invalid/ntwqd/app:v1"})),
    "pull-dns-servfail": Case("pull: dns"),
    "pull-hang-manifest": Case("pull: hang"),
    "pull-hang-token": Case("pull: hang"),
    "pull-layer-cut": Case("pull: cut"),
    "pull-layer-wrong-digest": Case("pull: corrupt"),
    "pull-refused": Case("pull: refused", ADDRESS),
    "pull-reset": Case("pull: reset", ADDRESS),
    "pull-secret-missing-403": Case("pull: denied"),
    "pull-slow-ok": Case("pull: slow 15s\nbody: 100ms"),
    "pull-tls-hang": Case("pull: timeout"),
    "pull-tls-unknown-authority": Case("pull: tls"),
    "pull-wrong-arch-index": Case("pull: no platform"),
    "scheduling-gated": Case("pod: gated"),
    "serial-pull-blocked": Case("pull: hang"),
    "start-no-such-file": Case("start: command not found"),
    "start-permission-denied": Case("start: command not found"),
    "taint-noexecute-running": Case("pull: qps\npod: tainted at 3s"),
    "taint-noexecute-running@1.31.0": Case("sandbox: no address\npod: tainted at 3s"),
    "config-run-as-non-root": Case("start: runs as root"),
    "create-subpath-bad": Case(f"container {NAME} start: bad subpath v", manifest(init="mk")),
    "delete-force-running": Case("body: 100s\npod: deleted by force at 3s", HELD),
    "ephemeral-container-limit": Case("body: 300s\npod: evicted over its limit at 7s"),
    "ephemeral-emptydir-limit": Case("body: 300s\npod: evicted over volume v at 24s"),
    "guard-delete-then-patch": Case("pull: 429\npod: deleted at 15s\npod: patched at 15s", HELD),
    "guard-patch-delete": Case("pull: 429\npod: patched at 15s\npod: deleted at 15s", HELD),
    "guard-patch-delete-no-finalizer": Case("pull: 429\npod: patched at 15s\npod: deleted at 15s"),
    "node-unreachable-blip": Case("pull: qps x1\nnode: unreachable at 2s for 100s\nbody: 400s"),
    "oom-child-exit-1": Case("body: oom exit 1 at 2s"),
    "pull-403-quota": Case('pull: 403 manifest saying "denied: Quota exceeded for quota metric"'),
    "pull-404-body-says-429": Case("pull: 404 manifest"),
    "pull-429-no-reason-empty": Case('pull: 429 ""'),
    "pull-429-no-reason-phrase": Case('pull: 429 ""'),
    "pull-503-slowdown-get": Case('pull: 503 "Slow Down" manifest'),
    "pull-manifest-malformed": Case("pull: malformed"),
    "qps-exceeded": Case(
        "container b pull: qps x1\ncontainer c pull: qps x2\ncontainer d pull: qps x3\n"
        "container b body: 1s\ncontainer c body: 1s\ncontainer d body: 1s",
        manifest_of("a", "b", "c", "d"),
    ),
    "qps-exceeded-init": Case(SHARED, manifest_of("a", "b", inits="ijk")),
    "qps-exceeded-init@1.31.0": Case(SHARED, manifest_of("f", "b", inits="ijk")),
    "sandbox-ip-exhausted": Case("sandbox: no address for 35s\nbody: 40s"),
    "sandbox-ip-exhausted-frees": Case("sandbox: no address for 35s\npull: qps x1\nbody: 10s"),
    "sandbox-ip-exhausted-frees@1.31.0": Case("sandbox: no address for 45s\nbody: 10s"),
    "sandbox-no-runtime": Case("sandbox: no runtime runsc"),
    "sandbox-no-runtime@1.31.0": Case("sandbox: no runtime runsc\nkubelet: status 150ms late"),
    "start-exec-format": Case("start: exec format"),
    "start-no-such-file-restart": Case("start: command not found", manifest(restartPolicy="Always")),
    "start-workdir-in-file": Case("start: bad mount v"),
    "taint-noexecute-trap": Case("sandbox: no address\npod: tainted at 3s"),
    "volume-claim-missing": Case("volume: claim scratch not found"),
    "volume-configmap-missing": Case("volume: configmap model-config not found"),
    "volume-secret-key-missing": Case("volume: key ca.crt not found"),
    "unschedulable-gpu": Case("pod: unschedulable"),
    "unschedulable-selector": Case("pod: unschedulable"),
}
"""By scenario; by the recording's id where the two kubelets were given the same in another order or at another time."""


@functools.cache
def recorded(name: str) -> tuple[Seen, ...]:
    """Return a recorded story, judged at each of its steps."""
    memory, seen = None, []
    for now, pod, events in steps(timelines()[name]):
        memory = remember(memory, pod, events, now=now)
        snapshot = PodSnapshot(read_pod(pod), tuple(read_event(event) for event in events), memory, at=now)
        seen.append(judged(snapshot, POLICY))
    return tuple(collapsed(seen))


def test_every_recorded_scenario_has_a_plan() -> None:
    scenarios = {row["scenario"] for row in timelines().values()}
    assert {name for name in STORIES if "@" not in name} == scenarios
    assert {name for name in STORIES if "@" in name} <= set(timelines())


def test_another_plan_does_not_tell_the_story() -> None:
    wrong = watch("pull: denied", seconds=60)
    assert collapsed(judged(snapshot, POLICY) for snapshot in wrong)[:6] != list(recorded("pull-429-token@1.34.4"))[:6]


def case_of(name: str) -> Case:
    """Return the case of a recording."""
    return STORIES.get(name) or STORIES[timelines()[name]["scenario"]]


def simulated_story(name: str, plan: str) -> list[Seen]:
    """Return the story that a plan tells of a recording's pod, on a kubelet of its version."""
    row = timelines()[name]
    kubelet = row["kubelet"].rpartition(".")[0]
    snapshots = watch(plan, case_of(name).pod, seconds=row["duration"] + 15, kubelet=kubelet, repeated=True)
    return collapsed(judged(snapshot, POLICY) for snapshot in snapshots)


@pytest.mark.parametrize("name", sorted(timelines()))
def test_a_recorded_story_is_told_again_from_its_plan(name: str) -> None:
    simulated, real = simulated_story(name, case_of(name).plan), list(recorded(name))
    if real[-1][0] in ("Pending", "Running"):
        # The recorder left in the middle of a course that repeats itself: it is cut where the shorter one ends.
        assert abs(len(simulated) - len(real)) <= 2
        shorter = min(len(simulated), len(real))
        simulated, real = simulated[:shorter], real[:shorter]
    assert simulated == real


PACED = sorted(name for name in timelines() if "kubelet:" in case_of(name).plan)
"""Recordings in which a kubelet's chance fell another way than the sandbox's does."""


def test_few_stories_hang_on_the_pace_of_a_kubelet() -> None:
    assert len(PACED) <= len(timelines()) // 50


@pytest.mark.parametrize("name", PACED)
def test_a_pace_is_said_only_where_the_story_hangs_on_it(name: str) -> None:
    faults = "\n".join(line for line in case_of(name).plan.splitlines() if not line.startswith("kubelet:"))
    simulated, real = simulated_story(name, faults), list(recorded(name))
    shorter = min(len(simulated), len(real))
    assert simulated[:shorter] != real[:shorter]


@pytest.mark.parametrize(
    ("older", "message"), [("1.34", "ErrImagePull: failed to pull"), ("1.31", 'Back-off pulling image "')]
)
def test_a_kubelet_says_in_back_off_what_its_version_says(older: str, message: str) -> None:
    snapshots = watch("docker.io: 429", manifest(container={"image": "python:3.11"}), seconds=20, kubelet=older)
    waiting = snapshots[-1].pod.status.container_statuses[0].state.waiting
    assert waiting.reason == "ImagePullBackOff"
    assert message in waiting.message
    assert ("429" in waiting.message) is (older == "1.34")
    assert snapshots[-1].memory.cause_of(NAME).reason in ("ErrImagePull", "ImagePullBackOff")


def test_back_off_doubles_up_to_five_minutes() -> None:
    async def story() -> list[datetime]:
        cluster = SandboxCluster(Plan.parse("pull: 429"))
        await cluster.create(NAMESPACE, manifest())
        end, pulls = cluster.now() + timedelta(minutes=30), []
        while cluster.now() < end:
            snapshot = await cluster.wait_for_change(NAMESPACE, NAME, min(end, cluster.now() + timedelta(seconds=1)))
            assert snapshot is not None
            pulls += [
                event.last_timestamp for event in snapshot.events if event.reason == "Pulling" and event.last_timestamp
            ]
        return sorted(set(pulls))

    moments = asyncio.run(story())
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    for gap, least in zip(gaps, [10, 20, 40, 80, 160, 300, 300], strict=False):
        assert least <= gap <= least + 15


def test_the_ready_condition_keeps_the_time_of_its_transition() -> None:
    snapshots = watch("pull: 429", seconds=170)
    ready = [condition for condition in snapshots[-1].pod.status.conditions if condition.type == "Ready"]
    assert ready[0].last_transition_time == datetime(2026, 1, 1, tzinfo=timezone.utc)
    stock = Policy.for_backend("flyte-1.16")
    assert snapshots[-1].at is not None
    assert not triage(snapshots[-1].pod, policy=stock, now=snapshots[-1].at).failing
    *_, later = watch("pull: 429", seconds=200)
    assert later.at is not None
    assert triage(later.pod, policy=stock, now=later.at).kind == "USER"
