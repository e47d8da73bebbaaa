"""The console that output.py makes, on streams of every kind."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest

from flytekitplugins_podtriage.cli import output
from flytekitplugins_podtriage.report.console.explanation import ExplanationsView
from tests.report.explanations import explained


class Screen(io.TextIOWrapper):
    """A stream that says of itself whether it is a terminal."""

    def __init__(self, *, terminal: bool, encoding: str = "utf-8") -> None:
        self.written = io.BytesIO()
        super().__init__(self.written, encoding=encoding)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def shown(self) -> str:
        self.flush()
        return self.written.getvalue().decode(self.encoding)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What the program prints of a limited pod, to a stream of some kind."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")

    def shown(terminal: bool, encoding: str = "utf-8", **environment: str) -> str:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        screen = Screen(terminal=terminal, encoding=encoding)
        monkeypatch.setattr("sys.stdout", screen)
        output.print_view(ExplanationsView([explained("pull-429-hub-manifest", at=150)]))
        return screen.shown()

    return shown


def test_a_terminal_has_colour(shown: Callable[..., str]) -> None:
    assert "\x1b[" in shown(True)


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_that_wants_none_has_none(shown: Callable[..., str], environment: dict[str, str]) -> None:
    assert "\x1b[" not in shown(True, **environment)


@pytest.mark.parametrize("environment", [{}, {"FORCE_COLOR": ""}, {"FORCE_COLOR": "1", "NO_COLOR": "1"}])
def test_a_pipe_has_no_colour(shown: Callable[..., str], environment: dict[str, str]) -> None:
    assert "\x1b" not in shown(False, **environment)


@pytest.mark.parametrize("environment", [{"FORCE_COLOR": "1"}, {"FORCE_COLOR": "1", "TERM": "dumb"}])
@pytest.mark.parametrize("terminal", [True, False])
def test_colour_can_be_forced(shown: Callable[..., str], terminal: bool, environment: dict[str, str]) -> None:
    assert "\x1b[" in shown(terminal, **environment)


def test_sentences_are_not_wrapped_in_a_pipe(shown: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    fix = (
        "Fix: Add an image pull secret for 127.0.0.1:39360: authenticated pulls have a higher limit. Or pull through a"
    )
    assert fix in shown(False)
    assert fix not in shown(False, COLUMNS="80")


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_no_line_ends_with_blanks(shown: Callable[..., str], terminal: bool, columns: str) -> None:
    lines = re.sub("\x1b\\[[0-9;]*m", "", shown(terminal, COLUMNS=columns)).splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    assert max(map(len, lines)) <= int(columns)


def test_an_encoding_without_other_signs_gets_plain_ones(shown: Callable[..., str]) -> None:
    text = shown(False, "ascii")
    assert text.isascii()
    assert "x---" in text
    assert "$" in text


def test_utf_8_has_a_line_of_time(shown: Callable[..., str]) -> None:
    text = shown(False)
    assert "\u2500\u2715" in text
    assert "\u25bc" in text
