"""A row of a table keeps its message, wherever a person or a terminal broke the line; the next row or section ends it."""

from __future__ import annotations

import textwrap
from datetime import datetime, timezone

import pytest

from flytekitplugins_podtriage.core.diagnose import diagnose
from flytekitplugins_podtriage.core.pasted.reading import read_pasted

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)

DIGEST = "sha256:" + "5a" * 32
LIMITED = (
    'Failed to pull image "docker.io/acme/tool:1": rpc error: code = Unknown desc = failed to copy: httpReadSeeker:'
    f" failed open: unexpected status code https://registry-1.docker.io/v2/acme/tool/manifests/{DIGEST}: 429 Too Many"
    " Requests - Server message: toomanyrequests: You have reached your pull rate limit"
)
REFUSED = (
    f'Failed to pull image "quay.io/acme/tool@{DIGEST}": rpc error: code = Unknown desc = Error response from daemon:'
    f" Error reading manifest {DIGEST} in quay.io/acme/tool: unauthorized: access to the requested resource"
)
ROWS = {
    "kubectl describe": "  Warning  Failed  76s (x4 over 5m)  kubelet, node-1  ",
    "kubectl get events": "76s    Warning   Failed   pod/tool-x7k   ",
    "kubectl get events before 1.15": "1m  5m  6  tool.1523f0ab  Pod  Warning  Failed  {kubelet node-1}  ",
}
WIDTHS = range(60, 161, 4)


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize(("message", "category"), [(LIMITED, "registry_rate_limited"), (REFUSED, "auth")])
@pytest.mark.parametrize("quote", ["", "> "])
def test_a_row_that_was_wrapped_at_any_width_keeps_its_message(
    row: str, message: str, category: str, quote: str
) -> None:
    for width in WIDTHS:
        lines = textwrap.wrap(ROWS[row] + message, width, break_long_words=False, break_on_hyphens=False)
        assert diagnose("\n".join(quote + line for line in lines)).category.value == category, width


@pytest.mark.parametrize("width", WIDTHS)
def test_a_row_that_a_terminal_broke_keeps_its_message(width: int) -> None:
    row = ROWS["kubectl get events"] + LIMITED
    text = "\n".join(row[start : start + width] for start in range(0, len(row), width))
    assert diagnose(text).category.value == "registry_rate_limited"


PULLED = (
    '2m  Warning  Failed  pod/tool  Failed to pull image "acme/a:1": 503 Service Unavailable\n'
    '1m  Normal  Pulled  pod/tool  Successfully pulled image "acme/a:1"\n'
)


@pytest.mark.parametrize(
    "after",
    [
        "",
        "Why was it first:\nunexpected status code 429 Too Many Requests of registry-1.docker.io",
        "Volumes:\ntoomanyrequests: registry-1.docker.io",
        "me@laptop:~$ grep toomanyrequests registry.log",
        "\nregistry-1.docker.io: 429 Too Many Requests",
    ],
    ids=["nothing", "a sentence that introduces", "a section", "a prompt", "an empty line"],
)
def test_what_begins_behind_a_row_is_none_of_its_message(after: str) -> None:
    assert diagnose(PULLED + after).category.value == "unknown"


def test_rows_of_one_length_stay_rows() -> None:
    row = "{}m  Warning  FailedScheduling  pod/app  0/3 nodes are available: 3 Insufficient cpu."
    pasted = read_pasted("\n".join(row.format(minutes) for minutes in (3, 2, 1)), NOW)
    assert pasted is not None and len(pasted.events) == 3
    pods = "app-{}   0/1   {}   0   14h   10.0.0.{}   node-1-with-a-name"
    for statuses in (("Running  ", "Evicted  ", "Evicted  "), ("Evicted  ", "Running  ", "Running  ")):
        rows = [pods.format(number, status, number) for number, status in enumerate(statuses)]
        assert diagnose("\n".join(rows)).category.value == "evicted"
