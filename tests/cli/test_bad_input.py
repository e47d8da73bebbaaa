"""Whatever is not a pod is refused in one line that says what, where and what is allowed."""

from __future__ import annotations

import errno
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flytekitplugins_podtriage.cli.errors import InputError
from flytekitplugins_podtriage.cli.input import MAX_DOCUMENT
from flytekitplugins_podtriage.cli.json_or_yaml import parse_documents

NEITHER = (
    "is neither a pod nor a text of kubectl; "
    "give the output of `kubectl get pod NAME -o yaml` or `kubectl describe pod NAME`"
)


def laughs(levels: int) -> str:
    """A YAML document of a few hundred bytes that stands for ten to the power of its levels."""
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(rows)


BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "is empty"),
    "blanks": (b" \n\t\n", "is empty"),
    "a word": (b"hello", NEITHER),
    "a number": (b"42", NEITHER),
    "null": (b"null", "contains no document"),
    "a list of numbers": (b"[1, 2]", "item 0: got a number"),
    "truncated JSON": (b'{"kind": "Pod", "status": {', "invalid JSON"),
    "JSON with a comma too many": (b'{"kind": "Pod",}', "invalid JSON"),
    "bad YAML": (b"a: b: c\n", NEITHER),
    "a tag of Python's": (b"!!python/object/apply:os.system [true]", NEITHER),
    "binary": (bytes(range(256)), "is binary"),
    "compressed": (gzip.compress(b"{}"), "is compressed"),
    "an object in UTF-16": ("{}".encode("utf-16"), "got an object without a kind"),
    "bad YAML of a pod": (
        b"kind: Pod\na: b: c\n",
        "invalid YAML: mapping values are not allowed in this context (line 2)",
    ),
    "Latin 1 that tells of nothing": (b"caf\xe9", NEITHER),
    "Latin 1 in JSON": (b'{"kind": "Pod", "x": "\xe9"}', "is not UTF-8"),
    "Latin 1 in YAML": (b"kind: \xe9", "byte 6 is not UTF-8"),
    "deep JSON": (b"[" * 100_000, "is nested too deeply"),
    "deep YAML": (b"- " * 100_000, "is nested too deeply; expected at most 100 levels"),
    "deep YAML that is wide": ("\n".join(f"{' ' * n}a:" for n in range(3000)).encode(), "is nested too deeply"),
    "a billion laughs": (laughs(10).encode(), "its aliases expand"),
    "a quadratic blow-up": (
        ("a: &a [" + "x, " * 20_000 + "x]\nb: [" + "*a, " * 2_000 + "*a]").encode(),
        "its aliases expand",
    ),
    "an alias that holds itself": (b"a: &a [*a]", "the alias *a contains itself"),
    "another kind": (b'{"kind": "Deployment"}', "got an object of kind 'Deployment'"),
    "an object without a kind": (b"{}", "got an object without a kind"),
    "a list of nothing": (b'{"kind": "List", "items": []}', "contains no Pod"),
    "a list whose items are none": (b'{"kind": "List", "items": 5}', "items: got a number"),
    "events alone": (b'{"kind": "List", "items": [{"kind": "Event"}]}', "contains no Pod"),
    "a pod that is a list": (b'{"pod": []}', "pod: got a list"),
    "events that are text": (b'{"pod": {}, "events": "none"}', "events: got text"),
    "an event that is a number": (b'{"pod": {}, "events": [1]}', "events: one of them is not an object"),
    "a now without a zone": (b'{"pod": {}, "now": "2026-01-01T00:00:00"}', "RFC 3339 with a time zone"),
    "a story without a beginning": (b'{"steps": []}', "t0"),
    "a story without a pod": (b'{"t0": "2026-01-01T00:00:00Z", "steps": []}', "contains no pod in its steps"),
    "a story without times": (b'{"t0": "2026-01-01T00:00:00Z", "steps": [{"pod": {}}]}', "step 0, t: got nothing"),
    "a phase that is a number": (b'{"kind": "Pod", "status": {"phase": 5}}', "$.status.phase"),
    "a time that is none": (
        b'{"kind": "Pod", "metadata": {"creationTimestamp": "yesterday"}}',
        "$.metadata.creationTimestamp",
    ),
    "a time without a zone": (
        b'{"kind": "Pod", "metadata": {"creationTimestamp": "2026-01-01T00:00:00"}}',
        "$.metadata.creationTimestamp",
    ),
}


