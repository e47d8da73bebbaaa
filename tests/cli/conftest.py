"""The program, run inside the process or as one of its own, and recorded stories to feed it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flytekitplugins_podtriage.cli.main import cli
from tests.recordings import timelines

LIMITED = "pull-429-hub-manifest@1.34.4"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command inside the process: ``run("explain", "-", input=...)``."""
    monkeypatch.setenv("COLUMNS", "100")
    return lambda *arguments, **options: CliRunner().invoke(cli, [str(one) for one in arguments], **options)


@pytest.fixture
def refused(run: Callable[..., Result]) -> Callable[..., str]:
    """Run a command that is refused, and return the one line that it says."""

    def refused(*arguments: object, **options: Any) -> str:
        result = run(*arguments, **options)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        lines: list[str] = result.stderr.splitlines()
        assert len(lines) == 1, lines
        return lines[0]

    return refused


@pytest.fixture
def program() -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run the program as a process of its own, with this Python or the one that is given."""

    def program(
        *arguments: object, env: dict[str, str] | None = None, python: str = sys.executable, **options: Any
    ) -> Any:
        command = [python, "-m", "flytekitplugins_podtriage.cli", *map(str, arguments)]
        options.setdefault("stdin", subprocess.DEVNULL if "input" not in options else None)
        if options["stdin"] is None:
            del options["stdin"]
        return subprocess.run(  # noqa: PLW1510  # the exit code is what is looked at
            command, capture_output=True, timeout=120, env={**os.environ, **(env or {})}, **options
        )

    return program


@pytest.fixture(scope="session")
def stories() -> dict[str, dict[str, Any]]:
    """The recorded stories by id."""
    return timelines()


@pytest.fixture(scope="session")
def limited(stories: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A pod in ImagePullBackOff whose registry answers 429, its events, and a moment 150 s after its creation."""
    steps = [step for step in stories[LIMITED]["steps"] if step["t"] <= 150]
    events = {step["event"]["metadata"]["name"]: step["event"] for step in steps if "event" in step}
    pod = [step["pod"] for step in steps if "pod" in step][-1]
    return {"pod": pod, "events": list(events.values()), "now": "2026-11-23T15:26:49Z"}
