"""A kubelet that only says again what it has said before takes a short way: it must not be seen."""

from __future__ import annotations

import pytest
from hypothesis import given

from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.sandbox.kubelet.sync import Kubelet
from flytekitplugins_podtriage.sandbox.pod_state import Record
from tests.builders import manifest, manifest_of
from tests.sandbox.conftest import watch
from tests.sandbox.faults.test_plan import PLANS

PODS = {
    "alone": manifest(),
    "beside a sidecar": manifest(sidecar="envoy", primary="primary"),
    "after an init container": manifest(init="fetch"),
    "always restarted": manifest(restartPolicy="Always"),
    "three": manifest_of("a", "b", "c"),
}


def both_ways(plan: str, pod: str) -> tuple[list[PodSnapshot], list[PodSnapshot], int]:
    """Return a story told with the short way and without, and how often the short way was open."""
    way, opened = Kubelet._note_idleness, 0

    def counted(kubelet: Kubelet, record: Record) -> None:
        nonlocal opened
        way(kubelet, record)
        opened += record.idle_version == record.version

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Kubelet, "_note_idleness", counted)
        short = watch(plan, PODS[pod], seconds=700, repeated=True)
        patch.setattr(Kubelet, "_note_idleness", lambda *_: None)
        return short, watch(plan, PODS[pod], seconds=700, repeated=True), opened


@pytest.mark.parametrize("pod", ["alone", "always restarted", "three"])
@pytest.mark.parametrize(
    "plan",
    [
        "pull: 429",
        "pull: 429 x12",
        "pull: 429\npod: deleted at 200s",
        "pull: 429\npod: evicted at 130s",
        "pull: 429\npod: patched at 130s",
        "pull: 429\nnode: unreachable at 100s for 90s",
        "pull: 429\nkubelet: syncs drawn seed 3\nkubelet: status 150ms late",
    ],
)
def test_the_short_way_is_taken_and_changes_nothing(plan: str, pod: str) -> None:
    short, long, opened = both_ways(plan, pod)
    assert opened
    assert short == long


@pytest.mark.parametrize(
    ("plan", "pod"),
    [
        ("container envoy pull: 429\nbody: 300s", "beside a sidecar"),
        ("container fetch pull: 429", "after an init container"),
        ("start: secret db not found", "alone"),
    ],
)
def test_it_is_not_taken_while_something_else_may_happen(plan: str, pod: str) -> None:
    short, long, opened = both_ways(plan, pod)
    assert not opened
    assert short == long


@given(PLANS)
def test_no_plan_tells_another_story_for_it(lines: list[str]) -> None:
    for pod in PODS:
        short, long, _ = both_ways("\n".join(lines), pod)
        assert short == long
