"""The pages in a browser: every column is visible at every width, nothing is loaded, and all can be read."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.local.runner import watch_runs
from flytekitplugins_podtriage.report.audit import Entry, Tally
from flytekitplugins_podtriage.report.html import audit, explanation, runs
from tests.local.watched_runs import HERE, Runs
from tests.report.explanations import explained
from tests.report.html.browser import find, measure

WIDTHS = (500, 800, 1100)

CHROMIUM = find()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: on PATH, or named by the variable CHROMIUM"),
]


@pytest.fixture
def rehearsal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.syspath_prepend(str(HERE))
    workflows = importlib.import_module("rehearsed_workflows")

    def rehearsal(workflow: str, plan: str, *, deck: bool = False) -> str:
        seen = Runs()
        seen.plan(plan)
        error = None
        with watch_runs(seen.note, seen.settings):
            try:
                getattr(workflows, workflow)()
            except Exception as raised:  # noqa: BLE001  # it is on the page
                error = str(raised)
        return runs.page(seen[:1], is_task=True) if deck else runs.page(seen, error)

    return rehearsal


def audited() -> str:
    tally = Tally()
    for user, system in ((ErrorKind.USER, ErrorKind.SYSTEM), (ErrorKind.SYSTEM, ErrorKind.USER)):
        for task in ("train", "project.workflows.a_module_with_a_long_name.a_task_with_a_long_name_too"):
            for category in ("registry_rate_limited", "evicted"):
                message = (
                    "429 Too Many Requests - toomanyrequests: https://registry-1.docker.io/v2/a/b/manifests/sha256"
                )
                tally.add(
                    Entry(user, system, category, task, "registry.example.com", f"p/development/f3 {task}", message)
                )
    return audit.page(tally.result("a-file-of-attempts.jsonl"))


def test_every_page_at_every_width(rehearsal: Callable[..., str], tmp_path: Path) -> None:
    pages = {
        "rate limit": rehearsal("two_limited", "docker.io: 429 for 20m"),
        "deck": rehearsal("two_limited", "docker.io: 429 for 20m", deck=True),
        "mapped": rehearsal("mapped", "task fetch docker.io: 429"),
        "preempted": rehearsal("twelve", "task train body: 10m; task train pod: preempted"),
        "explain 429": explanation.page([explained("pull-429-hub-manifest", at=150)]),
        "explain oom": explanation.page([explained("oom-main"), explained("preempted-by-scheduler")]),
        "audit": audited(),
    }
    assert CHROMIUM is not None
    found = measure(CHROMIUM, pages, WIDTHS, tmp_path)

    assert [(one["name"], one["width"]) for one in found[::2]] == [(name, width) for name in pages for width in WIDTHS]
    assert [one["dark"] for one in found] == [False, True] * (len(found) // 2)
    assert {f"{one['name']} at {one['width']}": one["faults"] for one in found if one["faults"]} == {}
    assert [one["requests"] for one in found] == [0] * len(found)
    for one in found:
        assert one["cells"] > 0
        assert one["cells"] - one["empty"] <= one["shown"], "a cell with text takes no room"


def test_what_is_cut_off_or_too_pale_is_found(tmp_path: Path) -> None:
    cut = '<div style="width:300px;overflow:hidden"><table><tr><td>a</td><td style="min-width:600px">b</td></tr></table></div>'
    pale = '<p style="color:#999;background:#fff">pale</p>'
    assert CHROMIUM is not None
    found = measure(CHROMIUM, {"cut": f"<body>{cut}</body>", "pale": f"<body>{pale}</body>"}, (500,), tmp_path)

    assert any(fault.startswith("clipped: div") for fault in found[0]["faults"])
    assert any(fault.startswith("contrast 2.85") for fault in found[2]["faults"])
