"""The reflector survives responses, lines and objects that cannot be read."""

from __future__ import annotations

from typing import Any

import pytest

from flytekitplugins_podtriage.kube.informer import ndjson as lines_module
from flytekitplugins_podtriage.kube.informer.pod_store import PodStore
from flytekitplugins_podtriage.kube.informer.reflector import Reflector
from tests.builders import NAMESPACE as NS
from tests.builders import pod
from tests.kube.informer.scripted_source import GONE, Script, Watch, pods_of
from tests.kube.model import line, page, response


@pytest.mark.parametrize(
    "garbage",
    [
        b"<html>502 Bad Gateway</html>\n",
        b'{"type":"ADDED","obj\n',
        b'{"type":"ADDED","object":{"kind":"\xff"}}\n',
        b"[1, 2]\n",
        b"7\n",
        b"{}\n",
    ],
)
def test_after_garbage_the_watch_resumes_and_then_lists_again(
    play: Any, script: Script, store: PodStore, watch: Reflector[Any], garbage: bytes
) -> None:
    waits = play(
        page([], 7), Watch([line("ADDED", pod(name="a", version=8)), garbage, line("ADDED", pod(name="b", version=9))])
    )
    assert waits == [1.0] and pods_of(store) == [("a", "8")]
    assert "not a stream of watch events" in str(watch.error)
    assert play(Watch([garbage])) == [2.0]
    assert script.queries[-1]["resourceVersion"] == "8"
    play(page([pod(name="c", version=9)], 10), Watch())
    assert script.lists == 2 and pods_of(store) == [("c", "9")]


def test_an_endless_line_is_an_error(play: Any, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module.lines, "__defaults__", (1000,))
    assert play(page([], 7), Watch([b'{"type":"ADDED","object":{"x":"', *[b"x" * 100] * 20])) == [1.0]


UNDECODABLE = [
    {"spec": {"containers": "none"}},
    {"status": {"conditions": {"type": "Ready"}}},
    {"status": {"containerStatuses": [{"restartCount": "many"}]}},
]


@pytest.mark.parametrize("changes", UNDECODABLE)
def test_an_undecodable_pod_is_ignored_and_not_gone(
    play: Any,
    script: Script,
    store: PodStore,
    watch: Reflector[Any],
    changes: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def bad(name: str, version: int) -> dict[str, Any]:
        return {**pod(name=name, version=version), **changes}

    play(
        page([pod(name="a", version=3), bad("x", 4)], 7),
        Watch([line("MODIFIED", bad("a", 8)), line("ADDED", pod(name="b", version=9))]),
    )
    assert pods_of(store) == [("a", "3"), ("b", "9")]
    play(GONE, page([bad("a", 8), pod(name="b", version=9)], 12), Watch())
    assert pods_of(store) == [("a", "3"), ("b", "9")], "undecodable objects exist all the same"
    play(Watch([line("DELETED", bad("a", 13))]))
    assert pods_of(store) == [("b", "9")]
    assert script.lists == 2 and watch.error is None
    assert [f"pods: {NS}/x cannot be decoded" in record.getMessage() for record in caplog.records] == [True]


def test_an_unknown_event_type_is_ignored(play: Any, store: PodStore) -> None:
    assert play(
        page([pod(name="a", version=3)], 7),
        Watch([line("RENAMED", pod(name="a", version=8)), line("ADDED", pod(name="b", version=9))]),
    ) == [0.0]
    assert pods_of(store) == [("a", "3"), ("b", "9")]


def test_objects_without_a_uid_are_ignored(play: Any, store: PodStore) -> None:
    item = {"metadata": {"name": "x", "namespace": NS}}
    play(page([item, {}], 7), Watch([line("ADDED", item), line("DELETED", {}), line("BOOKMARK", {})]))
    assert pods_of(store) == []


def test_a_list_without_a_version_is_watched_from_any_version(play: Any, script: Script) -> None:
    play(response(200, {"kind": "PodList", "items": None}), Watch())
    assert script.queries[-1]["resourceVersion"] == "0"
