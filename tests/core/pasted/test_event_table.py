"""Tables of events in every layout that people paste."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from flytekitplugins_podtriage.core.pasted.event_table import age, read_rows

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
PULL = 'Failed to pull image "acme/app:1": rpc error: code = Unknown desc = 429 Too Many Requests'

LAYOUTS = {
    "kubectl describe": (
        f"  Warning  Failed   9s (x4 over 100s)  kubelet  {PULL}",
        ("Warning", "Failed", None, "kubelet", None, 9, 100),
    ),
    "kubectl describe, with the node": (
        f"  Warning  Failed   2m5s  kubelet, node-1.example  {PULL}",
        ("Warning", "Failed", None, "kubelet, node-1.example", None, 125, 125),
    ),
    "kubectl describe before 1.6": (
        f"  2m\t\t1m\t\t4\t{{kubelet node-1}}\tspec.containers{{web}}\tWarning\tFailed\t\t{PULL}",
        ("Warning", "Failed", None, None, "spec.containers{web}", 60, 120),
    ),
    "kubectl get events": (
        f"5m12s       Warning   Failed      pod/app-1           {PULL}",
        ("Warning", "Failed", "pod/app-1", None, None, 312, 312),
    ),
    "kubectl get events of all namespaces": (
        f"ns-1   5m12s       Warning   Failed      pod/app-1           {PULL}",
        ("Warning", "Failed", "pod/app-1", None, None, 312, 312),
    ),
    "kubectl get events -o wide": (
        f"3s   Warning   Failed   pod/app   spec.containers{{main}}   kubelet, n1   {PULL}   5m   12   app.16c2f3d4a5b6c7d8",
        ("Warning", "Failed", "pod/app", "kubelet, n1", "spec.containers{main}", 3, 3),
    ),
    "kubectl get events before 1.15": (
        f"1m   5m   6   app-1.1523f0   Pod   spec.containers{{main}}   Warning   Failed   kubelet, minikube   {PULL}",
        ("Warning", "Failed", "pod/app-1", "kubelet, minikube", "spec.containers{main}", 60, 300),
    ),
    "a row of single spaces": (
        f"Warning Failed 5s kubelet {PULL}",
        ("Warning", "Failed", None, "kubelet", None, 5, 5),
    ),
    "a row of a Markdown table": (
        f"| Warning | Failed | 5s (x2 over 9s) | kubelet | {PULL} |",
        ("Warning", "Failed", None, "kubelet", None, 5, 9),
    ),
    "kubectl describe with the field path": (
        f"  Warning  Failed   9s   kubelet  spec.containers{{app}}: {PULL}",
        ("Warning", "Failed", None, "kubelet", "spec.containers{app}", 9, 9),
    ),
    "comma-separated values": (
        'Warning,Failed,pod/app-1,"' + PULL.replace('"', '""') + '"',
        ("Warning", "Failed", "pod/app-1", None, None, 0, 0),
    ),
    "JupyterHub's event log": (
        f"2026-01-01T11:59:00Z [Warning] {PULL}",
        ("Warning", "Failed", None, None, None, 60, 60),
    ),
    "an unknown age": (
        f"<unknown>   Warning   Failed   pod/app-1   {PULL}",
        ("Warning", "Failed", "pod/app-1", None, None, 0, 0),
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_row_is_read_in_every_layout(layout: str) -> None:
    line, expected = LAYOUTS[layout]
    (row,) = read_rows([line], NOW)
    event = row.event
    seconds = [(NOW - at).total_seconds() for at in (event.last_timestamp, event.first_timestamp)]
    path = event.involved_object.field_path if event.involved_object else None
    assert (event.type, event.reason, row.object, row.source, path, *seconds) == expected
    assert event.message == PULL


def test_headers_and_rules_are_no_rows() -> None:
    lines = [
        "Events:",
        "  Type     Reason     Age   From     Message",
        "  ----     ------     ----  ----     -------",
        "LAST SEEN   TYPE      REASON   OBJECT   MESSAGE",
    ]
    assert read_rows(lines, NOW) == []


def test_rows_come_in_the_order_of_their_ages_and_else_as_they_stand() -> None:
    lines = [
        "Warning  Failed     5s   kubelet  c",
        "Normal   Scheduled  90s  default-scheduler  a",
        "Normal   Pulling    60s  kubelet  b",
        "Warning  Failed     5s   kubelet  d",
    ]
    assert [row.event.message for row in read_rows(lines, NOW)] == ["a", "b", "c", "d"]


def test_a_message_may_run_over_several_lines() -> None:
    lines = ["Warning  Failed  5s  kubelet  Failed to pull image:", "    429 Too Many", "    Requests", "", "Name: x"]
    (row,) = read_rows(lines, NOW)
    assert row.event.message == "Failed to pull image: 429 Too Many Requests"


@pytest.mark.parametrize("prompt", ["[me@host dir]$ ls", "me@host:~$ ls", "$ ls", "PS C:\\Users> ls", "Name:", "---"])
def test_what_follows_a_table_is_no_part_of_its_last_message(prompt: str) -> None:
    (row,) = read_rows(["Warning  Failed  5s  kubelet  a", prompt], NOW)
    assert row.event.message == "a"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Successfully assigned ns/p to n1", "Scheduled"),
        ("0/3 nodes are available: 3 Insufficient cpu.", "FailedScheduling"),
        ('MountVolume.SetUp succeeded for volume "a"', "SuccessfulMountVolume"),
        ('MountVolume.SetUp failed for volume "a"', "FailedMount"),
        ('Back-off pulling image "a"', "BackOff"),
        ("something else", None),
    ],
)
def test_without_a_column_for_it_the_reason_is_known_from_the_message(message: str, reason: str | None) -> None:
    (row,) = read_rows([f"2026-01-01T11:59:00.123456Z [Warning] {message}"], NOW)
    assert row.event.reason == reason


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m12s", 312), ("3h", 10800), ("2d4h", 187200), ("1y", 31536000), ("150ms", 0.15)],
)
def test_ages_are_read_as_kubectl_prints_them(text: str, seconds: float) -> None:
    assert age(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["<unknown>", "<invalid>"])
def test_an_unknown_age_is_none(text: str) -> None:
    assert age(text) is None


@pytest.mark.parametrize(
    "line",
    [
        "Normal operation resumed after the Warning was cleared",
        "Everything is Normal, nothing Failed",
        "[Info] Successfully assigned ns/p to n1",
        "warning: Failed to pull image",
    ],
)
def test_a_sentence_is_no_row(line: str) -> None:
    assert read_rows([line], NOW) == []
