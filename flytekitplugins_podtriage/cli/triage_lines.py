"""Lines of pods to lines of verdicts, fast enough for thousands of pods.

Only the frame of a line is decoded here; the pod's bytes go to the core as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import attrs
import msgspec

from flytekitplugins_podtriage.cli.options import duration_fields
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.text.suggestions import did_you_mean
from flytekitplugins_podtriage.core.triage import triage
from flytekitplugins_podtriage.report.text.sanitize import masked

CONFIG = {f"{field}_s": field for field in duration_fields()}
"""The keys of a line's ``config`` (values in seconds) and the fields of Policy that they set."""

_MAX_POLICIES = 256


class Line(msgspec.Struct, gc=False):
    """The frame of a line: ``{"pod", "events"?, "now"?, "config"?}``, or a bare Pod."""

    pod: msgspec.Raw = msgspec.Raw()
    events: list[msgspec.Raw] | None = None
    now: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    config: msgspec.Raw = msgspec.Raw()
    kind: str | None = None


def line_triager(policy: Policy, clock: Callable[[], datetime]) -> Callable[[bytes], bytes]:
    """Return a function that answers a line with a verdict; ``clock`` is for lines without a ``now``."""
    decode = msgspec.json.Decoder(Line).decode
    policies: dict[bytes, Policy] = {}

    def answer(data: bytes) -> bytes:
        line = decode(data)
        pod = memoryview(line.pod)
        if not pod:
            if line.kind != "Pod":
                raise ValueError('the line has no pod; expected {"pod", "events"?, "now"?, "config"?} or a Pod')
            pod = memoryview(data)
        key = bytes(line.config)
        line_policy = policies.get(key) if key else policy
        if line_policy is None:
            if len(policies) >= _MAX_POLICIES:
                policies.clear()
            line_policy = policies[key] = with_config(policy, key)
        verdict = triage(
            pod,
            events=[memoryview(event) for event in line.events] if line.events else (),
            policy=line_policy,
            now=line.now or clock(),
        )
        return masked(verdict).to_json()

    return answer


def with_config(policy: Policy, config: bytes) -> Policy:
    """Return the policy with the settings of a line's ``config``.

    Raises:
        ValueError: a key is unknown, or a value is not a number of seconds.
    """
    values: Any = msgspec.json.decode(config)
    if values is None:
        return policy
    if not isinstance(values, dict):
        raise ValueError(f"config: is not an object; expected an object with {', '.join(CONFIG)}")
    changed = {}
    for key, value in values.items():
        if key not in CONFIG:
            hint = did_you_mean(key, CONFIG)
            raise ValueError(f"config: unknown setting {key[:60]!r};{hint} expected one of {', '.join(CONFIG)}")
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"config: {key} is not a number; expected seconds")
        changed[CONFIG[key]] = value
    return attrs.evolve(policy, **changed)  # type: ignore[arg-type]  # the names are those of durations
