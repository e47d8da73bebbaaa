"""Lists of attempts are taken apart, and other brackets are left alone."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.match import match_message
from flytekitplugins_podtriage.core.text.pull_attempts import split_attempts

PULL = 'Failed to pull image "a/b:1": '


@pytest.mark.parametrize(
    ("text", "attempts"),
    [
        pytest.param("[dial tcp 10.0.0.9:443: i/o timeout, manifest unknown]", 2, id="errors without their wrapping"),
        pytest.param("[rpc error: code = Unknown desc = x, failed to resolve y]", 2, id="errors with their wrapping"),
        pytest.param("[docker.io/a/b:1: not found, unauthorized]", 2, id="an image that is not found"),
        pytest.param('[Get "https://a/v2/": EOF, 429 Too Many Requests].', 2, id="a list that ends a sentence"),
        pytest.param("[dial tcp 10.0.0.9:443: i/o timeout]", 1, id="a list of one"),
        pytest.param("[dial tcp 10.0.0.9:443, i/o, other]", 1, id="a comma inside an error"),
        pytest.param("unmounted volumes=[data, other]: timed out", 1, id="volumes"),
        pytest.param("containers with unready status: [main, sidecar]", 1, id="containers"),
        pytest.param("node(s) had taints: [a=b:NoSchedule, c=d:NoExecute]", 1, id="taints"),
    ],
)
def test_attempts(text: str, attempts: int) -> None:
    assert len(split_attempts(text)) == attempts


@pytest.mark.parametrize(
    ("text", "category"),
    [
        pytest.param("[dial tcp 10.0.0.9:443: i/o timeout, manifest unknown]", "not_found", id="the last is final"),
        pytest.param("[manifest unknown, dial tcp 10.0.0.9:443: i/o timeout]", "network_timeout", id="the same turned"),
        pytest.param("[429 Too Many Requests, unauthorized]", "registry_rate_limited", id="a refusal yields"),
        pytest.param("[unauthorized, pull access denied]", "auth", id="refusals alone"),
    ],
)
def test_the_attempt_that_decides(text: str, category: str) -> None:
    assert match_message(PULL + text).rule.category == category
