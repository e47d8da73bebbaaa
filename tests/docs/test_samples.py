"""The code in the pages runs, and the commands print what the pages show."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT

PAGES = [path for path in sorted((ROOT / "docs").rglob("*.md")) if path.name != "rules.md"]


def page_cases() -> list[Any]:
    """Return the pages; those that rehearse again and again are slow, but not the one that everybody reads first."""
    slow = [path for path in PAGES if "$ podtriage rehearse" in path.read_text("utf-8") and path.name != "start.md"]
    return [
        pytest.param(path, id=str(path.relative_to(ROOT / "docs")), marks=[pytest.mark.slow] if path in slow else [])
        for path in PAGES
    ]


def run(text: str, folder: Path, warm_python: str, **options: Any) -> str:
    from samples import Page

    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    (folder / "run").mkdir()
    return Page(page, folder / "run", python=warm_python, environ=os.environ).run(**options)


@pytest.mark.parametrize("page", page_cases())
def test_a_page_does_what_it_shows(page: Path, tmp_path: Path, warm_python: str) -> None:
    from samples import Page, blocks

    if any(True for _ in blocks(page.read_text(encoding="utf-8"))):
        Page(page, tmp_path, python=warm_python, environ=os.environ).run()


def test_a_command_that_prints_something_else_is_an_error_and_an_update_mends_it(
    tmp_path: Path, warm_python: str
) -> None:
    from samples import SampleError

    page = "```console\n$ echo one; echo two\none\n```\nmore\n"
    with pytest.raises(
        SampleError, match=r"page.md:1: echo one; echo two\nshown in the page:\none\n\nprinted:\none\ntwo\n"
    ):
        run(page, tmp_path, warm_python)
    (tmp_path / "again").mkdir()
    updated = run(page, tmp_path / "again", warm_python, update=True)
    assert updated == "```console\n$ echo one; echo two\none\ntwo\n```\nmore\n"


@pytest.mark.parametrize(
    ("shown", "code"),
    [("one\ntwo\n", 0), ("...\ntwo\n", 0), ("one\n...\n", 0), ("o...e\ntwo\n", 0), ("one\ntwo\n[exit code 3]\n", 3)],
    ids=["in full", "without its beginning", "without its end", "without a part of a line", "with an exit code"],
)
def test_an_output_may_be_shown(shown: str, code: int, tmp_path: Path, warm_python: str) -> None:
    page = f"```console\n$ echo one; echo two; exit {code}\n{shown}```\n"
    assert run(page, tmp_path, warm_python) == page


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("```python\n1 / 0\n```\n", "page.md:1: ZeroDivisionError"),
        ("```pycon\n>>> 1 + 1\n3\n\n```\n", "Expected:\n    3\nGot:\n    2"),
        ("```console\none\n```\n", "expected a line with \\$"),
        ("```console\n$ exit 3\n```\n", "exit code 3"),
    ],
    ids=["code that raises", "another value", "an output without a command", "a failure that the page does not show"],
)
def test_a_sample_that_fails_is_an_error(block: str, message: str, tmp_path: Path, warm_python: str) -> None:
    from samples import SampleError

    with pytest.raises(SampleError, match=message):
        run(block, tmp_path, warm_python)


def test_files_of_a_page_are_written_and_its_blocks_share_names(tmp_path: Path, warm_python: str) -> None:
    page = """\
```toml
# conf/one.toml
one = 1
```

```python
from pathlib import Path

text = Path("conf/one.toml").read_text()
```

```pycon
>>> text.splitlines()[1]
'one = 1'

```
"""
    assert run(page, tmp_path, warm_python) == page


def test_a_block_that_is_not_run_says_why(tmp_path: Path, warm_python: str) -> None:
    block = "```python\n1 / 0\n```\n"
    page = f"<!-- not run: it divides by zero -->\n\n{block}"
    assert run(page, tmp_path, warm_python) == page


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\x1b[1mone\x1b[0m \r\ntwo", "one\ntwo"),
        ("bar 1\rbar 22\r\x1b[2Kdone\n", "done\n"),
        ("bar\n\x1b[1A\x1b[2Kone\n", "one\n"),
        ("abcd\rxy", "xycd"),
    ],
    ids=["styles", "a bar that is wiped out", "a bar above the cursor", "a line that is written over"],
)
def test_a_page_shows_what_a_terminal_shows_in_the_end(printed: str, shown: str) -> None:
    from samples import screen

    assert screen(printed) == shown
