"""What comes later in a table of events supersedes what it shows to be over, and nothing else."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from flytekitplugins_podtriage.core.pasted.event_table import read_rows
from flytekitplugins_podtriage.core.pasted.progress import failures_that_hold

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
SCHEDULING = "Warning FailedScheduling pod/a  0/3 nodes are available: 3 Insufficient cpu."
MOUNT = 'Warning FailedMount pod/a  MountVolume.SetUp failed for volume "x" : secret "y" not found'
PULL = 'Warning Failed pod/a  Failed to pull image "acme/app:1": 503'
CONFIG = 'Warning Failed pod/a  Error: configmap "x" not found'


def holding(*rows: str) -> list[str | None]:
    lines = [f"{100 - number}s  {row}" for number, row in enumerate(rows)]
    return [row.event.reason for row in failures_that_hold(read_rows(lines, NOW))]


@pytest.mark.parametrize(
    ("failure", "later"),
    [
        (SCHEDULING, "Normal Scheduled pod/a  Successfully assigned ns/a to n1"),
        (SCHEDULING, 'Normal Pulling pod/a  Pulling image "acme/app:1"'),
        (MOUNT, 'Normal SuccessfulMountVolume pod/a  MountVolume.SetUp succeeded for volume "x"'),
        (MOUNT, 'Normal Pulling pod/a  Pulling image "acme/app:1"'),
        (MOUNT.replace("FailedMount", "FailedCreatePodSandBox"), "Normal Created pod/a  Created container app"),
        (PULL, 'Normal Pulled pod/a  Successfully pulled image "acme/app:1"'),
        (PULL, "Normal Started pod/a  Started container app"),
        (CONFIG, "Normal Started pod/a  Started container app"),
        ("Warning FailedCreate job/a  Error creating: x", "Normal SuccessfulCreate job/a  Created pod: b"),
        ("Warning ProvisioningFailed pvc/a  x", "Normal ProvisioningSucceeded pvc/a  Successfully provisioned"),
        ("Warning NodeNotReady node/a  Node is not ready", "Normal NodeReady node/a  Node a status is now: NodeReady"),
        (
            "Normal TaintManagerEviction pod/a  Marking for deletion Pod ns/a",
            "Normal TaintManagerEviction pod/a  Cancelling deletion of Pod ns/a",
        ),
    ],
)
def test_progress_ends_a_failure_that_came_before_it_and_not_one_that_comes_after(failure: str, later: str) -> None:
    assert holding(failure, later) == []
    assert len(holding(later, failure)) == 1


@pytest.mark.parametrize(
    ("failure", "later"),
    [
        (SCHEDULING, "Normal Scheduled pod/b  Successfully assigned ns/b to n1"),
        (MOUNT, "Normal Scheduled pod/a  Successfully assigned ns/a to n1"),
        (MOUNT, 'Normal SuccessfulMountVolume pod/a  MountVolume.SetUp succeeded for volume "other"'),
        (PULL, 'Normal Pulled pod/a  Successfully pulled image "acme/other:1"'),
        (PULL, 'Normal BackOff pod/a  Back-off pulling image "acme/app:1"'),
        (CONFIG, "Normal Created pod/a  Created container app"),
        ("Warning Unhealthy pod/a  Liveness probe failed", "Normal Started pod/a  Started container app"),
    ],
)
def test_progress_of_another_kind_or_object_ends_nothing(failure: str, later: str) -> None:
    assert len(holding(failure, later)) == 1


def test_of_two_containers_each_has_its_own_progress() -> None:
    failure = 'Warning Failed pod/a spec.containers{app}  Error: configmap "x" not found'
    assert holding(failure, "Normal Started pod/a spec.containers{proxy}  Started container proxy") == ["Failed"]
    assert holding(failure, "Normal Started pod/a spec.containers{app}  Started container app") == []
    two = (CONFIG, "Normal Started pod/a  Started container proxy", "Normal Created pod/a  Created container app")
    assert holding(two[0], two[2], two[1]) == ["Failed"]


def test_failures_come_the_newest_first_and_warnings_before_normal_events() -> None:
    autoscaler = "Normal NotTriggerScaleUp pod/a  pod didn't trigger scale-up"
    assert holding(SCHEDULING, MOUNT, autoscaler) == ["FailedMount", "FailedScheduling", "NotTriggerScaleUp"]
    assert holding("Normal Killing pod/a  Stopping container app") == []


def test_many_failures_of_one_object_are_bounded() -> None:
    assert 16 <= len(holding(*[MOUNT] * 99)) <= 32
