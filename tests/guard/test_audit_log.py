"""The audit lines: one for each act, with what stock Flyte would have charged and what is charged now."""

from __future__ import annotations

import io
import json
import threading
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.core.guard.values import Act, Outcome
from flytekitplugins_podtriage.core.model import Evidence
from flytekitplugins_podtriage.guard.audit_log import AuditLine, AuditLog, audit_line
from tests.guard.reported_acts import ACT, NOW, VERDICT, act


def written(*lines: AuditLine) -> list[dict[str, Any]]:
    file = io.BytesIO()
    log = AuditLog(file)
    for line in lines:
        log.write(line)
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_an_act_is_one_line_with_before_and_after() -> None:
    (line,) = written(audit_line(ACT, Outcome.ACTED, NOW, cluster="prod-eu", detail="ended 4.2 s before the charge"))
    assert line == {
        "audit": "podtriage-guard/1",
        "time": "2026-03-02T14:04:41Z",
        "outcome": "acted",
        "act": "end-as-system",
        "cluster": "prod-eu",
        "execution": "f1a2",
        "namespace": "flytesnacks-development",
        "node": "n0",
        "attempt": 1,
        "pod": "f1a2-n0-0",
        "uid": "4c1f9d4e-0b7f-4b35-8a3f-6f3f1c2d9a10",
        "category": "registry_rate_limited",
        "kind": "SYSTEM",
        "rule": "pull-429",
        "registry": "docker.io",
        "evidence": "429 Too Many Requests",
        "before": {"kind": "USER", "code": "ImagePullBackOff", "at": "2026-03-02T14:04:46Z"},
        "after": {
            "kind": "SYSTEM",
            "reason": "Terminated",
            "message": "docker.io limits how often this node may pull (HTTP 429).",
        },
        "spending": "a system retry pays: 2 of 3 are left",
        "detail": "ended 4.2 s before the charge",
    }


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.ACTED}))
def test_what_was_not_done_has_no_after(outcome: Outcome) -> None:
    (line,) = written(audit_line(ACT, outcome, NOW, why="cap-namespace"))
    assert "after" not in line
    assert (line["outcome"], line["why"], line["before"]["kind"]) == (outcome, "cap-namespace", "USER")


def test_an_act_without_a_charge_has_no_before() -> None:
    (line,) = written(audit_line(act(charge=None), Outcome.ACTED, NOW))
    assert "before" not in line


SECRET = "https://bob:hunter2@registry.example/v2/?token=ghp_" + "a" * 36


@pytest.mark.parametrize(
    "hostile",
    [
        act(message=SECRET),
        act(why=SECRET),
        act(execution=SECRET),
        act(verdict=attrs.evolve(VERDICT, evidence=(Evidence("event", SECRET),), rule=SECRET, registry=SECRET)),
    ],
)
def test_secrets_are_masked_wherever_they_stand(hostile: Act) -> None:
    file = io.BytesIO()
    AuditLog(file).write(audit_line(hostile, Outcome.ACTED, NOW, detail=SECRET, why=SECRET, cluster=SECRET))
    assert b"hunter2" not in file.getvalue() and b"ghp_" not in file.getvalue()


@given(text=st.text(max_size=3000), outcome=st.sampled_from(Outcome))
def test_whatever_a_pod_says_it_is_one_short_line_of_json(text: str, outcome: Outcome) -> None:
    changed = act(
        message=text, why=text, execution=text, name=text, node=text,
        verdict=attrs.evolve(VERDICT, evidence=(Evidence("event", text),), rule=text, registry=text),
    )  # fmt: skip
    file = io.BytesIO()
    AuditLog(file).write(audit_line(changed, outcome, NOW, detail=text, why=text, cluster=text))
    data = file.getvalue()
    assert data.endswith(b"\n") and data.count(b"\n") == 1 and len(data) < 64_000
    assert json.loads(data)["outcome"] == outcome


def test_a_message_of_megabytes_makes_a_line_of_kilobytes() -> None:
    file = io.BytesIO()
    AuditLog(file).write(audit_line(act(message="x" * 5_000_000, why="y" * 5_000_000), Outcome.ACTED, NOW))
    assert len(file.getvalue()) < 3000


def test_a_full_disk_is_counted_and_keeps_nobody_from_working() -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    log = AuditLog(Full())
    log.write(audit_line(ACT, Outcome.ACTED, NOW))
    log.write(audit_line(ACT, Outcome.ACTED, NOW))
    assert log.failures == 2


def test_lines_of_several_threads_are_not_mixed() -> None:
    file = io.BytesIO()
    log = AuditLog(file)
    line = audit_line(ACT, Outcome.ACTED, NOW)

    def write_many() -> None:
        for _ in range(50):
            log.write(line)

    threads = [threading.Thread(target=write_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {json.loads(one)["pod"] for one in file.getvalue().splitlines()} == {"f1a2-n0-0"}
    assert file.getvalue().count(b"\n") == 200
