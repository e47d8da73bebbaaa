"""The guard against a real API server: what it does to pods, once, and completely, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from flytekitplugins_podtriage.core.guard.policy import Caps, Mode
from flytekitplugins_podtriage.core.guard.values import Outcome
from tests.apiserver.api import Api, Object, pods
from tests.apiserver.front import Front
from tests.apiserver.guard.guarding import LIMITED, Replica, make_pod, make_workflow, policy
from tests.apiserver.guard.writing import CONTROLLER
from tests.apiserver.kubelet import ScriptedKubelet
from tests.apiserver.server import ApiServer
from tests.apiserver.watching import eventually

Replicas = Callable[..., Replica]
FINALIZER = "flyte.org/finalizer-k8s"

# See test_interruptions.py: a server that is killed leaves sockets of handshakes to Python's garbage collector.
pytestmark = pytest.mark.filterwarnings(r"ignore:unclosed <ssl\.SSLSocket:ResourceWarning")


def ended(pod: Object | None) -> bool:
    """Whether a pod was patched and deleted, and still shows the message."""
    return (
        pod is not None
        and pod["status"].get("reason") == "Terminated"
        and pod["status"]["phase"] == "Failed"
        and pod["status"]["message"].startswith("podtriage")
        and "deletionTimestamp" in pod["metadata"]
        and pod["metadata"]["finalizers"] == [FINALIZER]
    )


def patched(pod: Object | None) -> bool:
    """Whether the guard has written a pod's status."""
    return pod is not None and (pod["status"].get("message") or "").startswith("podtriage")


def events_of(admin: Api, namespace: str, reason: str = "PodtriageActs") -> list[str]:
    """Return the pods about which the guard left an Event."""
    selector = f"reportingComponent={CONTROLLER},reason={reason}"
    items = admin.get(f"/api/v1/namespaces/{namespace}/events", fieldSelector=selector)["items"]
    return sorted(each["involvedObject"]["name"] for each in items)


class Waiting:
    """Pods of stock Flyte whose pull is rate limited."""

    def __init__(self, admin: Api, kubelet: ScriptedKubelet, namespace: str) -> None:
        self.admin, self._kubelet, self.namespace = admin, kubelet, namespace
        self.workflows: dict[str, Object] = {}

    def make(self, count: int = 1, execution: str = "f1") -> list[str]:
        """Create pods of an execution, and have them wait in back-off."""
        workflow = self.workflows.get(execution)
        if workflow is None:
            workflow = self.workflows[execution] = make_workflow(self.admin, self.namespace, execution, count)
        names = [make_pod(self.admin, workflow, number) for number in range(count)]
        for name in names:
            self._kubelet.image_pull_back_off(self.namespace, name, LIMITED)
        return names

    def get(self, name: str) -> Object | None:
        return self.admin.find(pods(self.namespace, name))

    def all(self, names: list[str], so: Callable[[Object | None], bool]) -> bool:
        return all(so(self.get(name)) for name in names)


@pytest.fixture
def waiting(flyte_resources: None, admin: Api, kubelet: ScriptedKubelet, namespace: str) -> Waiting:
    return Waiting(admin, kubelet, namespace)


async def test_a_pod_is_ended_just_before_the_user_is_charged(
    replicas: Replicas, front: Front, waiting: Waiting
) -> None:
    replica = replicas(front)
    (name,) = waiting.make()
    await eventually(lambda: ended(waiting.get(name)))
    await eventually(lambda: replica.observer.of(Outcome.ACTED) == [name])
    assert events_of(waiting.admin, waiting.namespace) == [name]
    writes = {(each.verb, each.resource): 0 for each in front.asked}
    for each in front.asked:
        writes[each.verb, each.resource] += 1
    kept = ("patch", "pods/status"), ("delete", "pods"), ("create", "events"), ("patch", "pods")
    assert {each: writes.get(each) for each in kept} == dict.fromkeys(kept, 1)
    assert writes["list", "pods"] == writes["watch", "pods"] == 1


async def test_a_pull_that_recovers_before_costs_nothing(
    replicas: Replicas, front: Front, waiting: Waiting, kubelet: ScriptedKubelet
) -> None:
    replica = replicas(front)
    name, other = waiting.make(2)
    await eventually(lambda: replica.guard.scheduled() == 2)
    kubelet.running(waiting.namespace, name)
    await eventually(lambda: ended(waiting.get(other)))
    assert not patched(waiting.get(name))
    assert replica.observer.of(Outcome.ACTED) == [other]


async def test_observing_leaves_an_event_alone_until_the_mode_is_switched(
    replicas: Replicas, front: Front, waiting: Waiting
) -> None:
    replica = replicas(front, mode=Mode.OBSERVE)
    (name,) = waiting.make()
    await eventually(lambda: events_of(waiting.admin, waiting.namespace, "PodtriageWouldAct") == [name])
    assert replica.observer.of(Outcome.WOULD_ACT) == [name]
    assert front.count("patch") == front.count("delete") == 0
    replica.guard.set_policy(policy(Mode.ENFORCE))
    (second,) = waiting.make(execution="f2")
    await eventually(lambda: ended(waiting.get(second)))
    replica.guard.set_policy(policy(Mode.OBSERVE))
    (third,) = waiting.make(execution="f3")
    await eventually(lambda: replica.observer.of(Outcome.WOULD_ACT) == [name, third])
    assert not patched(waiting.get(third))


