"""Acts for the tests of the guard."""

from __future__ import annotations

from typing import Any

import attrs

from flytekitplugins_podtriage.core.guard.values import Act, ActKind
from flytekitplugins_podtriage.core.model import ErrorKind, Phase, Verdict
from tests.builders import NAME, NAMESPACE


def act(**changes: Any) -> Act:
    """Return an act on the pod that ``tests.builders.pod`` makes."""
    made = Act(
        kind=ActKind.END_AS_SYSTEM,
        namespace=NAMESPACE,
        name=NAME,
        uid=f"uid-{NAME}",
        resource_version="7",
        execution="f3a91c",
        reason="Terminated",
        message="podtriage guard ended this pod: docker.io answers 429",
        verdict=Verdict(Phase.RETRYABLE_FAILURE, ErrorKind.SYSTEM),
        charge=None,
        why="the failure is the platform's",
    )
    return attrs.evolve(made, **changes)
