"""Masking the secrets of a verdict: a stock backend repeats what the pod said, word for word."""

from __future__ import annotations

import attrs

from flytekitplugins_podtriage.core.model import Verdict
from flytekitplugins_podtriage.core.text.secrets import mask


def masked(verdict: Verdict) -> Verdict:
    """Return the verdict without secrets; the same object where it holds none.

    Evidence is masked where it is gathered; message, reason and code of a stock backend are the pod's own words.
    """
    message = mask(verdict.message) if verdict.message else verdict.message
    reason = mask(verdict.reason) if verdict.reason else verdict.reason
    if message == verdict.message and reason == verdict.reason:
        return verdict
    return attrs.evolve(verdict, message=message, reason=reason)
