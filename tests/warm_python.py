"""A Python that has imported flytekit already, for tests that start one after another.

``import flytekit`` takes 1.6 to 2 seconds, and some fifty tests start a Python that begins with it. :func:`start_warm_python`
starts one process that has imported it, and writes a small program beside it. The program is called as an interpreter is
(``-c CODE``, ``-m MODULE``, ``FILE``); it hands its arguments, environment, folder and standard streams to the process,
which forks for each call; it ends as the fork ends.

Of no use to tests of how an interpreter starts: what is imported, how streams are encoded, what a signal does early on.
"""

from __future__ import annotations

import array
import atexit
import fcntl
import gc
import json
import os
import random
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

PRELOADED = ("flytekit.bin.entrypoint", "flytekit.clis.sdk_in_container.pyflyte", "kubernetes.config")

CLIENT = """\
#!{python} -IS
import array, json, os, signal, socket, sys

server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
request = json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode()
streams = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))]
server.sendmsg([len(request).to_bytes(4, "big")], streams)
server.sendall(request)
answers = server.makefile("r")
process = int(answers.readline())
for each in (signal.SIGINT, signal.SIGTERM):
    signal.signal(each, lambda number, _: os.kill(process, number))
code = int(answers.readline())
if code < 0:
    signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


def start_warm_python(folder: Path, owner: int) -> str:
    """Return the path of the program. The first call for a folder starts the process, and waits until it is ready.

    Args:
        folder: where the program lies. Its path is to be short: a socket lies there too, whose address may have some
            hundred characters.
        owner: the id of the process with whose end it ends.
    """
    program = folder / "python"
    folder.mkdir(exist_ok=True)
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            command = [sys.executable, __file__, str(folder / "socket"), str(program), str(owner)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            text = CLIENT.format(python=sys.executable, address=str(folder / "socket"))
            program.write_text(text, encoding="utf-8")
            program.chmod(0o755)
    return str(program)


# What follows runs in the process.


def serve(address: str, program: str, owner: int) -> None:
    """Import what a file with podtriage's tasks needs; then fork for every call while the owner lives."""
    for name in PRELOADED:
        __import__(name)
    from flytekit import PodTemplate

    from flytekitplugins_podtriage import PodTriage, PodTriageContainerTask

    _ = PodTriage(), PodTriageContainerTask, PodTemplate()  # which loads models of the Kubernetes client
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    if os.fork():
        os._exit(0)  # it is ready
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    while _is_alive(owner) and os.path.exists(address):
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not select.select([listener], [], [], 0.5)[0]:
            continue
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            try:
                _answer(connection, program)
            finally:
                os._exit(70)
        connection.close()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _answer(connection: socket.socket, program: str) -> None:
    """Run a call in a fork of its own, and tell its caller how it ended; end it if the caller is gone."""
    size = array.array("i", [0, 0, 0]).itemsize * 3
    head, ancillary, _, _ = connection.recvmsg(4, socket.CMSG_SPACE(size))
    streams = array.array("i")
    streams.frombytes(ancillary[0][2][:size])
    with connection.makefile("rb") as requests:
        arguments, folder, environment = json.loads(requests.read(int.from_bytes(head, "big")))
    process = os.fork()
    if process == 0:
        connection.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        _run(program, arguments[1:], folder, environment)
    for stream in streams:
        os.close(stream)

    def end_with_caller() -> None:
        if not connection.recv(1):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    threading.Thread(target=end_with_caller, daemon=True).start()
    connection.sendall(b"%d\n" % process)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    with suppress(BrokenPipeError):
        connection.sendall(b"%d\n" % code)
    os._exit(0)


def _run(program: str, arguments: list[str], folder: str, environment: dict[str, str]) -> NoReturn:
    """Be the Python that was called."""
    before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    tempfile.tempdir = None
    random.seed()
    sys.modules["flytekit.interfaces.random"].random.seed()  # names the places of outputs
    sys.executable = program
    sys.stdin = _stream(0, "r")
    sys.stdout = _stream(1, "w")
    sys.stderr = _stream(2, "w", buffering=1, errors="backslashreplace")
    added = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = added + [path for path in sys.path[1:] if path not in before]
    code: Any = 0
    try:
        from flytekit.core.context_manager import FlyteContextManager

        FlyteContextManager.initialize()
        _call(arguments)
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001  # as an interpreter does
        traceback.print_exc()
        code = 1
    if code is not None and not isinstance(code, int):
        sys.stderr.write(f"{code}\n")
        code = 1
    with suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]  # what an interpreter does at its end
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit((code or 0) & 255)


def _stream(number: int, mode: str, **options: Any) -> Any:
    return open(number, mode, encoding="utf-8", closefd=False, **options)


def _call(arguments: list[str]) -> None:
    if arguments[0] == "-c":
        sys.argv[:] = ["-c", *arguments[2:]]
        sys.path.insert(0, "")
        main = type(sys)("__main__")
        sys.modules["__main__"] = main
        exec(compile(arguments[1], "<string>", "exec"), main.__dict__)
    elif arguments[0] == "-m":
        sys.argv[:] = arguments[1:]
        sys.path.insert(0, os.getcwd())
        sys.modules.pop(arguments[1], None)
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        assert not arguments[0].startswith("-"), arguments
        sys.argv[:] = arguments
        sys.path.insert(0, os.path.dirname(os.path.abspath(arguments[0])))
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
