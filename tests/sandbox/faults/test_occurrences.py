"""Faults that never occurred are named, with the names that there were; the others are not."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from flytekitplugins_podtriage.sandbox.cluster import SandboxCluster
from flytekitplugins_podtriage.sandbox.faults.occurrences import Occurrences, doubtful
from flytekitplugins_podtriage.sandbox.faults.plan import Plan
from tests.builders import NAMESPACE, Object, manifest

TASK = {"podtriage.flyte.org/task": "app.train"}


def play(*lines: str, minutes: int = 30, attempts: int = 1, image: str = "ghcr.io/acme/train:1") -> tuple[str, ...]:
    """Run the attempts of one task under a plan; return what is said about the faults that never occurred."""
    plan, occurrences = Plan.of(lines), Occurrences()
    for number in range(attempts):
        cluster = SandboxCluster(plan, occurrences=occurrences)
        pod = manifest(name=f"train-{number}", primary="main", container={"image": image})
        pod["metadata"]["annotations"] = {**TASK, "podtriage.flyte.org/attempt": str(number)}
        asyncio.run(_run(cluster, pod, minutes))
    return occurrences.missing(plan)


async def _run(cluster: SandboxCluster, pod: Object, minutes: int) -> None:
    name = str(pod["metadata"]["name"])
    await cluster.create(NAMESPACE, pod)
    end = cluster.now() + timedelta(minutes=minutes)
    while cluster.now() < end:
        await cluster.wait_for_change(NAMESPACE, name, end)


@pytest.mark.parametrize(
    "line",
    [
        "ghcr.io: 429 for 4m",
        "pull: slow 30s",
        "task train pull: denied",
        "task app.train attempt 1 container main start: no command",
        "sandbox: no address x1",
        "volume: secret db not found for 1m",
        "volume: claim data not found for 1m",
        "kubelet: status 150ms late",
        "node: lost at 1s",
        "pod: evicted",
        "pod: unschedulable for 1m",
        "pod: rejected OutOfcpu",
        "body: 40s",
        "body: exit 3",
        "body: oom",
        "body: term 143",
        "every attempt pull: 429 for 1m",
    ],
)
def test_a_fault_that_occurs_is_not_named(line: str) -> None:
    assert play(line) == ()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("ghcr.oi: 429 for 4m", "no image came from ghcr.oi; did you mean 'ghcr.io'? images came from ghcr.io"),
        ("docker.io: 429", "no image came from docker.io; images came from ghcr.io"),
        ("task trian pull: 429", "no task 'trian' ran; did you mean 'train'? tasks: app.train"),
        ("container mian start: no command", "no container 'mian' was created; did you mean 'main'? containers: main"),
        ("attempt 5 pull: 429", "no task had an attempt 5; the last one was attempt 1"),
        ("pod: evicted at 3h", "nothing that it could hit happened while it was active"),
        ("node: lost at 3h", "nothing that it could hit happened while it was active"),
        ("body: exit 3 at 3h", ""),
        ("pull: 429 at 3h", "nothing that it could hit happened while it was active"),
        ("volume: secret db not found at 3h", "nothing that it could hit happened while it was active"),
        ("pull: absent", "nothing that it could hit happened while it was active"),
    ],
)
def test_a_fault_that_never_occurs_is_named_with_the_reason(line: str, why: str) -> None:
    planned_body = "" if line.startswith("body") else "body: 10s"
    named = play(line, planned_body) if planned_body else play("body: 10s", line)
    assert len(named) == 1
    assert named[0].startswith(f"fault {str(Plan.parse(line).faults[0])!r} never occurred: ")
    assert why in named[0]


def test_a_line_that_an_earlier_one_hides_never_occurs() -> None:
    named = play("pull: denied", "ghcr.io: 429")
    assert len(named) == 1
    assert "'ghcr.io: 429'" in named[0]


def test_what_occurs_in_one_of_several_clusters_has_occurred() -> None:
    assert play("attempt 2 pull: 429", attempts=2) == ()
    assert len(play("attempt 2 pull: 429", attempts=1)) == 1


def test_where_no_task_ran_that_is_the_reason() -> None:
    plan = Plan.parse("docker.io: 429")
    assert "no task ran in the sandbox" in Occurrences().missing(plan)[0]


@pytest.mark.parametrize(
    ("lines", "doubts"),
    [
        (["docker.io: 429", "registry.acme.example: 429", "localhost:5000: dns", "my.io: tls"], 0),
        (["docker.oi: 429"], 1),
        (["ghrc.io: 429", "quay.oi: 429"], 2),
        (["pull: 429 x2", "pull: denied"], 0),
        (["pull: slow 30s", "pull: denied"], 0),
        (["pull: 429 for 4m", "pull: denied"], 0),
        (["ghcr.io: 429", "pull: denied"], 0),
        (["pull: denied", "ghcr.io: 429"], 1),
        (["task a pull: denied", "task b pull: 429", "pull: dns"], 0),
        (["pull: absent", "pull: denied"], 0),
        (["pod: evicted", "pod: evicted"], 0),
    ],
)
def test_what_looks_like_a_mistake_in_a_plan_alone(lines: list[str], doubts: int) -> None:
    assert len(list(doubtful(Plan.of(lines)))) == doubts
