"""One line of pods, one line of verdicts: the fast way in, for thousands of pods.

The line is decoded once for its frame, and the pod's bytes go to the core as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import attrs
import msgspec

from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.triage import triage
from flytekitplugins_podtriage.report.text.sanitize import masked

CONFIG = {
    "create_container_error_grace_period_s": "create_container_error_grace_period",
    "create_container_config_error_grace_period_s": "create_container_config_error_grace_period",
    "image_pull_backoff_grace_period_s": "image_pull_backoff_grace_period",
    "pod_pending_timeout_s": "pod_pending_timeout",
    "user_patience_s": "user_patience",
    "system_patience_s": "system_patience",
}
"""The keys of a line's ``config``, in seconds, and the fields of Policy that they set."""

_MOST_POLICIES = 256


class Line(msgspec.Struct, gc=False):
    """The frame of a line: ``{"pod", "events"?, "now"?, "config"?}``, or a bare Pod."""

    pod: msgspec.Raw = msgspec.Raw()
    events: list[msgspec.Raw] | None = None
    now: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    config: msgspec.Raw = msgspec.Raw()
    kind: str | None = None


def line_answer(policy: Policy, clock: Callable[[], datetime]) -> Callable[[bytes], bytes]:
    """Return what answers a line.

    Args:
        policy: whose judgement is wanted; a line's ``config`` changes its settings for that line.
        clock: the time, for lines without a ``now``.
    """
    decode = msgspec.json.Decoder(Line).decode
    configured: dict[bytes, Policy] = {}

    def answer(data: bytes) -> bytes:
        line = decode(data)
        pod = memoryview(line.pod)
        if not pod:
            if line.kind != "Pod":
                raise ValueError('the line has no pod; allowed: {"pod", "events"?, "now"?, "config"?}, or a Pod')
            pod = memoryview(data)
        key = bytes(line.config)
        chosen = configured.get(key) if key else policy
        if chosen is None:
            if len(configured) >= _MOST_POLICIES:
                configured.clear()
            chosen = configured[key] = with_config(policy, key)
        verdict = triage(
            pod,
            events=[memoryview(event) for event in line.events] if line.events else (),
            policy=chosen,
            now=line.now or clock(),
        )
        return masked(verdict).to_json()

    return answer


def with_config(policy: Policy, config: bytes) -> Policy:
    """Return the policy with the settings of a line's ``config``.

    Raises:
        ValueError: a key is unknown, or a value no number of seconds.
    """
    values: Any = msgspec.json.decode(config)
    if values is None:
        return policy
    if not isinstance(values, dict):
        raise ValueError(f"config: not an object; allowed: an object with {', '.join(CONFIG)}")
    changed = {}
    for key, value in values.items():
        if key not in CONFIG:
            raise ValueError(f"config: no setting {key[:60]!r}; allowed: {', '.join(CONFIG)}")
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"config: {key} is no number; allowed: seconds")
        changed[CONFIG[key]] = value
    return attrs.evolve(policy, **changed)  # type: ignore[arg-type]  # the names are those of durations
