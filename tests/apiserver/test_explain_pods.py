"""``podtriage explain -A`` on a real API server: one list, one watch, quickly, and in memory that does not grow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tests.apiserver.api import Api, pods
from tests.apiserver.front import Front
from tests.apiserver.kubelet import ScriptedKubelet
from tests.apiserver.server import ApiServer
from tests.builders import manifest
from tests.paths import ROOT

LIMITED = "429 Too Many Requests"
LABELS = {"execution-id": "f1", "task-name": "app.train", "node-id": "n0"}


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "flytekitplugins_podtriage", "explain", *arguments]


def _environ(server: ApiServer, front: Front | None = None) -> dict[str, str]:
    path = server.kubeconfig("admin", url=front.url if front is not None else None)
    return {**os.environ, "KUBECONFIG": path, "COLUMNS": "160", "PYTHONPATH": str(ROOT)}


@contextmanager
def _watching(*arguments: str, env: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], Callable[[str], str]]]:
    """Run a watch for the length of a block, with a function that waits for a line of it that has a word."""
    process = subprocess.Popen(_command(*arguments, "--watch"), stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout is not None
    rows: list[str] = []
    news = threading.Condition()

    def read() -> None:
        for row in process.stdout or ():
            with news:
                rows.append(row)
                news.notify_all()

    def wait_for(word: str) -> str:
        with news:
            assert news.wait_for(lambda: any(word in row for row in rows), 60), rows[-20:]
            found = next(row for row in rows if word in row)
            rows.clear()
            return found

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield process, wait_for
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(30)
        reader.join(30)
        process.stdout.close()


def test_pods_of_all_namespaces_come_from_one_list_and_one_watch(
    server: ApiServer, front: Front, admin: Api, kubelet: ScriptedKubelet, make_namespace: Callable[[], str]
) -> None:
    first, second = make_namespace(), make_namespace()
    for namespace in (first, second):
        admin.post(pods(namespace), manifest(name="f1-n0-0", labels=LABELS))
        kubelet.bind(namespace, "f1-n0-0")
    kubelet.image_pull_back_off(first, "f1-n0-0", LIMITED)
    kubelet.running(second, "f1-n0-0")
    with _watching("-A", "-l", "execution-id=f1", env=_environ(server, front)) as (process, wait_for):
        wait_for(f"{first}/f1-n0-0")
        kubelet.image_pull_back_off(second, "f1-n0-0", "manifest unknown")
        assert "not_found" in wait_for(f"{second}/f1-n0-0")
        kubelet.running(second, "f1-n0-0")
        wait_for("1 of 2 pods with trouble")
        assert (front.count("list", "pods"), front.count("watch", "pods")) == (1, 1)
        assert front.count("list", "events") == 1
    assert process.returncode == 130


@pytest.mark.slow
def test_five_thousand_pods_are_on_the_screen_in_three_seconds_in_steady_memory(
    server: ApiServer, front: Front, admin: Api, kubelet: ScriptedKubelet, make_namespace: Callable[[], str]
) -> None:
    namespaces = [make_namespace() for _ in range(5)]
    names = [(namespaces[number % 5], f"f1-n{number}-0") for number in range(5_000)]

    def create(one: tuple[str, str]) -> None:
        admin.post(pods(one[0]), manifest(name=one[1], labels=LABELS))

    def limit(one: tuple[str, str]) -> None:
        kubelet.bind(*one)
        kubelet.image_pull_back_off(*one, LIMITED)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(create, names))
        list(threads.map(limit, names[::10]))
    env = _environ(server)
    walls, cpu = [], []
    for _ in range(3):
        began, before = time.monotonic(), os.times()
        done = subprocess.run(_command("-A"), capture_output=True, text=True, check=True, env=env, timeout=60)
        after = os.times()
        walls.append(time.monotonic() - began)
        cpu.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert "500 of 5000 pods with trouble" in done.stdout, done.stdout[:300]
    asked = _requests_of_a_list(server, front)
    assert asked["pods"] == (1, 10), "one list, in pages of 500"
    assert asked["events"][0] == 1
    assert front.count("watch", "pods") <= 1
    sizes: list[int] = []
    with _watching("-A", "-o", "json", env=env) as (process, wait_for):
        for round_ in range(6):
            for one in names[::100]:
                kubelet.running(*one) if round_ % 2 else kubelet.image_pull_back_off(*one, f"{LIMITED} {round_}")
            if not round_ % 2:
                wait_for(f"{LIMITED} {round_}")
            sizes.append(_resident(process.pid))
    print(json.dumps({"wall": walls, "cpu": cpu, "resident MB": sizes, "lists, and their pages": asked}))  # noqa: T201  # figures for a person
    # Of the process alone: how long the rest takes depends on who else uses the machine.
    assert min(cpu) < 3.0
    assert sizes[-1] < sizes[1] * 1.1


def _requests_of_a_list(server: ApiServer, front: Front) -> dict[str, tuple[int, int]]:
    """List all pods through a proxy; return of each resource how many lists were begun, and of how many pages."""
    subprocess.run(_command("-A"), capture_output=True, check=True, env=_environ(server, front), timeout=60)
    lists = [one for one in front.asked if one.verb == "list"]
    return {
        name: (
            sum(one.resource == name and "continue" not in one.query for one in lists),
            sum(one.resource == name for one in lists),
        )
        for name in ("pods", "events")
    }


def _resident(pid: int) -> int:
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        status: Any = dict(line.split(":", 1) for line in file)
    return int(status["VmRSS"].split()[0]) // 1024
