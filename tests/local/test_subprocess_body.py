from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from flytekitplugins_podtriage.local.subprocess_body import run


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


@pytest.mark.parametrize(
    ("program", "code"),
    [("pass", 0), ("raise SystemExit(3)", 3), ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 143)],
)
def test_a_process_ends_with_a_containers_exit_code(program: str, code: int) -> None:
    assert run(python(program), os.environ).code == code


def test_it_has_the_environment_that_is_given_and_no_other() -> None:
    program = "import os, sys; sys.exit(os.environ.get('ONE') != 'two' or 'HOME' in os.environ)"

    assert run(python(program), {"ONE": "two"}).code == 0


def test_a_command_that_is_not_there_ends_as_a_container_runtime_tells_it() -> None:
    ended = run(["no-such-program-anywhere"], os.environ)

    assert ended.code == 127
    assert "no-such-program-anywhere" in ended.message


def test_a_process_that_hangs_is_killed_and_the_sandbox_says_so() -> None:
    ended = run(python("import time; time.sleep(60)"), os.environ, longest=0.05)

    assert (ended.code, ended.message) == (137, "the sandbox killed the task's process after 0.05 s")
    assert ended.seconds < 30


def test_how_long_it_really_ran_is_told() -> None:
    ticks = iter([100.0, 102.5])

    assert run(python("pass"), os.environ, clock=lambda: next(ticks)).seconds == 2.5


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
def test_ctrl_c_leaves_no_body_behind() -> None:
    body = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    parent = (
        "import os, sys\nfrom flytekitplugins_podtriage.local.subprocess_body import run\n"
        f"try:\n    run([sys.executable, '-c', {body!r}], os.environ)\n"
        "except KeyboardInterrupt:\n    sys.exit(130)\n"
    )
    with subprocess.Popen(python(parent), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.send_signal(signal.SIGINT)  # to the program alone, as an editor's stop button does

        assert process.wait(30) == 130
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
