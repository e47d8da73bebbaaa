"""A tenant who forges image names, messages or Events to have the platform pay (docs/guard_threat_model.md)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.triage import triage
from flytekitplugins_podtriage.guard.events import event_body
from tests.guard.reported_acts import NOW, act

HOSTILE_IMAGES = [
    "docker.io/acme/too-many-requests:429",
    "docker.io/acme/429-too-many-requests:toomanyrequests",
    "ratelimit.example:14291/acme/app:503",
    "registry.example/i/o-timeout:pull-rate-limit",
]


def waiting(image: str, message: str, **status: Any) -> dict[str, Any]:
    """Return a pod that waits for an image, three minutes after its start."""
    began = (NOW - timedelta(seconds=175)).isoformat()
    state = {"waiting": {"reason": "ImagePullBackOff", "message": message}}
    return {
        "kind": "Pod",
        "metadata": {"name": "f1a2-n0-0", "namespace": "ns", "uid": "u", "creationTimestamp": began},
        "spec": {"containers": [{"name": "main", "image": image}]},
        "status": {
            "phase": "Pending",
            "startTime": began,
            "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": began}],
            "containerStatuses": [{"name": "main", "image": image, "ready": False, "restartCount": 0, "state": state}],
            **status,
        },
    }


@pytest.mark.parametrize("image", HOSTILE_IMAGES)
def test_an_image_whose_name_reads_like_a_rate_limit_costs_the_user(image: str) -> None:
    message = (
        f'Back-off pulling image "{image}": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack '
        f'image "{image}": failed to resolve reference "{image}": {image}: not found'
    )
    verdict = triage(waiting(image, message), now=NOW)
    assert (verdict.kind, str(verdict.category)) == (ErrorKind.USER, "not_found")


def test_what_a_program_says_of_itself_is_no_failure_of_the_platform() -> None:
    text = "429 Too Many Requests: toomanyrequests: You have reached your pull rate limit"
    state = {"terminated": {"exitCode": 1, "reason": "Error", "message": text}}
    container = {"name": "main", "ready": False, "restartCount": 0, "state": state}
    pod = waiting("docker.io/acme/app:1", "", phase="Failed", containerStatuses=[container])
    verdict = triage(pod, now=NOW)
    assert verdict.kind is ErrorKind.USER and verdict.started


@pytest.mark.parametrize("made", [True, False])
def test_an_event_that_looks_like_the_guards_changes_no_verdict(made: bool) -> None:
    pod = waiting("docker.io/acme/app:1", 'Back-off pulling image "docker.io/acme/app:1"')
    forged = event_body(act(message="429 Too Many Requests", uid="u"), NOW, made=made, instance="a tenant")
    assert triage(pod, events=[forged], now=NOW) == triage(pod, now=NOW)
