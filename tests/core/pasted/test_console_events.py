"""Events as OpenShift's console shows them, without type or reason and the newest first."""

from __future__ import annotations

from datetime import datetime, timezone

from flytekitplugins_podtriage.core.diagnose import diagnose
from flytekitplugins_podtriage.core.pasted.console_events import read_console_events

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
TEXT = """\
Streaming events...
PodPapp-0NamespaceNSns
Just now
Generated from kubelet on node-1
3 times in the last 2 minutes
Back-off pulling image "quay.io/a/b:1"
PodPapp-0
NamespaceNSns
10 de jun. de 2026, 17:42
Generated from kubelet on node-1
Failed to pull image "quay.io/a/b:1": reading manifest 1 in quay.io/a/b:
manifest unknown
PodPapp-0
NamespaceNSns
Generated from default-scheduler
Successfully assigned ns/app-0 to node-1"""


def test_blocks_are_events_the_oldest_first() -> None:
    rows = read_console_events(TEXT.split("\n"), NOW)
    assert [(row.event.type, row.event.reason, row.object) for row in rows] == [
        ("Normal", "Scheduled", "pod/app-0"),
        ("Warning", "Failed", "pod/app-0"),
        ("Normal", "BackOff", "pod/app-0"),
    ]
    assert (rows[1].event.message or "").endswith("in quay.io/a/b: manifest unknown")


def test_they_are_judged_like_a_table_of_events() -> None:
    assert diagnose(TEXT).category.value == "not_found"


def test_other_lines_are_none() -> None:
    assert read_console_events(["Generated code", "Pod app-0", "Failed to pull image"], NOW) == []
    assert read_console_events(["Generated from kubelet on node-1"], NOW) == []
