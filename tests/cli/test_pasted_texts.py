"""``explain``, ``triage`` and ``audit`` take what kubectl prints for people, and say what it does not tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flytekitplugins_podtriage.cli.errors import InputError
from flytekitplugins_podtriage.cli.pod_texts import PastedMessage, read_pods_or_text
from tests.core.pasted.test_reading import POD, PULL, UNSCHEDULABLE

LIMITED = POD.replace(": 503", ": 429 Too Many Requests")
WITHOUT_EVENTS = LIMITED.partition("Events:")[0]
NEITHER = (
    "podtriage: stdin: is neither a pod nor a text of kubectl; "
    "give the output of `kubectl get pod NAME -o yaml` or `kubectl describe pod NAME`"
)


def test_a_description_is_explained_like_the_pod(run: Callable[..., Result]) -> None:
    answer = json.loads(run("explain", "-", "--json", input=LIMITED).stdout)
    assert (answer["pod"], answer["namespace"], answer["state"]) == ("app-0", "ns", "ImagePullBackOff")
    assert answer["verdict"]["category"] == "registry_rate_limited"
    assert answer["now"] == "2024-01-01T00:02:05Z"
    assert [charge["backend"] for charge in answer["who_pays"]] == ["flyte-1.16", "flyte-2", "podtriage", "guard"]


def test_events_alone_are_explained_like_a_pod(run: Callable[..., Result]) -> None:
    table = f"LAST SEEN   TYPE      REASON             OBJECT   MESSAGE\n5m   Warning   FailedScheduling   pod/a   {UNSCHEDULABLE}"
    answer = json.loads(run("explain", "-", "--json", input=table).stdout)
    assert (answer["pod"], answer["state"]) == ("a", "Unschedulable")
    assert "does not show the pod's status" in answer["notes"][0]


@pytest.mark.parametrize(
    ("text", "category"),
    [
        (
            "Name: pi\nPods Statuses: 0 Active / 1 Failed\nEvents:\n  Warning  BackoffLimitExceeded  2m  job-controller  x",
            "app_error",
        ),
        ('5m  Warning  Failed  pod/a  Error: configmap "x" not found', "config_missing"),
        ("5m  Warning  Unhealthy  pod/a  Liveness probe failed: HTTP probe failed with statuscode: 404", "app_error"),
    ],
    ids=["a job", "events that do not show what the pod waits for", "an event of a pod that ran"],
)
def test_where_the_pod_is_not_known_well_enough_the_message_is_diagnosed(
    run: Callable[..., Result], text: str, category: str
) -> None:
    answer = json.loads(run("explain", "-", "--json", input=text).stdout)
    assert (answer["category"], "who_pays" in answer) == (category, False)


def test_events_tell_which_containers_run(run: Callable[..., Result]) -> None:
    rows = "9s  Normal  Created  pod/a  Created container app\n8s  Normal  Started  pod/a  Started container app"
    answer = json.loads(run("explain", "-", "--json", input=rows).stdout)
    assert (answer["state"], answer["cause"]) == ("Running", "the task's container is running")
    created = json.loads(run("explain", "-", "--json", input=rows.partition("\n")[0]).stdout)
    assert created["state"] == "ContainerCreating"


def test_a_description_is_judged_for_programs_too(run: Callable[..., Result]) -> None:
    answer = json.loads(run("triage", "--json", input=LIMITED).stdout)
    assert (answer["category"], answer["container"]) == ("registry_rate_limited", "app")
    assert answer["notes"] == []


def test_a_backend_judges_a_description_as_it_would_the_pod(run: Callable[..., Result]) -> None:
    arguments = ("--json", "--backend", "flyte-1.16", "--now", "2024-01-01T01:00:00Z")
    result = run("triage", *arguments, input=LIMITED)
    assert (result.exit_code, json.loads(result.stdout)["code"]) == (1, "ContainersNotReady|ImagePullBackOff")


@pytest.mark.parametrize("command", ["explain", "triage"])
def test_a_message_that_tells_of_no_pod_is_diagnosed(run: Callable[..., Result], command: str) -> None:
    result = run(command, "-", "--json", input=PULL)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["category"] == "registry_rate_limited"


def test_a_message_is_diagnosed_for_people(run: Callable[..., Result], tmp_path: Path) -> None:
    shown = run("explain", "-", input=PULL).stdout
    assert "SYSTEM  registry_rate_limited  (the platform's fault)" in shown
    page = run("explain", "-", "--html", "-", input=PULL).stdout
    assert page.startswith("<!DOCTYPE html>")
    assert "registry_rate_limited" in page


@pytest.mark.parametrize("form", [[], ["--json"], ["--html", "-"]])
def test_what_could_not_be_known_is_in_every_form(run: Callable[..., Result], form: list[str]) -> None:
    shown = " ".join(run("explain", "-", *form, input=WITHOUT_EVENTS).stdout.split())
    assert "The text holds no events" in shown
    if form == ["--json"]:
        assert len(json.loads(shown)["notes"]) >= 2


def test_notes_are_a_key_of_a_verdict_and_of_a_diagnosis(run: Callable[..., Result]) -> None:
    assert "holds no events" in json.loads(run("triage", "--json", input=WITHOUT_EVENTS).stdout)["notes"][0]
    table = "NAME   READY   STATUS      RESTARTS   AGE\na-0    0/1     OOMKilled   3          4m"
    answer = json.loads(run("triage", "--json", input=table).stdout)
    assert (answer["category"], len(answer["notes"])) == ("oom", 1)


def test_each_described_pod_is_explained(run: Callable[..., Result]) -> None:
    text = f"{LIMITED}\n\n{LIMITED.replace('app-0', 'app-1')}"
    lines = run("explain", "-", "--json", input=text).stdout.splitlines()
    assert [json.loads(line)["pod"] for line in lines] == ["app-0", "app-1"]


def test_described_pods_are_counted_by_an_audit(run: Callable[..., Result]) -> None:
    answer = json.loads(
        run("audit", "-", "--json", input=LIMITED.replace("Scheduled         2m", "Scheduled         9m")).stdout
    )
    assert answer["total"]["user_wronged"] == 1


def test_an_audit_of_a_message_is_refused(refused: Callable[..., str]) -> None:
    assert refused("audit", "-", input=PULL) == NEITHER


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("command", ["explain", "triage"])
def test_a_text_is_read_in_whichever_encoding_it_is(run: Callable[..., Result], command: str, encoding: str) -> None:
    text = LIMITED.replace("node-1/", "n\u00f6de/")
    result = run(command, "-", "--json", input=text.encode(encoding))
    assert "registry_rate_limited" in result.stdout


def test_a_message_is_diagnosed_in_whichever_encoding_it_is(run: Callable[..., Result]) -> None:
    for data in (PULL.encode("utf-16"), f"{PULL} \u00e9".encode("cp1252")):
        assert json.loads(run("diagnose", "-", "--json", input=data).stdout)["category"] == "registry_rate_limited"


@pytest.mark.parametrize("command", ["explain", "triage", "audit"])
@pytest.mark.parametrize("text", ["hello", "a: b: c", "State: of the art", "*a", "\t- x: [", "Name: x\nAge: 5"])
def test_what_tells_of_nothing_is_refused_with_the_command_that_helps(
    refused: Callable[..., str], command: str, text: str
) -> None:
    assert refused(command, "-", input=text) == NEITHER


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: Pod\nstatus: [", "invalid YAML"),
        ('{"kind": "Pod", "status": {', "invalid JSON"),
        ('{"kind": "Job"}', "got an object of kind 'Job'"),
        ('{"errors": []}', "got an object without a kind"),
    ],
)
def test_what_begins_as_an_object_is_refused_as_one(refused: Callable[..., str], text: str, words: str) -> None:
    assert words in refused("explain", "-", input=text)


def test_a_timeline_s_second_needs_a_timeline(refused: Callable[..., str]) -> None:
    assert "--at needs a recorded timeline" in refused("explain", "-", "--at", "5", input=PULL)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "text"
    path.write_bytes(data)
    try:
        given_text: Any = read_pods_or_text(str(path))
    except InputError as error:
        assert str(path) in error.message
    else:
        assert isinstance(given_text, (list, PastedMessage))
