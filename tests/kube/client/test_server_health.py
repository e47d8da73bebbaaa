"""Since when the API server has answered: what counts as a sign that it was away, and what does not."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.kube.client.server_health import ServerHealth


def well() -> ServerHealth:
    """Return the health of a server that has answered since 10."""
    health = ServerHealth()
    health.answered("list", "pods", 200, 9.0, 10.0)
    return health


def test_a_server_that_was_never_heard_is_not_known_to_be_well() -> None:
    assert ServerHealth().well_since is None


def test_it_is_well_since_the_first_answer() -> None:
    health = well()
    health.answered("get", "pods", 200, 20.0, 20.1)
    health.answered("watch", "events", 403, 21.0, 21.1)
    health.answered("get", "pods", 404, 22.0, 22.1)
    health.answered("list", "pods", 429, 23.0, 23.1)
    assert health.well_since == 10.0


def test_it_is_well_again_since_the_first_answer_after_a_failure() -> None:
    health = well()
    health.failed()
    assert health.well_since is None
    health.answered("get", "pods", 503, 20.0, 20.1)
    assert health.well_since is None
    health.answered("get", "pods", 200, 30.0, 30.1)
    health.answered("get", "pods", 200, 40.0, 40.1)
    assert health.well_since == 30.1


def test_an_answer_that_took_long_shows_that_the_server_stood_still() -> None:
    health = well()
    health.answered("get", "pods", 200, 20.0, 45.0)
    assert health.well_since == 45.0


@pytest.mark.parametrize(
    ("verb", "resource", "status", "seconds"),
    [
        ("create", "pods", 500, 0.1),  # a webhook that fails
        ("create", "pods", 201, 30.0),  # a webhook that is slow
        ("delete", "pods", 500, 0.1),
        ("get", "pods/log", 500, 30.0),  # the kubelet does not answer
        ("list", "pods", 200, 25.0),  # there are many
    ],
)
def test_what_is_no_sign_of_it(verb: str, resource: str, status: int, seconds: float) -> None:
    health = well()
    health.answered(verb, resource, status, 20.0, 20.0 + seconds)
    assert health.well_since == 10.0
