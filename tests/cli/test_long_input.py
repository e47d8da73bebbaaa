"""Memory does not grow with the input: lines are answered, and attempts counted, one by one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MARGIN = 2 * 1024
"""In KB: what an allocator may keep. The longer input is larger by far more."""


def attempt(number: int) -> dict[str, Any]:
    """An attempt with a message of 2 KB, of a task, an execution and a registry of its own."""
    padding = "and so on " * 200
    return {
        "kind": "USER",
        "code": "ContainersNotReady|ImagePullBackOff",
        "message": f'failed to pull "r{number}.example/a:1": 429 Too Many Requests: {padding}',
        "task": f"task-{number}",
        "execution": f"execution-{number}",
    }


def peak(path: Path, *arguments: str) -> int:
    """Return the peak of the program's memory, in KB, with a file on its stdin."""
    code = (
        "import resource, subprocess, sys\n"
        f"with open({str(path)!r}, 'rb') as file:\n"
        f"    subprocess.run([sys.executable, '-m', 'flytekitplugins_podtriage.cli', *{arguments!r}],"
        " stdin=file, stdout=subprocess.DEVNULL, check=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)


@pytest.mark.parametrize(
    ("arguments", "make"),
    [
        (("audit", "-"), attempt),
        (("audit", "-", "--json"), lambda number: {"kind": "Pod", "metadata": {"name": f"p{number}" + "x" * 2000}}),
        (("diagnose", "--jsonl"), attempt),
        (("triage", "--jsonl"), lambda number: {"pod": {"metadata": {"name": f"p{number}" + "x" * 2000}}}),
    ],
    ids=["attempts", "pods", "messages", "lines of pods"],
)
def test_eight_times_the_input_takes_no_more_memory(
    tmp_path: Path, arguments: tuple[str, ...], make: Callable[[int], dict[str, Any]]
) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    for path, count in ((few, 500), (many, 4_000)):
        with open(path, "w") as file:
            file.writelines(json.dumps(make(number)) + "\n" for number in range(count))
    assert many.stat().st_size > 3 * 1024 * MARGIN
    assert peak(many, *arguments) < peak(few, *arguments) + MARGIN


def test_an_answer_begins_before_the_input_ends() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "flytekitplugins_podtriage.cli", "diagnose", "--jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b'{"message": "toomanyrequests"}\n')
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["category"] == "registry_rate_limited"
    process.stdin.close()
    assert process.wait(60) == 0
    process.stdout.close()
