"""Every rule id that a verdict can bear stands in a table, and so has a meaning, a remedy and a page."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner

import flytekitplugins_podtriage
from flytekitplugins_podtriage import Policy, diagnose, forecast, triage
from flytekitplugins_podtriage.cli.main import cli
from flytekitplugins_podtriage.core.absent_pods import pod_gone, pod_not_created, template_refused, triage_snapshot
from flytekitplugins_podtriage.core.attempt_history import Attempt
from flytekitplugins_podtriage.core.decode import read_events, read_pod
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.model import ErrorKind, Verdict
from flytekitplugins_podtriage.core.pod_cluster import (
    ClusterBusy,
    ClusterDenied,
    ClusterError,
    PodNameTaken,
    PodRejected,
    PodSnapshot,
    QuotaExceeded,
)
from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN, OTHERWISE, UNKNOWN
from flytekitplugins_podtriage.core.rules.demystify import STOCK_RULES
from flytekitplugins_podtriage.core.rules.pod_states import POD_RULES
from flytekitplugins_podtriage.core.rules.rule import Rule
from flytekitplugins_podtriage.core.text.tokens import phrase
from flytekitplugins_podtriage.report.attempts import diagnose_attempt
from flytekitplugins_podtriage.report.text.rule_text import rule_title
from tests.core.test_timelines import steps
from tests.recordings import moment, rows, timelines

IDS = {rule.id for rule in (*BUILT_IN, *OTHERWISE)} | {*POD_RULES, *STOCK_RULES}
BACKENDS = ("podtriage", "flyte-1.16", "flyte-2")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
ERRORS = (
    ClusterError("redirected"),
    ClusterBusy("create pods: no answer within 5 s"),
    ClusterDenied("may not create pods (403)"),
    QuotaExceeded('create pods "x": exceeded quota: q, requested: cpu=2'),
    QuotaExceeded("no room"),
    PodNameTaken("pod n/x exists"),
    PodRejected('Pod "x" is invalid: spec.containers[0].image: Required value', status=422),
    PodRejected('create pods "x": admission webhook "w" denied the request: no', status=403),
    PodRejected("no", status=413),
)


def _absent() -> Iterator[Verdict]:
    """Yield the verdicts on pods that are not there, within the patience and after it."""
    yield from (pod_gone(), template_refused("no container", ErrorKind.USER), template_refused("old", ErrorKind.SYSTEM))
    for error in ERRORS:
        for age in (timedelta(), timedelta(days=1)):
            yield pod_not_created(error, since=NOW - age, policy=Policy(), now=NOW, freshness=Freshness.current(NOW))


@functools.cache
def borne() -> frozenset[str]:
    """Return the ids that the core answers with over all recordings."""
    ids = {verdict.rule for verdict in _absent()}
    policies = [Policy.for_backend(backend) for backend in BACKENDS]
    for row in rows("vectors.jsonl.gz"):
        pod, now = read_pod(row["pod"]), moment(row["now"])
        for policy in policies:
            ids.add(triage(pod, policy=policy, now=now).rule)
            ids.add(forecast(pod, backend=policy.name, now=now).rule)
    for row in timelines().values():
        for now, document, recorded in steps(row):
            pod, events = read_pod(document), tuple(read_events(recorded))
            for policy in policies:
                ids.add(triage(pod, events=events, policy=policy, now=now).rule)
            gone = PodSnapshot(pod, events, gone=True)
            ids.add(triage_snapshot(gone, Policy(), now, Freshness.current(now)).verdict.rule)
    for name in ("live.jsonl", "observed.jsonl"):
        ids |= {diagnose(row["message"], reason=row.get("reason")).rule for row in rows(name)}
    return frozenset(ids)


def test_every_id_that_the_core_answers_with_stands_in_a_table() -> None:
    assert borne() - IDS == set()
    assert len(borne()) > 120


def test_every_id_that_the_code_spells_stands_in_a_table() -> None:
    spelt = set()
    for path in Path(flytekitplugins_podtriage.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call):
                named = [keyword.value for keyword in call.keywords if keyword.arg == "rule"]
                first = call.args[:1] if isinstance(call.func, ast.Attribute) and call.func.attr == "by_rule" else []
                spelt |= {node.value for node in (*named, *first) if isinstance(node, ast.Constant) and node.value}
    assert spelt - IDS == set()
    assert {"pod-running", "stock-deleted"} <= spelt


@pytest.mark.parametrize(
    "rule",
    [
        "pod-gone",
        "pod-not-created",
        "stock-deleted",
        "pod-name-taken",
        "template-refused",
        "cluster-rejected",
        "cluster-error",
    ],
)
def test_ids_of_earlier_records_stay_valid(rule: str) -> None:
    assert rule in IDS


def test_every_id_can_be_looked_up() -> None:
    runner = CliRunner()
    for rule in sorted(IDS):
        result = runner.invoke(cli, ["rules", rule])
        assert (result.exit_code, result.stdout.split()[0]) == (0, rule), result.stderr


def test_no_rule_of_our_own_is_said_to_be_unknown() -> None:
    verdict = pod_gone()
    unknown = [rule for rule in sorted(IDS) if rule_title(attrs.evolve(verdict, rule=rule)) == UNKNOWN.means]
    assert unknown == [UNKNOWN.id]


def test_a_verdict_on_an_absent_pod_is_complete() -> None:
    for verdict in _absent():
        assert verdict.kind is not None
        assert verdict.category is not None
        assert verdict.remedy
        assert (verdict.code is not None) == (verdict.message is not None) == verdict.failing
        assert (verdict.recheck_at is None) == verdict.failing
        if verdict.message is not None:
            assert verdict.message.endswith(f"\nFix: {verdict.remedy}")


def test_a_message_of_our_own_is_read_back_as_the_rule_that_wrote_it() -> None:
    """In the history of an execution the message is all that is left of a verdict."""
    verdicts = [verdict for verdict in _absent() if verdict.failing]
    for row in timelines().values():
        *_, (now, document, recorded) = steps(row)
        verdict = triage(document, events=recorded, now=now)
        verdicts += [verdict] if verdict.failing else []
    lost = []
    for verdict in verdicts:
        message = f"[1/1] currentAttempt done. Last Error: {verdict.kind}::{verdict.message}"
        attempt = Attempt(code=f"RetriesExhausted|{verdict.code}", message=message, reported=ErrorKind.USER)
        diagnosed = diagnose_attempt(attempt)
        if diagnosed.diagnosis.kind is not verdict.kind or (verdict.rule != UNKNOWN.id) is (
            diagnosed.diagnosis.rule == UNKNOWN.id
        ):
            lost.append((verdict.rule, diagnosed.diagnosis.rule))
    assert lost == []
    assert len(verdicts) > 100


@pytest.mark.parametrize("rule", BUILT_IN, ids=lambda rule: rule.id)
def test_no_phrase_of_a_rule_says_more_than_another_of_the_same_list(rule: Rule) -> None:
    for phrases in (rule.phrases, rule.also, rule.unless):
        spelled = [phrase(text) for text in phrases]
        assert [text for text in spelled for other in spelled if other != text and other in text] == []
