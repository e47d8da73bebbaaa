"""The moment at which a backend charges a pod that stays as it is, searched for without a forecast.

The search looks at a backend's verdict at every moment at which a clock could change it, and one microsecond before
each.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from flytekitplugins_podtriage import Charge, Phase, Policy, Verdict, forecast, triage
from flytekitplugins_podtriage.core.decode import read_pod
from tests.recordings import moment

BACKENDS = ("podtriage", "flyte-1.16", "flyte-2")
STOCK = BACKENDS[1:]
TICK = timedelta(microseconds=1)
BACK_OFF = timedelta(seconds=13)


def times_of(document: dict[str, Any]) -> set[datetime]:
    """Return the times that a verdict can depend on."""
    status, metadata = document.get("status") or {}, document.get("metadata") or {}
    texts = [one.get("lastTransitionTime") for one in status.get("conditions") or ()]
    texts += [status.get("startTime"), metadata.get("creationTimestamp"), metadata.get("deletionTimestamp")]
    return {moment(text) for text in texts if text}


def _probes(times: Iterable[datetime], policy: Policy, now: datetime) -> list[datetime]:
    """Return every moment from now on at which a clock could change a verdict, and the one just before each."""
    durations = {
        0.0,
        policy.image_pull_backoff_grace_period,
        policy.create_container_error_grace_period,
        policy.create_container_config_error_grace_period,
        policy.pod_pending_timeout,
        policy.user_patience,
        policy.system_patience,
    }
    moments = {now, now + timedelta(days=400)}
    for time, duration in itertools.product({*times, now}, durations):
        due = time + timedelta(seconds=duration)
        moments |= {due - TICK, due, due + timedelta(hours=1)}
    return sorted(at for at in moments if at >= now)


def backed_off(document: dict[str, Any]) -> dict[str, Any]:
    """Return a pod as it is once its containers in ErrImagePull back off."""
    later = copy.deepcopy(document)
    for key in ("initContainerStatuses", "containerStatuses"):
        for container in later["status"].get(key) or ():
            state = (container.get("state") or {}).get("waiting")
            if state and state.get("reason") == "ErrImagePull":
                image, message = container.get("image", ""), state.get("message", "")
                state.update(
                    reason="ImagePullBackOff", message=f'Back-off pulling image "{image}": ErrImagePull: {message}'
                )
    return later


def search(document: dict[str, Any], policy: Policy, now: datetime) -> tuple[datetime, Verdict] | None:
    """Return the first moment at which a backend charges a pod that stays as it is, and its verdict then."""
    first = triage(document, policy=policy, now=now)
    if first.phase is Phase.SUCCESS:
        return None
    probes = _probes(times_of(document), policy, now)
    after = document
    if policy.dialect is not None and document["status"].get("phase") == "Pending" and not first.failing:
        after = backed_off(document)
        probes = sorted({*probes, now + BACK_OFF})
    current, backing_off = read_pod(document), read_pod(after)
    for at in probes:
        state = current if after is document or after == document or at < now + BACK_OFF else backing_off
        verdict = triage(state, policy=policy, now=at)
        if verdict.failing:
            return at, verdict
    return None


def check(document: dict[str, Any], policy: Policy, now: datetime) -> Charge:
    """Compare a forecast with the search."""
    charge = forecast(document, backend=policy.name, policy=policy, now=now)
    expected = search(document, policy, now)
    if expected is None:
        assert (charge.at, charge.kind, charge.code, charge.message) == (None, None, None, None)
        assert charge.note
    else:
        at, verdict = expected
        permanent = verdict.phase is Phase.PERMANENT_FAILURE
        assert charge.at == at
        assert (charge.kind, charge.code, charge.message, charge.rule, charge.permanent) == (
            verdict.kind,
            verdict.code,
            verdict.message,
            verdict.rule,
            permanent,
        )
    return charge
