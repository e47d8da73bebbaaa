"""``explain -n``, ``-A``, ``-l`` and ``--execution``: the pods of a cluster that have trouble, one line each, ranked."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from flytekitplugins_podtriage.cli.live_pods import PodsInScope, Ranking, watch
from flytekitplugins_podtriage.cli.main import cli
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.report.pod_list import PodList
from tests.kube.model import line
from tests.kube.scripted import Scripted

NS = "flytesnacks-development"
PODS = f"/api/v1/namespaces/{NS}/pods"
EVENTS = f"/api/v1/namespaces/{NS}/events"
Run = Callable[..., Result]
LABELS = {"execution-id": "f1", "task-name": "app.train", "node-id": "n0"}
LIMITED = 'Back-off pulling image "docker.io/a/b:1": ErrImagePull: 429 Too Many Requests'


def before(seconds: float) -> str:
    return (datetime.now(timezone.utc) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def a_pod(name: str, status: dict[str, Any], *, labels: dict[str, str] | None = None, version: int = 5) -> Any:
    metadata = {"name": name, "namespace": NS, "uid": f"uid-{name}", "resourceVersion": str(version)}
    metadata |= {"labels": LABELS if labels is None else labels, "creationTimestamp": before(300)}  # type: ignore[dict-item]
    spec = {"containers": [{"name": name, "image": "docker.io/a/b:1"}], "nodeName": "node-1"}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec, "status": status}


def backing_off(name: str, age: float, message: str = LIMITED, **options: Any) -> Any:
    ready = {"type": "Ready", "status": "False", "lastTransitionTime": before(age)}
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": message}}
    container = {"name": name, "image": "docker.io/a/b:1", "ready": False, "state": waiting}
    status = {"phase": "Pending", "startTime": before(age), "conditions": [ready], "containerStatuses": [container]}
    return a_pod(name, status, **options)


def well(name: str) -> Any:
    state = {"running": {"startedAt": before(20)}}
    return a_pod(name, {"phase": "Running", "containerStatuses": [{"name": name, "ready": True, "state": state}]})


def evicted(name: str) -> Any:
    message = "The node was low on resource: memory."
    return a_pod(name, {"phase": "Failed", "reason": "Evicted", "message": message, "startTime": before(90)})


@pytest.fixture
def run(scripted: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "scripted"))
    monkeypatch.setenv("COLUMNS", "140")
    return lambda *arguments: CliRunner().invoke(cli, ["explain", *arguments])


@pytest.fixture
def pods(script: Scripted) -> None:
    """Two pods that back off, the later one charged first; one that was evicted, one of somebody else, one that is well."""
    items = [
        backing_off("f1-n0-0", 30),
        backing_off("f1-n1-0", 170),
        evicted("f1-n2-0"),
        backing_off("other", 175, labels={}),
        well("f1-n3-0"),
    ]
    for path in (PODS, "/api/v1/pods"):
        script.reply(
            "GET", path, 200, {"kind": "PodList", "metadata": {"resourceVersion": "9"}, "items": items}, lists=True
        )


def order(result: Result) -> list[str]:
    """The names in the order in which they are printed."""
    assert result.exit_code in (0, 1), result.stderr
    names = ("f1-n0-0", "f1-n1-0", "f1-n2-0", "f1-n3-0", "other")
    return [name for row in result.stdout.splitlines()[:-1] for name in names if row.split()[:1] == [name]]


@pytest.mark.usefixtures("pods")
def test_pods_with_trouble_are_ranked_by_the_time_to_the_next_charge(run: Run) -> None:
    result = run("-n", NS)
    assert order(result) == ["f1-n1-0", "f1-n0-0", "other", "f1-n2-0"]
    assert result.exit_code == 1, "one has failed"
    text = result.stdout
    assert "4 of 5 pods with trouble; next charge on Flyte 1.16 in" in text
    assert "user retries" in text.splitlines()[0]
    first = next(row for row in text.splitlines() if row.startswith("f1-n1-0"))
    for words in (
        "ImagePullBackOff 2m 5",
        "SYSTEM registry_rate_limited",
        "user (wrong)",
        "docker.io limits how often",
    ):
        assert words in first
    assert "not Flyte's" in next(row for row in text.splitlines() if row.startswith("other"))
    assert text.splitlines()[-1] == f"Details: podtriage explain --pod f1-n1-0 -n {NS}"
    assert not any(row.endswith(" ") for row in text.splitlines())


@pytest.mark.usefixtures("pods")
@pytest.mark.parametrize(
    ("options", "path", "selector"),
    [
        (["-n", NS], PODS, None),
        (["-l", "a=b,c"], PODS, "a=b,c"),
        (["-A"], "/api/v1/pods", None),
        (["--execution", "f1"], PODS, "execution-id=f1"),
        (["--execution", "flytesnacks:development:f1"], PODS, "execution-id=f1"),
        (["-n", NS, "--execution", "f1", "-l", "x"], PODS, "x,execution-id=f1"),
    ],
)
def test_one_list_is_made_of_the_pods_that_are_meant(
    run: Run, script: Scripted, options: list[str], path: str, selector: str | None
) -> None:
    assert run(*options).exit_code == 1
    lists = [request for request in script.requests if request.path.endswith("/pods") and "watch" not in request.query]
    assert [(request.path, request.query.get("labelSelector")) for request in lists] == [(path, selector)]


@pytest.mark.usefixtures("pods")
def test_json_and_yaml_have_the_whole_explanations_in_the_same_order(run: Run) -> None:
    answers = [json.loads(row) for row in run("-n", NS, "-o", "json").stdout.splitlines()]
    assert [answer["pod"] for answer in answers] == ["f1-n1-0", "f1-n0-0", "other", "f1-n2-0"]
    assert (answers[0]["task"], answers[0]["execution"], answers[0]["node"]) == ("app.train", "f1", "n0")
    assert answers[0]["who_pays"][0]["kind"] == "USER"
    documents = list(yaml.safe_load_all(run("-n", NS, "-o", "yaml").stdout))
    assert [document["pod"] for document in documents] == [answer["pod"] for answer in answers]


@pytest.mark.usefixtures("pods")
def test_wide_has_more_columns_and_details_are_below_the_list(run: Run) -> None:
    wide = run("-A", "-o", "wide").stdout
    assert all(words in wide for words in ("app.train", "node-1", f"{NS}/", "execution"))
    detailed = run("-n", NS, "--details").stdout
    assert "Details: podtriage" in detailed
    assert "who pays if nothing changes" in detailed


@pytest.mark.usefixtures("pods")
def test_the_limit_counts_the_rest(run: Run) -> None:
    result = run("-n", NS, "--limit", "1")
    assert order(result) == ["f1-n1-0"]
    assert "and 3 more (--limit 0 shows all)" in result.stdout


@pytest.mark.usefixtures("pods")
@pytest.mark.parametrize("columns", ["40", "60", "80"])
def test_a_narrow_terminal_cuts_no_name(run: Run, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    result = run("-n", NS)
    assert all(len(row) <= int(columns) for row in result.stdout.splitlines())
    assert "f1-n1-0" in result.stdout
    assert "in 1" in result.stdout or "in " in result.stdout


def test_where_nothing_is_wrong_it_says_so(run: Run, script: Scripted) -> None:
    script.reply(
        "GET", PODS, 200, {"kind": "PodList", "metadata": {"resourceVersion": "9"}, "items": [well("p")]}, lists=True
    )
    result = run("-n", NS)
    assert (result.exit_code, result.stdout.split("  ")[1].strip()) == (0, "1 pod, none with trouble")


@pytest.mark.usefixtures("pods")
def test_without_the_right_to_list_events_a_note_says_so(run: Run, script: Scripted) -> None:
    script.reply("GET", EVENTS, 403, {"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no"})
    result = run("-n", NS)
    assert result.exit_code == 1
    assert "Events could not be listed" in result.stdout


def test_without_the_right_to_list_pods_it_is_one_line(run: Run, script: Scripted) -> None:
    script.reply("GET", PODS, 403, {"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no"})
    result = run("-n", NS)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "list pods" in result.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-n", "Not Valid"], "invalid name"),
        (["-l", "a=b=c"], "label selector"),
        (["-n", "x", "-A"], "exclude each other"),
        (["-A", "--pod", "p"], "not both"),
        (["-A", "file.json"], "not both"),
        (["--execution", "a:b"], "expected NAME or PROJECT:DOMAIN:NAME"),
        (["-A", "--now", "last"], "a live cluster is explained as of now"),
        (["-A", "--watch", "--html", "x"], "exclude each other"),
        (["--watch", "-"], "need -n, -A, -l or --execution"),
        (["-o", "wide", "-"], "need -n, -A, -l or --execution"),
        (["-o", "yaml", "--json", "-"], "exclude each other"),
        (["-o", "yaml", "--html", "x", "-"], "exclude each other"),
    ],
)
def test_what_does_not_go_together_is_one_line(run: Run, options: list[str], words: str) -> None:
    result = run(*options)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert words in result.stderr


def test_a_watch_shows_each_change_by_one_list_and_one_watch(
    run: Run, script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flytekitplugins_podtriage.cli.live_pods._MIN_INTERVAL", 0.0)
    shown: list[list[str]] = []

    def show(listed: PodList, _: object) -> None:
        shown.append([row.name for row in listed.rows])
        if len(shown) == 1:
            script.wait_for_watch("pods").write(line("ADDED", backing_off("f1-n0-0", 30, version=11)))
        elif shown[-1] == ["f1-n0-0"]:
            script.wait_for_watch("pods").write(line("MODIFIED", {**well("f1-n0-0"), "metadata": _newer("f1-n0-0")}))

    ranking = Ranking("flyte-1.16", {name: Policy.for_backend(name) for name in ("podtriage", "flyte-1.16", "flyte-2")})
    scope = PodsInScope(None, NS, all_namespaces=False, selector=None)
    watch(scope, ranking, show, redraw=None, stop=lambda: len(shown) > 1 and shown[-1] == [])
    assert [shown[0], ["f1-n0-0"] in shown, shown[-1]] == [[], True, []]
    requests = [request for request in script.requests if request.path == PODS]
    assert ["watch" in request.query for request in requests] == [False, True]


def _newer(name: str) -> dict[str, Any]:
    metadata: dict[str, Any] = a_pod(name, {}, version=12)["metadata"]
    return metadata


def test_rows_of_pods_that_do_not_change_are_kept_until_time_changes_them() -> None:
    from flytekitplugins_podtriage.core.decode import read_pod
    from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot

    ranking = Ranking("flyte-1.16", {name: Policy.for_backend(name) for name in ("podtriage", "flyte-1.16", "flyte-2")})
    snapshot = PodSnapshot(pod=read_pod(backing_off("f1-n0-0", 30)), version=1)
    now = datetime.now(timezone.utc)
    first = ranking.of([snapshot], now).rows[0]
    assert ranking.of([snapshot], now + timedelta(seconds=5)).rows[0] is first
    later = ranking.of([snapshot], now + timedelta(seconds=200)).rows[0]
    assert later is not first
    assert later.charge_text(now + timedelta(seconds=200)) == "now, user"
