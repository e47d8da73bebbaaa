"""The built-in rules for messages, in the order in which they are tried: the first that matches decides.

The order is the precedence of causes. Specific rules come before general ones: an eviction before the disk that it
mentions, a device before the runtime that reports it, a volume or sandbox before the network error inside its message, a
rate limit before the refusal that reports it, the network before the registry, ``no such host`` before ``not found``.
"""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.rules import (
    admission,
    bare_reasons,
    container_start,
    devices,
    disruptions,
    exits,
    images,
    network,
    pod_sandbox,
    rate_limits,
    registry_errors,
    registry_refusals,
    runtime,
    scheduling,
    volumes,
)
from flytekitplugins_podtriage.core.rules.rule import Rule
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook

BUILT_IN: Final = RuleBook(
    (
        # Messages that name their cause.
        *devices.RULES,
        *disruptions.RULES,
        *disruptions.DELETIONS,
        *admission.KUBELET,
        *exits.PROGRAM,
        # Messages about one stage of a pod's life: general words in them refer to that stage.
        *admission.API_SERVER,
        *scheduling.RULES,
        *volumes.RULES,
        *pod_sandbox.NETWORK,
        *pod_sandbox.REST,
        *registry_errors.CREDENTIALS,
        *container_start.RULES,
        # Image pulls: limits, the node's disk and runtime, the network, the registry's response.
        *rate_limits.RULES,
        *runtime.DISK,
        *registry_errors.BROKEN_OFF,
        *network.RULES,
        *runtime.STORAGE,
        *pod_sandbox.FALLBACK,
        *images.RULES,
        *registry_errors.RULES,
        *registry_refusals.RULES,
        *registry_refusals.BY_REASON,
        # Terminated processes.
        *exits.ENDINGS,
    )
)
"""Every rule for messages that podtriage has."""

UNKNOWN: Final = Rule(
    id="unknown",
    category=Category.UNKNOWN,
    kind=ErrorKind.SYSTEM,
    means="no rule matches this message",
    remedy=(
        "Read the message; if you know its cause, add a rule of your own. Until then the failure counts as the "
        "platform's, because nothing in the message points to the user."
    ),
    source="default: an unknown reason to wait is SYSTEM on stock Flyte too (flytek8s, classifyWaitingContainer)",
    reasons={"unknown"},
)
"""The rule of a message of the platform that no other rule matches; it is in no rule book."""

UNKNOWN_SPEAKER: Final = Rule(
    id="unknown-speaker",
    category=Category.UNKNOWN,
    kind=ErrorKind.SYSTEM,
    means="nothing tells whether the platform or the task's own program says this",
    remedy=(
        "Give the text with what stands around it: `kubectl describe pod NAME`, `kubectl get pod NAME -o yaml`, or the "
        "whole error of Flyte's console. The same words mean different things from a registry and from a program."
    ),
    source="default: without a sign of a pull, an image, a registry, a mount, a sandbox or a node no rule counts",
    reasons={"unknown"},
)
"""The rule of a text that stands alone without any sign of who says it; it is in no rule book."""

APPLICATION_ERROR: Final = Rule(
    id="app-own-error",
    category=Category.APP_ERROR,
    means="the task's program reports an error of its own",
    remedy="See the task's log. Network, permission and disk errors in it are those of what the program itself uses.",
    source="kubernetes API, terminationMessagePath: the program writes it; flytek8s ConvertPodFailureToError quotes it",
    reasons={"unknown"},
)
"""The rule of what an application says, where no rule counts for applications; it is in no rule book."""

EVENTS_MISSING: Final = Rule(
    id="events-missing",
    category=Category.UNKNOWN,
    kind=ErrorKind.SYSTEM,
    means="the pod has not started, and its events, which would say why, are not in the text",
    remedy=(
        "Give the pod's events too: they are the end of `kubectl describe pod NAME`; if that says `<none>`, they have expired "
        "(after an hour, by default), and the pod has to be started again."
    ),
    source="kubernetes apiserver --event-ttl (1 h); kubectl describe prints events last",
    reasons={"unknown"},
)
"""The rule of a pod pasted as text whose state names no cause, without its events; it is in no rule book."""

OTHERWISE: Final = (UNKNOWN, UNKNOWN_SPEAKER, APPLICATION_ERROR, EVENTS_MISSING, *bare_reasons.RULES)
"""The rules of messages that no rule of the book matches."""
