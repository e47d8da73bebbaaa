"""Tables of events from before there were types (kubectl before 1.2), and of the versions after it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from flytekitplugins_podtriage.core.diagnose import diagnose
from flytekitplugins_podtriage.core.pasted.event_table import is_header, is_row, read_rows

NOW = datetime(2015, 7, 7, 12, tzinfo=timezone.utc)
DAY = "Tue, 07 Jul 2015"
PULL = 'Failed to pull image "acme/app": image pull failed for acme/app, this may be because of 429 Too Many Requests'

LAYOUTS = {
    "kubectl describe 1.1": (
        f"  1m\t\t14s\t\t12\t{{kubelet 10.0.0.1}}\tspec.containers{{app}}\tFailed\t{PULL}",
        ("Warning", "Failed", None, "kubelet", "spec.containers{app}", 14, 60),
    ),
    "kubectl describe 1.1, of the pod": (
        f"  1m            14s             12      {{scheduler }}                        FailedScheduling    {PULL}",
        ("Warning", "FailedScheduling", None, "scheduler", None, 14, 60),
    ),
    "kubectl describe 1.0": (
        f"  {DAY} 11:59:00 +0000\t{DAY} 11:59:50 +0000\t2\t{{kubelet n1}}\tspec.containers{{app}}\tfailed\t\t{PULL}",
        ("Warning", "Failed", None, "kubelet", "spec.containers{app}", 10, 60),
    ),
    "kubectl describe 1.0, of the pause container": (
        f"  {DAY} 11:59:00 +0000\t{DAY} 11:59:50 +0000\t2\t{{kubelet n1}}\timplicitly required container POD\tpulled\t{PULL}",
        ("Normal", "Pulled", None, "kubelet", None, 10, 60),
    ),
    "kubectl get events 1.1": (
        f"3m        10s       2         app-1   Pod       spec.containers{{app}}   Failed   {{kubelet n1}}   {PULL}",
        ("Warning", "Failed", "pod/app-1", "kubelet", "spec.containers{app}", 10, 180),
    ),
    "kubectl get events 1.0 of all namespaces": (
        f"ns-1   {DAY} 11:59:00 +0000   {DAY} 11:59:50 +0000   2   app-1   Pod   failedSync   {{kubelet n1}}   {PULL}",
        ("Warning", "FailedSync", "pod/app-1", "kubelet", None, 10, 60),
    ),
    "kubectl get events 1.2": (
        f"13m   13m   1   app-1   Pod   spec.containers{{app}}   Warning   Failed   {{kubelet n1}}   {PULL}",
        ("Warning", "Failed", "pod/app-1", "kubelet n1", "spec.containers{app}", 780, 780),
    ),
    "kubectl get events 1.2 of an object": (
        f"13m   13m   1   web   ReplicaSet   Warning   FailedCreate   {{replicaset-controller }}   {PULL}",
        ("Warning", "FailedCreate", "replicaset/web", "replicaset-controller ", None, 780, 780),
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_row_is_read_in_the_layouts_of_old_versions(layout: str) -> None:
    line, (kind, reason, about, source, path, last, first) = LAYOUTS[layout]
    assert is_row(line)
    (row,) = read_rows([line], NOW)
    event = row.event
    assert (event.type, event.reason, row.object, row.source) == (kind, reason, about, source)
    assert event.message == PULL
    assert (event.involved_object.field_path if event.involved_object else None) == path
    assert (event.last_timestamp, event.first_timestamp) == (
        NOW - timedelta(seconds=last),
        NOW - timedelta(seconds=first),
    )


HEAD = """\
Events:
  FirstSeen     LastSeen        Count   From                SubobjectPath          Reason          Message
  ─────────     ────────        ─────   ────                ─────────────          ──────          ───────
  1m            1m              1       {scheduler }                               Scheduled       Successfully assigned a to n
  1m            14s             12      {kubelet n}                                FailedMount     Unable to mount volumes for pod "a_b": exit status 32
"""
PULLED = '  4s  4s  1  {kubelet n}  spec.containers{a}  Pulled  Container image "c" already present on machine\n'


def test_without_types_what_came_later_supersedes_too() -> None:
    assert diagnose(HEAD).category.value == "volume"
    assert diagnose(HEAD + PULLED).category.value == "unknown"


def test_a_line_of_box_characters_underlines_the_columns() -> None:
    assert is_header(HEAD.split("\n")[2])
    assert not is_header("─ a dash")


@pytest.mark.parametrize(
    "line",
    [
        "1m 5m 2 retries were left {app} Failed to open the file",
        "10s   10s   1   Failed to pull image",
        f"{DAY} 11:59:00 +0000 started",
        "3 nodes are available: {a} b c",
    ],
)
def test_another_line_with_times_is_no_row(line: str) -> None:
    assert not is_row(line)
