"""The retries of a pod's task are read from its FlyteWorkflow, where that can be read and says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flytekitplugins_podtriage.cli.main import cli
from flytekitplugins_podtriage.flyte.admin import pod_retries
from flytekitplugins_podtriage.flyte.admin.pod_retries import FlytePod, TaskRetries
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.workflow_retries import retries_of_pod
from tests.kube.scripted import Scripted
from tests.kube.test_explain_pods import NS, PODS, backing_off

WORKFLOW = f"/apis/flyte.lyft.com/v1alpha1/namespaces/{NS}/flyteworkflows/f1"


def node(attempts: int | None) -> dict[str, Any]:
    return {} if attempts is None else {"retry": {"minAttempts": attempts}}


@pytest.mark.parametrize(
    ("body", "retries"),
    [
        ({"spec": {"nodes": {"n0": node(3), "n1": node(9)}}}, 2),
        ({"spec": {"nodes": {"n0": node(None)}}}, 0),
        ({"spec": {"nodes": {"n0": node(1)}}}, 0),
        ({"spec": {"nodes": {}}, "subWorkflows": {"w": {"nodes": {"n0": node(4)}}}}, 3),
        ({"spec": {"nodes": {"n0": {"array": {"SubNodeSpec": node(6)}}}}}, 5),
        ({"spec": {"nodes": {"n0": node(2)}}, "subWorkflows": {"w": {"nodes": {"n0": node(2)}}}}, 1),
        ({"spec": {"nodes": {"n0": node(2)}}, "subWorkflows": {"w": {"nodes": {"n0": node(3)}}}}, None),
        ({"spec": {"nodes": {"n1": node(3)}}}, None),
        ({}, None),
        ({"spec": {"nodes": {"n0": {"retry": "many"}}}}, None),
    ],
)
def test_the_retries_of_a_node(script: Scripted, scripted: Connection, body: object, retries: int | None) -> None:
    script.reply("GET", WORKFLOW, 200, body)
    assert retries_of_pod(scripted, NS, "f1", "n0", "f1-n0-0") == retries


@pytest.mark.parametrize(("name", "retries"), [("f1-n0-0", 1), ("f1-n1-0-n0-0", 2), ("f1-n2-0-n0-0", None)])
def test_the_name_of_the_pod_tells_nodes_of_the_same_id_apart(
    script: Scripted, scripted: Connection, name: str, retries: int | None
) -> None:
    nodes = {"n0": node(2), "n1": {"workflow": {"subWorkflowRef": "w"}}, "n2": {"kind": "task"}}
    inside = {"phase": 2, "subNodeStatus": {"n0": {"phase": 2}}}
    made = {"phase": 11, "dynamicNodeStatus": {"phase": 1}, "subNodeStatus": {"dynamic-node": inside}}
    body = {
        "metadata": {"name": "f1", "uid": "u"},
        "workflowMeta": {"eventVersion": 2},
        "spec": {"nodes": nodes},
        "subWorkflows": {"w": {"nodes": {"n0": node(3)}}},
        "status": {"phase": 1, "nodeStatus": {"n0": {"phase": 2}, "n1": inside, "n2": made}},
    }
    script.reply("GET", WORKFLOW, 200, body)
    assert retries_of_pod(scripted, NS, "f1", "n0", name) == retries


@pytest.mark.parametrize("code", [403, 404, 500])
def test_what_cannot_be_read_is_not_known(script: Scripted, scripted: Connection, code: int) -> None:
    script.reply("GET", WORKFLOW, code, {"kind": "Status", "code": code, "reason": "x", "message": "no"})
    assert retries_of_pod(scripted, NS, "f1", "n0", "f1-n0-0") is None


def test_a_name_that_no_execution_can_have_is_not_asked_for(script: Scripted, scripted: Connection) -> None:
    assert retries_of_pod(scripted, NS, "../x", "n0", "x-n0-0") is None
    assert script.requests == []


@pytest.fixture
def explain(
    script: Scripted, scripted: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "scripted"))
    monkeypatch.setattr(pod_retries, "retries_of_pod", lambda *_: None)
    pod = backing_off("f1-n0-0", 60)
    pod["metadata"]["labels"].update({"project": "flytesnacks", "domain": "development"})
    script.reply("GET", f"{PODS}/f1-n0-0", 200, pod)
    return lambda *options: CliRunner().invoke(cli, ["explain", "--pod", "f1-n0-0", "-n", NS, "--json", *options])


def test_explain_counts_with_them_and_says_where_they_are_from(
    script: Scripted, explain: Callable[..., Result]
) -> None:
    script.reply("GET", WORKFLOW, 200, {"spec": {"nodes": {"n0": node(3)}}})
    answer = json.loads(explain().stdout)
    assert answer["attempts"] == 3
    assert answer["who_pays"][0]["budget"] == "user retries, 2 left"
    assert any(note == "The FlyteWorkflow f1 gives the task 2 user retries." for note in answer["notes"])
    assert not any("--retries)" in note for note in answer["notes"])


def test_what_is_given_goes_before_it(script: Scripted, explain: Callable[..., Result]) -> None:
    script.reply("GET", WORKFLOW, 200, {"spec": {"nodes": {"n0": node(3)}}})
    answer = json.loads(explain("--retries", "5").stdout)
    assert answer["attempts"] == 6
    assert not any("FlyteWorkflow" in note for note in answer["notes"])


def test_without_it_the_default_is_said_to_be_assumed(script: Scripted, explain: Callable[..., Result]) -> None:
    script.reply("GET", WORKFLOW, 403, {"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no"})
    answer = json.loads(explain().stdout)
    assert answer["attempts"] == 1
    assert any("Assumed: 0 user retries" in note for note in answer["notes"])


def test_flyteadmin_is_asked_where_there_is_no_workflow(
    script: Scripted, explain: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def retries_of_pod(pod: FlytePod, config: str | None) -> TaskRetries:
        asked.append((pod, config))
        return TaskRetries(task="app.train", retries=4)

    monkeypatch.setattr(pod_retries, "retries_of_pod", retries_of_pod)
    script.reply("GET", WORKFLOW, 403, {"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no"})
    answer = json.loads(explain("--flyte-config", "c.yaml").stdout)
    assert answer["attempts"] == 5
    assert "flyteadmin's definition of app.train gives the task 4 user retries." in answer["notes"]
    assert asked == [(FlytePod("flytesnacks", "development", "f1", "n0", "f1-n0-0"), "c.yaml")]


def test_nobody_is_asked_for_what_is_given(script: Scripted, explain: Callable[..., Result]) -> None:
    explain("--retries", "5")
    assert not any("flyteworkflows" in request.path for request in script.requests)
