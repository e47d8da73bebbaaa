"""The contract of the command line: exit codes, one line for every refusal, lines in and lines out, no secrets."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from flytekitplugins_podtriage.cli.main import cli
from tests.paths import DATA, ROOT
from tests.recordings import rows

LIMITED = ROOT / "examples" / "01_rate_limited_pod.json"


def run(*arguments: str, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(cli, list(arguments), input=given, prog_name="podtriage")


@pytest.mark.parametrize("backend", ["flyte-1.16", "flyte-2"])
def test_every_vector_gets_the_answer_of_the_go_code_line_by_line(backend: str) -> None:
    data = gzip.decompress((DATA / "vectors.jsonl.gz").read_bytes())
    result = run("triage", "--jsonl", "--backend", backend, given=data)
    assert result.exit_code == 0
    answers = [json.loads(line) for line in result.stdout.split("\n") if line]
    wrong = [
        row["id"]
        for row, answer in zip(rows("vectors.jsonl.gz"), answers, strict=True)
        if any(answer[key] != value for key, value in row["expect"][backend].items())
    ]
    assert wrong == []


def test_a_bad_line_is_answered_in_its_place_and_the_rest_goes_on() -> None:
    lines = ['{"pod": {}}', "not json", '{"pod": []}', '{"x": 1}', "", '{"pod": {"status": {"phase": "Failed"}}}']
    result = run("triage", "--jsonl", given="\n".join(lines) + "\n")
    answers = [json.loads(line) for line in result.stdout.split("\n") if line]
    assert result.exit_code == 2
    assert [answer.get("line") for answer in answers] == [None, 2, 3, 4, 5, None]
    assert all("error" in answer for answer in answers[1:5])
    assert answers[5]["phase"] == "RetryableFailure"


def test_messages_are_answered_line_by_line() -> None:
    result = run("diagnose", "--jsonl", given='{"message": "toomanyrequests"}\n{"message": "", "reason": "OutOfcpu"}\n')
    assert result.exit_code == 0
    assert [json.loads(line)["category"] for line in result.stdout.splitlines()] == [
        "registry_rate_limited",
        "admission_rejected",
    ]


BAD = [
    ("not JSON and not YAML", b"{]"),
    ("truncated", LIMITED.read_bytes()[:3000]),
    ("another kind", b'{"kind": "Deployment", "apiVersion": "apps/v1"}'),
    ("binary", bytes(range(128, 256))),
    ("nothing", b""),
    ("blank", b"  \n"),
    ("nested too deeply", b'{"kind":"Pod","x":' + b"[" * 100_000),
    ("nested too deeply in YAML", b"[" * 5_000),
    ("a wrong type", b'{"kind":"Pod","status":{"phase":3}}'),
    ("a scalar", b"42"),
    (
        "aliases that explode",
        b"a: &a [x,x,x,x,x,x,x,x,x]\n"
        + b"".join(
            f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n".encode()
            for before, name in zip("abcdefgh", "bcdefghi", strict=True)
        ),
    ),
    ("a list without a pod", b'{"kind":"List","apiVersion":"v1","items":[]}'),
]


@pytest.mark.parametrize("command", ["explain", "triage"])
@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in BAD])
def test_bad_input_is_refused_in_one_line(command: str, data: bytes) -> None:
    result = run(command, "-", given=data)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert "Traceback" not in result.stderr
    assert "internal error" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "/nowhere/at/all.json"),
        ("explain", str(ROOT)),
        ("explain", str(LIMITED), "--now", "yesterday"),
        ("explain", str(LIMITED), "--json", "--html", "x"),
        ("explain", str(LIMITED), "--set", "colour=red"),
        ("explain", str(LIMITED), "--set", "image-pull-backoff-grace-period=soon"),
        ("explain", str(LIMITED), "--rules", "/nowhere.toml"),
        ("explain", str(LIMITED), "--html", "/nowhere/x.html"),
        ("explain", str(LIMITED), "--retries", "-1"),
        ("triage", str(LIMITED), "--backend", "flyte-3"),
        ("triage", str(LIMITED), "--frobnicate"),
        ("diagnose", ""),
        ("audit", "--project", "p"),
        ("frobnicate",),
    ],
)
def test_bad_usage_is_refused_in_one_line(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("podtriage")


def test_the_exit_code_says_whether_a_pod_is_failing() -> None:
    assert run("triage", str(LIMITED)).exit_code == 0
    assert run("triage", str(LIMITED), "--backend", "flyte-1.16", "--now", "2030-01-01T00:00:00Z").exit_code == 1


def test_yaml_lists_and_lines_of_timelines_are_read_too() -> None:
    record = json.loads(LIMITED.read_text())
    listed = {"apiVersion": "v1", "kind": "List", "items": [record["pod"], *record["events"]]}
    story = next(row for row in rows("timelines.jsonl.gz") if row["id"] == "pull-429-hub-manifest@1.34.4")
    import yaml

    forms = [
        json.dumps(listed),
        yaml.safe_dump(listed),
        yaml.safe_dump_all([record["pod"], *record["events"]]),
        json.dumps({"pod": record["pod"], "events": record["events"]}),
        json.dumps(story),
    ]
    for form in forms:
        result = run("explain", "-", "--json", "--now", record["now"], given=form)
        assert result.exit_code == 0, result.stderr
        assert json.loads(result.stdout)["verdict"]["rule"] == "pull-429"


SECRET = (
    'Get "https://bob:hunter2hunter2@r.example/v2/?X-Amz-Signature=hunter2hunter2&sig=hunter2hunter2": 429 Too Many Requests, '
    "Authorization: Bearer hunter2hunter2hunter2hunter2"
)


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "-"),
        ("explain", "-", "--json"),
        ("explain", "-", "--html", "-"),
        ("triage", "-"),
        ("triage", "-", "--backend", "flyte-1.16"),
        ("triage", "-", "--backend", "flyte-2", "--now", "2030-01-01T00:00:00Z"),
    ],
)
def test_no_secret_is_shown(arguments: tuple[str, ...]) -> None:
    state = {
        "waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "a": ErrImagePull: {SECRET}'}
    }
    ready = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    pod = {
        "kind": "Pod",
        "metadata": {"name": "p"},
        "status": {"phase": "Pending", "conditions": [ready], "containerStatuses": [{"name": "m", "state": state}]},
    }
    result = run(*arguments, given=json.dumps(pod))
    assert result.exit_code in (0, 1), result.stderr
    assert "429" in result.stdout
    assert "hunter2" not in result.output


@pytest.mark.parametrize(
    "arguments", [("diagnose", SECRET), ("audit", "-"), ("audit", "-", "--json"), ("audit", "-", "--html", "-")]
)
def test_no_secret_of_a_message_is_shown(arguments: tuple[str, ...]) -> None:
    result = run(*arguments, given=json.dumps({"kind": "USER", "message": SECRET}))
    assert result.exit_code == 0, result.stderr
    assert "hunter2" not in result.output


def test_a_page_is_whole_and_harmless() -> None:
    record = json.loads(LIMITED.read_text())
    record["pod"]["metadata"]["name"] = "<script>alert(1)</script>"
    page = run("explain", "-", "--html", "-", given=json.dumps(record)).stdout
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert "<svg" in page
    assert "<script>alert" not in page
    assert "src=" not in page
    assert "@import" not in page


def test_help_is_quick_since_it_imports_little() -> None:
    code = (
        "import sys\nsys.argv=['podtriage','--help']\nfrom flytekitplugins_podtriage.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([name for name in ('flytekit','kubernetes','grpc','rich','yaml','msgspec') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"
    assert done.stderr == ""


def test_what_goes_into_a_pipe_has_no_colours() -> None:
    program = [sys.executable, "-m", "flytekitplugins_podtriage", "explain", str(LIMITED)]
    done = subprocess.run(program, capture_output=True, check=True, cwd=ROOT)
    assert b"\x1b" not in done.stdout
    assert b"registry_rate_limited" in done.stdout
