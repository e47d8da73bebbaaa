"""The built-in rules for messages, in the order in which they are tried: the first that matches decides.

The order is the precedence of causes. What names its cause outright stands before what could be said of several things:
an eviction before the disk it mentions, a device before the runtime that reports it, a volume's or sandbox's failure
before the network error inside it, a limit before the refusal it is dressed as, the way to the registry before the
registry's answer, ``no such host`` before ``not found``.
"""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.rules import (
    admission,
    container_start,
    devices,
    disruptions,
    exits,
    images,
    network,
    pod_sandbox,
    rate_limits,
    registry,
    runtime,
    volumes,
)
from flytekitplugins_podtriage.core.rules.rule import Rule
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook

BUILT_IN: Final = RuleBook(
    (
        # What names its cause outright.
        *devices.RULES,
        *disruptions.RULES,
        *disruptions.DELETIONS,
        *admission.KUBELET,
        *exits.PROGRAM,
        # What says which part of a pod's life it is about: inside it, general words are that part's.
        *admission.API_SERVER,
        *admission.SCHEDULER,
        *volumes.RULES,
        *pod_sandbox.NETWORK,
        *pod_sandbox.REST,
        *container_start.RULES,
        # Pulling an image: limits, the node's own disk and runtime, the way to the registry, the registry's answer.
        *rate_limits.RULES,
        *runtime.DISK,
        *network.RULES,
        *runtime.STORAGE,
        *pod_sandbox.FALLBACK,
        *images.RULES,
        *registry.RULES,
        *registry.BY_REASON,
        # What is only said of an end.
        *exits.ENDINGS,
    )
)
"""Every rule for messages that podtriage has."""

UNKNOWN: Final = Rule(
    id="unknown",
    category=Category.UNKNOWN,
    kind=ErrorKind.SYSTEM,
    means="no rule knows these words",
    remedy=(
        "podtriage does not know these words, and counts the failure as the platform's only because nothing in them "
        "names the user's doing. Read the message; if you know its cause, add a rule of your own."
    ),
    source="default: an unknown reason to wait is SYSTEM on stock Flyte too (flytek8s, classifyWaitingContainer)",
    reasons={"unknown"},
)
"""What is answered where no rule matches. It is in no book."""