async def test_the_caps_hold_over_a_restart(replicas: Replicas, waiting: Waiting) -> None:
    caps = Caps(per_execution=2, per_namespace=100, per_minute=100)
    first = replicas(caps=caps)
    names = waiting.make(3)
    await eventually(lambda: len(first.observer.reports) == 3)
    assert len(first.observer.of(Outcome.ACTED)) == 2
    assert len(first.observer.of(Outcome.REFUSED)) == 1
    await asyncio.to_thread(first.stop)
    second = replicas(caps=caps)
    workflow = waiting.workflows["f1"]
    workflow["spec"]["nodes"]["n7"] = workflow["spec"]["nodes"]["n0"]
    workflow["status"]["nodeStatus"]["n7"] = {"phase": 2}
    path = f"/apis/flyte.lyft.com/v1alpha1/namespaces/{waiting.namespace}/flyteworkflows/f1"
    waiting.admin.merge(path, {"spec": workflow["spec"], "status": workflow["status"]})
    late = make_pod(waiting.admin, workflow, 7)
    waiting._kubelet.image_pull_back_off(waiting.namespace, late, LIMITED)
    await eventually(lambda: late in second.observer.of(Outcome.REFUSED))
    assert sum(patched(waiting.get(name)) for name in [*names, late]) == 2


STEPS = ("get pods", "get flyteworkflows", "create events", "patch pods", "patch pods/status", "delete pods")
AFTER_STATUS = ("patch pods/status", "after it was done"), ("delete pods", "before it is done")
"""What would leave a pod half done."""


@pytest.mark.parametrize(
    ("step", "how"),
    [
        pytest.param(step, how, marks=() if (step, how) in AFTER_STATUS else pytest.mark.slow)
        for step in STEPS
        for how in ("before it is done", "after it was done")
    ],
)
async def test_a_leader_that_is_killed_at_any_step_is_replaced(
    replicas: Replicas,
    front: Front,
    second_front: Front,
    waiting: Waiting,
    step: str,
    how: str,
) -> None:
    verb, resource = step.split()
    first = replicas(front)
    await eventually(first.guard.leads)
    replicas(second_front)
    held = None
    if how == "before it is done":
        held = front.hold(verb, resource)
    else:
        front.lose(verb, resource, times=1_000)
    (name,) = waiting.make()
    await asyncio.to_thread(front.wait_for, verb, resource)
    if held is not None:
        await asyncio.to_thread(held.wait)
    else:
        await eventually(lambda: front.count(verb, resource) >= 1)
    first.kill()
    front.refuse()
    # Stock Flyte charges at some time; the second replica has until then only if it leads in time, and otherwise
    # leaves the pod alone. What it may not do is to leave it half done.
    await eventually(lambda: settled(waiting.get(name)) and not half_done(waiting.get(name)))
    assert second_front.count("patch", "pods/status") + front.count("patch", "pods/status") <= 2


def settled(pod: Object | None) -> bool:
    """Whether the second replica has had its say: the pod is ended, or its charge is over."""
    if pod is None or "deletionTimestamp" in pod["metadata"]:
        return True
    return age(pod) > 16.0


def age(pod: Object) -> float:
    from datetime import datetime, timezone

    made = datetime.fromisoformat(pod["metadata"]["creationTimestamp"].replace("Z", "+00:00"))
    return (datetime.now(timezone.utc) - made).total_seconds()


def half_done(pod: Object | None) -> bool:
    return patched(pod) and pod is not None and "deletionTimestamp" not in pod["metadata"]


async def test_two_replicas_act_once_on_each_pod(
    replicas: Replicas, front: Front, second_front: Front, waiting: Waiting
) -> None:
    one, other = replicas(front), replicas(second_front)
    names = waiting.make(10)
    await eventually(lambda: waiting.all(names, ended))
    acted = [*one.observer.of(Outcome.ACTED), *other.observer.of(Outcome.ACTED)]
    await eventually(lambda: len([*one.observer.of(Outcome.ACTED), *other.observer.of(Outcome.ACTED)]) >= 10)
    acted = [*one.observer.of(Outcome.ACTED), *other.observer.of(Outcome.ACTED)]
    assert sorted(acted) == sorted(names)
    assert front.count("patch", "pods/status") + second_front.count("patch", "pods/status") == 10
    assert 0 in (front.count("patch", "pods/status"), second_front.count("patch", "pods/status"))


async def test_nothing_is_written_without_the_lease(
    replicas: Replicas, front: Front, waiting: Waiting, admin: Api
) -> None:
    replica = replicas(front)
    await eventually(replica.guard.leads)
    front.hold("update", "leases")
    front.hold("get", "leases")
    await eventually(lambda: not replica.guard.leads())
    (name,) = waiting.make()
    await eventually(lambda: replica.guard.loop.kept == 0 or age(admin.get(pods(waiting.namespace, name))) > 10)
    assert front.count("patch") == front.count("delete") == 0
    assert not patched(waiting.get(name))


async def test_an_api_server_that_is_killed_in_the_middle_leaves_nothing_half_done(
    replicas: Replicas, server: ApiServer, waiting: Waiting
) -> None:
    replica = replicas()
    await eventually(replica.guard.leads)
    names = waiting.make(6)
    await eventually(lambda: any(patched(waiting.get(name)) for name in names))
    server.kill()
    await asyncio.to_thread(server.start)
    await eventually(lambda: not any(half_done(waiting.get(name)) for name in names))
    await eventually(lambda: waiting.all(names, lambda pod: settled(pod) and not half_done(pod)))
    acted = replica.observer.of(Outcome.ACTED)
    assert len(acted) == len(set(acted))
