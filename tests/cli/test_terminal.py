"""The program on a terminal of its own: text for a person, in colour unless somebody wants none."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pty = pytest.importorskip("pty", reason="this system has no terminals of its own making")

OnTerminal = Callable[..., str]


@pytest.fixture
def on_terminal(tmp_path: Path, limited: dict[str, Any]) -> OnTerminal:
    """Run the program on a terminal of some width, and return what it shows."""
    (tmp_path / "pod.json").write_text(json.dumps(limited))
    (tmp_path / "attempts.jsonl").write_text(json.dumps({"kind": "USER", "message": "429 Too Many Requests"}) + "\n")

    def on_terminal(*arguments: str, width: int = 80, **environment: str) -> str:
        import fcntl
        import termios

        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
        kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS", "FORCE_COLOR"}}
        python_path = {"PYTHONPATH": os.pathsep.join([str(Path.cwd()), *filter(None, [kept.get("PYTHONPATH")])])}
        process = subprocess.Popen(
            [sys.executable, "-m", "flytekitplugins_podtriage.cli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            cwd=tmp_path,
            env={**kept, **python_path, "TERM": "xterm-256color", **environment},
        )
        os.close(theirs)
        chunks: list[bytes] = []
        try:
            while chunk := os.read(ours, 65536):
                chunks.append(chunk)
        except OSError:  # Linux says so at a terminal's end
            pass
        os.close(ours)
        process.wait(60)
        return b"".join(chunks).decode()

    return on_terminal


COMMANDS = [
    ("explain", "pod.json"),
    ("triage", "pod.json"),
    ("diagnose", "429 Too Many Requests"),
    ("audit", "attempts.jsonl"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_person_gets_text_in_colour(on_terminal: OnTerminal, command: tuple[str, ...]) -> None:
    text = on_terminal(*command)
    assert "\x1b[" in text
    assert "{" not in text


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_whoever_wants_no_colour_gets_none(
    on_terminal: OnTerminal, command: tuple[str, ...], environment: dict[str, str]
) -> None:
    text = on_terminal(*command, **environment)
    # What is left are the signs that a progress bar on stderr hides the cursor and clears its line with.
    assert "\x1b[3" not in text.replace("\x1b[?25", "")
    assert "\x1b[1m" not in text
    assert "{" not in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_terminal_s_width_is_kept(on_terminal: OnTerminal, width: int) -> None:
    lines = on_terminal("explain", "pod.json", width=width, NO_COLOR="1").splitlines()
    assert max(map(len, lines)) <= width


def test_json_is_json_on_a_terminal_too(on_terminal: OnTerminal) -> None:
    assert json.loads(on_terminal("triage", "pod.json", "--json"))["category"] == "registry_rate_limited"


def test_nothing_piped_in_is_a_question_and_not_a_wait(tmp_path: Path) -> None:
    """A command without a FILE does not sit there and wait for somebody to type a pod."""
    ours, theirs = pty.openpty()
    for command in ("explain", "triage", "audit", "diagnose"):
        done = subprocess.run(
            [sys.executable, "-m", "flytekitplugins_podtriage.cli", command],
            stdin=theirs,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert b" give a " in done.stderr
    os.close(ours)
    os.close(theirs)
