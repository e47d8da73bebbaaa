"""Why a pod is left to stock Flyte."""

from __future__ import annotations

import attrs


@attrs.frozen
class Refusal:
    """Why the guard does not act on a pod."""

    name: str
    """One of a bounded set of words, for a metric's label: ``node-not-ready``."""
    detail: str
    """In a sentence."""
    transient: bool = False
    """Whether it may be otherwise in a second or two: it is worth being read again before the charge is due."""
