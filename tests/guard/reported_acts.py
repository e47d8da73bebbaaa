"""An act, as the guard plans it, for the tests of what is reported about it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, Final

import attrs

from flytekitplugins_podtriage.core.guard.values import Act, ActKind
from flytekitplugins_podtriage.core.model import Category, Charge, ErrorKind, Evidence, Phase, Verdict

NOW: Final = datetime(2026, 3, 2, 14, 4, 41, tzinfo=timezone.utc)
CHARGE_AT: Final = NOW + timedelta(seconds=5)
VERDICT: Final = Verdict(
    phase=Phase.INITIALIZING,
    kind=ErrorKind.SYSTEM,
    category=Category.REGISTRY_RATE_LIMITED,
    rule="pull-429",
    registry="docker.io",
    evidence=(Evidence("event", "429 Too Many Requests"),),
)
CHARGE: Final = Charge("flyte-1.16", CHARGE_AT, ErrorKind.USER, "ImagePullBackOff", "the backend's words")
ACT: Final = Act(
    kind=ActKind.END_AS_SYSTEM,
    namespace="flytesnacks-development",
    name="f1a2-n0-0",
    uid="4c1f9d4e-0b7f-4b35-8a3f-6f3f1c2d9a10",
    resource_version="812",
    execution="f1a2",
    node="n0",
    attempt=1,
    reason="Terminated",
    message="docker.io limits how often this node may pull (HTTP 429).",
    verdict=VERDICT,
    charge=CHARGE,
    why="a system retry pays: 2 of 3 are left",
)


def act(**changes: Any) -> Act:
    """Return an act that differs from the usual one."""
    return attrs.evolve(ACT, **changes)
