"""Audits on a console."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from flytekitplugins_podtriage.report.audit import Tally
from flytekitplugins_podtriage.report.console.audit import AuditView
from tests.report.audited import RIGHT, UNKNOWN, WRONGED, audited
from tests.report.rendering import shown


def test_nothing_at_all_is_told_as_such() -> None:
    answer = Tally().result("x")
    assert answer.headline == "0 of 0 failed attempts were wrongly charged to user retries"
    out = io.StringIO()
    Console(file=out, width=100).print(AuditView(answer))
    assert "by category" not in out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_column_of_an_audit_is_left_out(width: int) -> None:
    lines = shown(AuditView(audited(WRONGED, UNKNOWN, RIGHT)), width).splitlines()
    assert max(map(len, lines)) <= width
    for head in ("user", "system", "wrongly", "unknown"):
        assert any(head in line for line in lines)
    (row,) = [line.split() for line in lines if line.split()[:1] == ["unknown"]]
    assert row == ["unknown", "1", "1", ".", ".", ".", "1"]
