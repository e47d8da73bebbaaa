"""Recorded stories, played to a real API server: ``KubeCluster`` sees what leads to the verdicts of the recording."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import attrs
import pytest

from flytekitplugins_podtriage import Memory, Policy, Verdict, remember
from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.absent_pods import triage_snapshot
from flytekitplugins_podtriage.core.decode import read_event, read_pod
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.kube.client.connection import Connection
from tests.apiserver.api import Api, pods
from tests.apiserver.kubelet import stamp
from tests.apiserver.story import Story
from tests.apiserver.watching import until, watching
from tests.recordings import moment, timelines

POLICY = Policy()


def sample() -> set[str]:
    """Return some stories: of each kind and of both kubelets the longest, and all in which a pod is deleted."""
    longest: dict[tuple[str, str], str] = {}
    for name, row in timelines().items():
        kind = (row["truth"]["category"], row["kubelet"])
        if kind not in longest or len(row["steps"]) > len(timelines()[longest[kind]]["steps"]):
            longest[kind] = name
    deleted = {name for name, row in timelines().items() if '"deletionTimestamp"' in json.dumps(row["steps"])}
    return {*longest.values(), *deleted}


SOME = sample()
STORIES = [name if name in SOME else pytest.param(name, marks=pytest.mark.slow) for name in timelines()]


def counted(events: Iterable[wire.Event]) -> list[tuple[Any, ...]]:
    return sorted((event.reason, event.message, event.count or 0) for event in events)


def of(verdict: Verdict, shift: timedelta = timedelta()) -> dict[str, Any]:
    """Return all of a verdict, with its times as the recording has them."""
    fields = attrs.asdict(verdict, recurse=False)
    fields["evidence"] = [(each.source, each.text) for each in verdict.evidence]
    fields["recheck_at"] = verdict.recheck_at and verdict.recheck_at - shift
    return fields


@pytest.mark.parametrize("name", STORIES)
async def test_the_verdicts_are_those_of_the_recording(
    cluster_of: Callable[..., Connection],
    admin: Api,
    tell: Callable[[dict[str, Any], str], Story],
    namespace: str,
    name: str,
) -> None:
    story = tell(timelines()[name], namespace)
    memory: Memory | None = None
    deletion: str | None = None
    async with watching(cluster_of("connector"), namespace, now=lambda: story.time) as kube:
        while (state := story.step()) is not None:
            if not state.pod:  # the recorder heard of the event first
                continue
            there = admin.find(pods(namespace, story.name))
            deletion = there["metadata"].get("deletionTimestamp") if there else deletion
            pod = deleted_at(state.pod, deletion, story.shift)
            events = tuple(read_event(event) for event in state.events)
            memory = remember(memory, pod, state.events, now=state.at)
            recorded = PodSnapshot(read_pod(pod), events, memory, state.gone)
            snapshot = await until(kube, namespace, story.name, functools.partial(arrived, there, counted(events)))
            here = triage_snapshot(snapshot, POLICY, story.time, Freshness.current(story.time))
            there_and_then = triage_snapshot(recorded, POLICY, state.at, Freshness.current(state.at))
            assert of(here.verdict, story.shift) == of(there_and_then.verdict)


def arrived(there: dict[str, Any] | None, events: list[tuple[Any, ...]], snapshot: PodSnapshot | None) -> bool:
    """Whether a pod is seen as it is, or gone, and with these events."""
    if snapshot is None or snapshot.gone != (there is None) or counted(snapshot.events) != events:
        return False
    return there is None or snapshot.pod.metadata.resource_version == there["metadata"]["resourceVersion"]


def deleted_at(pod: dict[str, Any], here: str | None, shift: timedelta) -> dict[str, Any]:
    """Return a recorded pod whose deletion was asked for when it was here: the server sets that time by its own clock."""
    if here is None or "deletionTimestamp" not in pod["metadata"]:
        return pod
    return {**pod, "metadata": {**pod["metadata"], "deletionTimestamp": stamp(moment(here) - shift)}}
