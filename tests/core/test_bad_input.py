"""What cannot be read as a pod is refused; what can, in whatever form, is read alike."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flytekitplugins_podtriage import InvalidPod, Policy, triage
from tests.builders import NOW, pod

BAD = [
    ("not JSON", b"pod: yes", "malformed|invalid"),
    ("nothing", b"", "truncated"),
    ("truncated", json.dumps(pod("Pending")).encode()[:-9], "truncated"),
    ("a list", b"[]", "Expected `object"),
    ("another kind", {"kind": "Deployment"}, "not a Pod but a 'Deployment'"),
    ("a wrong type", {"status": {"phase": 3}}, r"Expected `str \| null`, got `int` - at `\$.status.phase`"),
    ("a time without a zone", {"metadata": {"creationTimestamp": "2026-03-01T12:00:00"}}, "timezone"),
    ("a time that is none", {"metadata": {"creationTimestamp": "yesterday"}}, "Invalid RFC3339"),
    ("nested too deeply", b'{"x":' * 100_000, "nested too deeply"),
    ("a lone surrogate", '{"status":{"message":"\\ud800"}}', "surrogate|Invalid|truncated"),
    ("bytes that are no text", b'{"kind":"\xff\xfe"}', "UTF-8|utf-8"),
    ("a number", 42, "a value of type int"),
    ("nothing at all", None, "a value of type NoneType"),
]


@pytest.mark.parametrize(("given", "reason"), [pytest.param(*case[1:], id=case[0]) for case in BAD])
def test_what_is_no_pod_is_refused_in_one_line(given: Any, reason: str) -> None:
    with pytest.raises(InvalidPod, match=reason) as caught:
        triage(given, now=NOW)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_an_event_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidPod, match="not an Event: a value of type int"):
        triage({}, events=[3], now=NOW)


def test_a_client_model_is_read_as_its_json_is() -> None:
    client = pytest.importorskip("kubernetes.client")
    model = client.V1Pod(
        metadata=client.V1ObjectMeta(name="p", uid="u", creation_timestamp=NOW),
        status=client.V1PodStatus(
            phase="Failed",
            reason="Evicted",
            message="The node was low on resource: memory.",
            container_statuses=[
                client.V1ContainerStatus(
                    name="main",
                    image="i",
                    image_id="",
                    ready=False,
                    restart_count=0,
                    state=client.V1ContainerState(
                        terminated=client.V1ContainerStateTerminated(exit_code=137, finished_at=NOW)
                    ),
                )
            ],
        ),
    )
    as_json = client.ApiClient().sanitize_for_serialization(model)
    for backend in ("podtriage", "flyte-1.16", "flyte-2"):
        policy = Policy.for_backend(backend)
        assert triage(model, policy=policy, now=NOW) == triage(as_json, policy=policy, now=NOW)
