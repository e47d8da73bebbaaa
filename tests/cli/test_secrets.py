"""No secret comes through, wherever in a record it stands and whatever form the answer has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
Path = tuple["str | int", ...]

WORD = "hunter2hunter2"
SECRETS = {
    "credentials in a URL": f"https://bob:{WORD}@r.example/v2/",
    "a signed query": f"https://r.example/v2/?X-Amz-Signature={WORD}&sig={WORD}",
    "a bearer token": f"Authorization: Bearer {WORD}{WORD}",
}
FORMS = {
    "explain": ["explain", "-"],
    "explain as JSON": ["explain", "-", "--json"],
    "explain as a page": ["explain", "-", "--html", "-"],
    "triage": ["triage", "-"],
    "triage as Flyte 1.16": ["triage", "-", "--backend", "flyte-1.16"],
    "triage of lines": ["triage", "--jsonl", "--backend", "flyte-2"],
    "audit": ["audit", "-"],
    "audit as JSON": ["audit", "-", "--json"],
    "audit as a page": ["audit", "-", "--html", "-"],
}
STORIES = {
    "pull-429-hub-manifest": 151,
    "image-invalid-upper": 30,
    "exit-3-with-log": 1e9,
    "preempted-by-scheduler": 1e9,
}


def texts(value: object, path: Path = ()) -> Iterator[Path]:
    """The place of every text in a record that says something of the pod's story."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in {"uid", "resourceVersion", "apiVersion", "kind", "ownerReferences"}:
                yield from texts(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from texts(inner, (*path, number))


def with_text(record: dict[str, Any], path: Path, text: str) -> dict[str, Any]:
    """The record with something added to one of its texts."""
    copy: dict[str, Any] = json.loads(json.dumps(record))
    parent: Any = copy
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] += f" {text} "
    return copy


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("story", STORIES)
def test_no_place_of_a_record_leaks(run: Run, stories: dict[str, Any], story: str, form: str) -> None:
    steps = [step for step in stories[f"{story}@1.34.4"]["steps"] if step["t"] <= STORIES[story]]
    events = {step["event"]["metadata"]["name"]: step["event"] for step in steps if "event" in step}
    pod = [step["pod"] for step in steps if "pod" in step][-1]
    record = {"pod": {**pod, "spec": {}}, "events": list(events.values())[-3:]}
    every = " ".join(SECRETS.values())
    leaks = []
    for path in texts(record):
        given = {**with_text(record, path, every), "now": "2026-11-23T15:29:30Z"}
        if WORD in run(*FORMS[form], input=json.dumps(given) + "\n").output:
            leaks.append(path)
    assert leaks == []


@pytest.mark.parametrize("form", ["audit", "audit as JSON", "audit as a page"])
@pytest.mark.parametrize("key", ["message", "code", "execution", "task", "node"])
@pytest.mark.parametrize("secret", SECRETS)
def test_no_field_of_an_attempt_leaks(run: Run, form: str, key: str, secret: str) -> None:
    row = {"kind": "USER", "message": "429 Too Many Requests", "task": "t", "code": "c", "execution": "e", "node": "n"}
    row[key] += f" {SECRETS[secret]} "
    result = run(*FORMS[form], input=json.dumps(row) + "\n")
    assert result.exit_code == 0, result.stderr
    assert WORD not in result.output


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "message",
    [
        "429 Too Many Requests {}",
        "{}",
        'Failed to pull image "{}": not found',
        'Failed to apply default image "{}": couldn\'t parse image name "{}": invalid reference format',
    ],
)
def test_no_message_leaks(run: Run, message: str, secret: str) -> None:
    text = message.replace("{}", SECRETS[secret])
    for arguments, given in ((["diagnose", text], None), (["diagnose", "--jsonl"], json.dumps({"message": text}))):
        result = run(*arguments, input=given)
        assert result.exit_code == 0, result.stderr
        assert WORD not in result.output


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["explain", "-"], '{"kind": "https://bob:hunter2hunter2@r.example/"}'),
        (["explain", "https://bob:hunter2hunter2@r.example/nowhere.json/"], ""),
        (["triage", "-", "--now", "https://bob:hunter2hunter2@r.example/"], "{}"),
        (["triage", "-", "--set", "https://bob:hunter2hunter2@r.example/=1"], "{}"),
        (["triage", "--jsonl"], '{"pod": {"kind": "https://bob:hunter2hunter2@r.example/"}}'),
        (["audit", "-"], '{"kind": "https://bob:hunter2hunter2@r.example/", "message": "x"}'),
        (["audit", "--since", "https://bob:hunter2hunter2@r.example/", "-p", "p", "-d", "d"], ""),
    ],
)
def test_no_refusal_repeats_a_secret(run: Run, arguments: list[str], given: str) -> None:
    result = run(*arguments, input=given)
    assert result.exit_code == 2
    assert result.output
    assert WORD not in result.output
