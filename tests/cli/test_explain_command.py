"""``podtriage explain`` of pods: every form of input, every form of answer."""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from click.testing import Result

from flytekitplugins_podtriage.core import wire

Run = Callable[..., Result]


def words(result: Result) -> str:
    """The text without its line breaks."""
    return " ".join(result.stdout.split())


def answer_of(result: Result) -> dict[str, Any]:
    assert result.exit_code in {0, 1}, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def listed(case: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": [*case["events"], case["pod"]]}


def test_a_person_reads_what_happened_who_pays_and_what_helps(run: Run, limited: dict[str, Any]) -> None:
    result = run("explain", "-", input=json.dumps(limited))
    assert result.exit_code == 0, result.stderr
    text = words(result)
    for part in (
        "attempt 1 of 1",
        "ImagePullBackOff for 2m 30s",
        "127.0.0.1:39360 limits how often this node may pull (HTTP 429)",
        "SYSTEM registry_rate_limited",
        '429 Too Many Requests" event, 15:25:44',
        "15:24:19 scheduled",
        "next try in 15s",
        "Flyte 1.16 in 30s user retries, 0 left the task fails: no retries left",
        "Flyte 2 in 30s system retries retried without limit",
        "with podtriage in 27m 30s system retries, 1 of 3",
        "Fix: Add an image pull secret",
    ):
        assert part in text


FORMS: dict[str, Callable[[dict[str, Any]], str]] = {
    "a case": json.dumps,
    "a case in YAML": yaml.safe_dump,
    "a list": lambda case: json.dumps(listed(case)),
    "a list in YAML": lambda case: yaml.safe_dump(listed(case)),
    "several documents": lambda case: yaml.safe_dump_all([case["pod"], *case["events"]]),
    "a list of pods and one of events": lambda case: yaml.safe_dump_all(
        [
            {"kind": "PodList", "items": [_bare(case["pod"])]},
            {"kind": "EventList", "items": [_bare(e) for e in case["events"]]},
        ]
    ),
    "lines": lambda case: "\n".join(json.dumps(item) for item in (case["pod"], *case["events"])),
    "a case whose events are a list of kubectl's": lambda case: json.dumps(
        {**case, "events": {"kind": "List", "items": case["events"]}}
    ),
}


def _bare(item: dict[str, Any]) -> dict[str, Any]:
    """An item of a typed list, which has no kind of its own."""
    return {key: value for key, value in item.items() if key not in {"kind", "apiVersion"}}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_pod_with_its_events_has_the_same_answer(run: Run, limited: dict[str, Any], form: str) -> None:
    expected = answer_of(run("explain", "-", "--json", input=json.dumps(limited)))
    answer = answer_of(run("explain", "-", "--json", "--now", limited["now"], input=FORMS[form](limited)))
    assert answer == expected


def test_a_file_is_read(run: Run, limited: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "pod"
    path.write_text(json.dumps(limited["pod"]))
    assert "No events were given" in words(run("explain", path, "--now", limited["now"]))


def test_a_story_is_followed_to_its_end_or_to_a_second_of_it(run: Run, stories: dict[str, Any]) -> None:
    story = json.dumps(stories["pull-429-recovers-early@1.34.4"])
    early = answer_of(run("explain", "-", "--json", "--at", "8", input=story))
    late = answer_of(run("explain", "-", "--json", input=story))
    assert early["verdict"]["category"] == "registry_rate_limited"
    assert late["verdict"]["phase"] == "Success"
    assert late["who_pays"] == []
    assert early["now"] < late["now"]


def test_a_story_has_no_pod_before_there_is_one(refused: Callable[..., str], stories: dict[str, Any]) -> None:
    error = refused("explain", "-", "--at", "-1", input=json.dumps(stories["oom-main@1.34.4"]))
    assert "contains no pod in its steps up to second -1" in error


def test_a_story_remembers_what_an_old_kubelet_forgets(run: Run, stories: dict[str, Any]) -> None:
    """The back-off of kubelet 1.31 is bare; the event before it says why."""
    answer = answer_of(
        run("explain", "-", "--json", "--at", "100", input=json.dumps(stories["pull-429-hub-manifest@1.31.0"]))
    )
    assert answer["verdict"]["category"] == "registry_rate_limited"


def test_the_exit_code_says_that_the_pod_is_failing(run: Run, stories: dict[str, Any]) -> None:
    result = run("explain", "-", input=json.dumps(stories["oom-main@1.34.4"]))
    assert result.exit_code == 1
    assert "at once" in words(result)


def test_an_old_record_is_pointed_out_and_can_be_looked_at_as_it_was(run: Run, limited: dict[str, Any]) -> None:
    text = json.dumps(listed(limited)).replace("2026-11-23", "2020-11-23")
    result = run("explain", "-", input=text)
    assert result.exit_code == 1
    assert "--now last explains the pod as of then" in words(result)
    assert run("explain", "-", "--now", "last", input=text).exit_code == 0


def test_the_budgets_count(run: Run, limited: dict[str, Any]) -> None:
    def budgets(*arguments: object) -> list[str]:
        answer = answer_of(run("explain", "-", "--json", *arguments, input=json.dumps(limited)))
        return [charge["budget"] for charge in answer["who_pays"]]

    first = "system retries, 1 of 3"
    assert budgets() == ["user retries, 0 left", "system retries", first, first]
    assert budgets("--retries", 3) == ["user retries, 3 left", "system retries", first, first]
    assert budgets("--retries", 3, "--system-retries", 1) == [
        "user retries, 3 left",
        "system retries",
        "user retries, 3 left",
    ]
    # Flyte 2 takes 0 for its default of 3 (taskaction_controller.go, maxSystemFailures).
    assert budgets("--system-retries", 0) == ["user retries, 0 left", "system retries", "system retries, 0 left"]


def test_the_attempt_is_read_from_the_pod_and_what_is_assumed_is_said(run: Run, limited: dict[str, Any]) -> None:
    case = json.loads(json.dumps(limited).replace('"value": "0"', '"value": "2"'))
    result = run("explain", "-", "--retries", 2, input=json.dumps(case))
    assert "attempt 3 of 3" in words(result)
    assert "Flyte 1.16 in 30s user retries, 0 left" in words(result)
    assert "assume that the 2 earlier attempts failed for the same reason" in words(result)


@pytest.mark.parametrize("form", [[], ["--json"], ["--html", "-"], ["-o", "yaml"]])
@pytest.mark.parametrize(
    ("options", "assumed"),
    [
        (
            [],
            "Assumed: 0 user retries (--retries), since a pod does not record them; 3 system retries (--system-retries); "
            "Flyte's default grace periods (--set).",
        ),
        (["--retries", "2", "--system-retries", "3"], "Assumed: Flyte's default grace periods (--set)."),
        (["--retries", "0", "--system-retries", "3", "--set", "user-patience=3m"], None),
    ],
)
def test_what_was_not_given_is_said_to_be_assumed_in_every_form(
    run: Run, limited: dict[str, Any], form: list[str], options: list[str], assumed: str | None
) -> None:
    text = html.unescape(words(run("explain", "-", *options, *form, input=json.dumps(limited)))).replace(
        "''", "'"
    )  # YAML's quotes
    assert (assumed in text) if assumed is not None else ("Assumed:" not in text)


def test_nothing_is_assumed_where_nobody_is_charged(run: Run, stories: dict[str, Any]) -> None:
    assert "Assumed:" not in run("explain", "-", input=json.dumps(stories["exit-0@1.34.4"])).stdout


def test_a_task_that_has_done_its_work_is_not_called_well_while_a_backend_will_charge(
    run: Run, stories: dict[str, Any]
) -> None:
    result = run("explain", "-", "--at", "60", input=json.dumps(stories["multi-primary-ok-sidecar-429@1.34.4"]))
    assert result.exit_code == 0
    assert "The task has succeeded" in words(result)
    assert "Flyte 1.16" in words(result)


def test_pods_that_are_well_are_a_line_beside_those_that_are_not(run: Run, limited: dict[str, Any]) -> None:
    running = {
        "kind": "Pod",
        "metadata": {"name": "r"},
        "status": {"phase": "Running", "containerStatuses": [{"name": "a", "state": {"running": {}}}]},
    }
    items = [running, limited["pod"], running, *limited["events"]]
    result = run("explain", "-", "--now", limited["now"], input=json.dumps({"kind": "List", "items": items}))
    assert "2 other pods are healthy" in words(result)
    assert "429" in words(result)
    alone = run("explain", "-", input=json.dumps(running))
    assert alone.exit_code == 0
    assert "The task's container is running" in words(alone)


def test_a_bad_pod_among_others_is_named(refused: Callable[..., str], limited: dict[str, Any]) -> None:
    items = [limited["pod"], {"kind": "Pod", "status": 5}]
    error = refused("explain", "-", input=json.dumps({"kind": "List", "items": items}))
    assert "stdin, item 1: not a Pod" in error


def test_json_has_all_of_it(run: Run, limited: dict[str, Any]) -> None:
    answer = answer_of(run("explain", "-", "--json", input=json.dumps(limited)))
    assert answer["schema"] == 1
    assert [charge["backend"] for charge in answer["who_pays"]] == ["flyte-1.16", "flyte-2", "podtriage", "guard"]
    assert [charge["wrong"] for charge in answer["who_pays"]] == [True, False, False, False]
    assert [mark["label"] for mark in answer["story"]] == ["scheduled", "pulling", "429", "429"]
    assert answer["story"][-1]["count"] == 4
    assert (answer["execution"], answer["node"], answer["attempt"]) == ("fmcl2p6nmgc5scvfzvrg", "n0", 1)


class Page(HTMLParser):
    """What an HTML page holds: its text, and every address in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href", "data"}]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_is_one_file_with_a_picture(run: Run, limited: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    result = run("explain", "-", "--html", path, input=json.dumps(limited))
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == f"written: {path}\n"
    text = path.read_text()
    page = Page(text)
    assert page.addresses == []
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert page.tags.count("svg") == 2, "one for wide pages, and one for narrow ones"
    assert "url(" not in text
    assert "@import" not in text
    assert "prefers-color-scheme: dark" in text
    words_shown = " ".join(page.words)
    for part in ("limits how often this node may pull", "user retries, 0 left", "Fix:", "user pays in 30s"):
        assert part in words_shown


def test_whatever_a_page_quotes_is_escaped_and_masked(run: Run, limited: dict[str, Any]) -> None:
    nasty = "<script>alert(1)</script> <img src=x onerror=y> https://bob:hunter2@r.example/ &amp; \x1b[31mred\x07"
    text = json.dumps(limited).replace("pulling from host", json.dumps(nasty)[1:-1])
    text = text.replace("fmcl2p6nmgc5scvfzvrg-n0-0", "<b>name</b>")
    for arguments in (["--html", "-"], []):
        result = run("explain", "-", *arguments, input=text)
        assert result.exit_code == 0, result.stderr
        assert "hunter2" not in result.stdout
        assert "\x1b" not in result.stdout
        assert "\x07" not in result.stdout
    page = Page(run("explain", "-", "--html", "-", input=text).stdout)
    assert not {"script", "img", "b"} & set(page.tags)
    assert "<b>name</b>" in page.words


def test_several_pods_are_one_page(run: Run, limited: dict[str, Any], stories: dict[str, Any]) -> None:
    text = json.dumps(limited) + "\n" + json.dumps(stories["oom-main@1.34.4"])
    page = Page(run("explain", "-", "--html", "-", input=text).stdout)
    assert page.tags.count("article") == 2


def test_a_page_that_cannot_be_written_is_one_line(refused: Callable[..., str], limited: dict[str, Any]) -> None:
    error = refused("explain", "-", "--html", "/nowhere/at/all.html", input=json.dumps(limited))
    assert (
        error
        == "podtriage: --html /nowhere/at/all.html: no such file or directory; expected a writable file or - for stdout"
    )


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(
    run: Run, limited: dict[str, Any], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    result = run("explain", "-", input=json.dumps(limited))
    assert max(len(line) for line in result.stdout.splitlines()) <= max(width, 61)


@pytest.mark.parametrize("form", [[], ["--json"], ["--html", "-"]])
def test_every_recorded_story_can_be_told_at_any_second(run: Run, stories: dict[str, Any], form: list[str]) -> None:
    for number, story in enumerate(stories.values()):
        at = [] if number % 3 == 0 else ["--at", str(1 + story["duration"] * (number % 7) / 7)]
        result = run("explain", "-", *at, *form, input=json.dumps(story))
        assert result.exit_code in {0, 1}, (story["id"], at, result.stderr)
        assert result.stderr == ""


def test_a_pull_that_is_limited_anew_starts_anew(run: Run, stories: dict[str, Any]) -> None:
    """The next try is announced only where a back-off is under way."""
    text = words(run("explain", "-", "--at", "8", input=json.dumps(stories["pull-hang-manifest@1.34.4"])))
    assert "next try" not in text


def test_no_secret_of_a_pod_comes_through_in_any_form(run: Run, limited: dict[str, Any]) -> None:
    case = json.loads(json.dumps(limited))
    secret = "Bearer abcdefghijklmnop.qrstuvwxyz0123456789 X-Amz-Signature=feedfacefeedface sig=cafecafecafe"
    for event in case["events"]:
        event["message"] += f" {secret}"
    case["pod"]["status"]["containerStatuses"][0]["state"]["waiting"]["message"] += f" {secret}"
    for form in ([], ["--json"], ["--html", "-"]):
        shown = run("explain", "-", *form, "--now", "2026-11-23T15:30:00Z", input=json.dumps(case)).stdout
        assert not re.search("abcdefghijklmnop|feedface|cafecafe", shown)


def test_the_pod_and_each_event_are_decoded_once(
    run: Run, limited: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    convert, decoded = msgspec.convert, Counter[object]()

    def counting_convert(obj: object, kind: Any, **options: Any) -> Any:
        decoded[kind] += 1
        return convert(obj, kind, **options)

    monkeypatch.setattr(msgspec, "convert", counting_convert)
    assert run("explain", "-", input=json.dumps(limited)).exit_code == 0
    assert decoded[wire.Pod] == 1
    assert decoded[wire.Event] == len(limited["events"]) > 1
