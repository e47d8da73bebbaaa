"""What a display puts around a text is removed where every line has it, and lines that it broke are joined."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.pasted.margins import joined_text, without_hard_breaks, without_margins

PLAIN = ["Failed to pull image:", "  429", "Too Many Requests"]


@pytest.mark.parametrize(
    "lines",
    [
        PLAIN,
        [f"> {line}" for line in PLAIN],
        ["```text", *PLAIN, "```"],
        [f"{number}: {line}" for number, line in enumerate(PLAIN, 7)],
        [f"\u2502 {line:30} \u2502" for line in PLAIN],
        [PLAIN[0], *(f"| {line}" for line in PLAIN[1:])],
    ],
    ids=["nothing", "quotes", "fences", "line numbers", "a box", "a box but for the first line"],
)
def test_margins_are_removed(lines: list[str]) -> None:
    assert without_margins(lines) == PLAIN


@pytest.mark.parametrize(
    "lines",
    [
        ["> quoted", "not quoted"],
        ["1 node", "17 pods", "3 nodes"],
        ["| Type | Reason | Message |", "| Warning | Failed | x |"],
        ["5 pods"],
    ],
    ids=["a quotation and an answer", "numbers that do not count up", "a table of Markdown", "one line"],
)
def test_what_only_some_lines_have_is_text(lines: list[str]) -> None:
    assert without_margins(lines) == lines


TEXT = "E 429 of a registry that answers with a body which is longer than the console is wide, and so on: " * 3


@pytest.mark.parametrize("width", [80, 100, 123])
def test_lines_that_a_terminal_broke_are_joined(width: int) -> None:
    broken = [TEXT[start : start + width] for start in range(0, len(TEXT), width)]
    assert without_hard_breaks(["before", *broken, "", "after"]) == ["before", TEXT, "", "after"]


@pytest.mark.parametrize(
    "lines",
    [
        ["      Started:   Tue, 07 Jul 2015 12:54:41 -0700 and more and more", "    Ready:  False"],
        ["x" * 70, "  indented " + "y" * 59, "z" * 70],
        ["short", "short", "lines"],
        ["| " + "x" * 76 + " |", "| " + "y" * 76 + " |"],
    ],
    ids=["keys", "an indented line", "short lines", "rows"],
)
def test_lines_of_one_length_that_were_not_broken_stay(lines: list[str]) -> None:
    assert without_hard_breaks(lines) == lines


def test_a_sentence_that_was_broken_between_words_is_joined() -> None:
    assert joined_text("0/9 nodes are available: 3 Insufficient\n  memory.\n\nNext.") == (
        "0/9 nodes are available: 3 Insufficient memory.\n\nNext."
    )
    assert joined_text("Done.\nNext line.\n  at com.example.Main") == "Done.\nNext line.\nat com.example.Main"