@pytest.mark.parametrize("command", ["explain", "triage"])
@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(refused: Callable[..., str], command: str, name: str) -> None:
    data, words = BAD[name]
    error = refused(command, "-", input=data)
    assert error.startswith("podtriage: stdin")
    assert words in error


@pytest.mark.parametrize("name", BAD)
def test_bad_input_to_an_audit_is_one_line_too(refused: Callable[..., str], name: str) -> None:
    assert refused("audit", "-", input=BAD[name][0]).startswith("podtriage: stdin")


@pytest.mark.parametrize("command", ["explain", "triage", "audit"])
def test_a_file_that_is_none_is_named(refused: Callable[..., str], command: str, tmp_path: Path) -> None:
    assert f"{tmp_path}: is a directory; expected a file" in refused(command, tmp_path)
    assert "no such file or directory; expected a readable file" in refused(command, tmp_path / "none.json")


class _BrokenDisk(io.BytesIO):
    """A file whose second read fails."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise OSError(errno.EIO, "Input/output error")
        return super().read(size)

    def readline(self, size: int | None = -1, /) -> bytes:
        return super().readline(size) if not self.tell() else self.read(size)


@pytest.mark.parametrize("start", [b"kind: Pod\n", b" \n", b'{"message": "x"}\n'])
def test_a_disk_that_fails_halfway_is_not_reported_as_that_of_stdout(refused: Callable[..., str], start: bytes) -> None:
    expected = "podtriage: stdin: input/output error; expected a readable file or - for stdin"
    assert refused("audit", "-", input=_BrokenDisk(start + b"more")) == expected


@pytest.mark.parametrize("command", ["explain", "triage", "audit"])
def test_a_gigantic_file_is_not_read_to_its_end(refused: Callable[..., str], command: str, tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with open(path, "wb") as file:
        file.write(b'{"kind": "Pod", "x": "' + b"a" * MAX_DOCUMENT)
        file.truncate(200 * 1024 * 1024)
    assert "64 MB" in refused(command, path)


def test_input_that_stands_for_itself_is_read(run: Callable[..., Any]) -> None:
    text = "kind: List\nitems:\n- &pod\n  kind: Pod\n  metadata: {name: a}\n- *pod\n"
    result = run("triage", "-", "--json", input=text)
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.splitlines()) == 2


def test_times_of_yaml_stay_text_whether_quoted_or_not() -> None:
    (document,) = parse_documents(
        b"plain: 2026-01-01T00:00:00Z\nquoted: '2026-01-01T00:00:00Z'\nday: 2026-01-01\n", "x"
    )
    assert document == {"plain": "2026-01-01T00:00:00Z", "quoted": "2026-01-01T00:00:00Z", "day": "2026-01-01"}


def test_a_byte_order_mark_is_no_part_of_the_text(run: Callable[..., Any]) -> None:
    assert run("triage", "-", input=b'\xef\xbb\xbf{"kind": "Pod"}').exit_code == 0


def test_the_line_of_a_bad_line_among_others_is_told(refused: Callable[..., str]) -> None:
    text = '{"kind": "Pod"}\n{"kind": "Pod"}\n{"kind": "Po'
    assert "stdin, line 3: invalid JSON" in refused("explain", "-", input=text)


def test_secrets_in_what_is_refused_are_not_repeated(refused: Callable[..., str]) -> None:
    error = refused("explain", "-", input=json.dumps({"kind": "https://bob:hunter2@registry.example/"}))
    assert "hunter2" not in error


def test_documents_that_cannot_be_built_are_refused() -> None:
    for text in (b"? [a, b]\n: c\n", b"a: !!int many", b"<<: 5"):
        with pytest.raises(InputError, match="x: (invalid|unsupported) YAML"):
            parse_documents(text, "x")
