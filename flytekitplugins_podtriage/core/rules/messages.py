"""The built-in rules for messages, in the order in which they are tried: the first that matches decides.

The order is the precedence of causes. What names its cause outright stands before what could be said of several things:
an eviction before the disk it mentions, a device before the runtime that reports it, a limit before the refusal it is
dressed as, the way to the registry before the registry's answer, ``no such host`` before ``not found``.
"""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.rules import limits, network, node, pod, registry
from flytekitplugins_podtriage.core.rules.book import RuleBook
from flytekitplugins_podtriage.core.rules.rule import Rule


def _named(rules: tuple[Rule, ...], *ids: str) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules if rule.id in ids)


def _others(rules: tuple[Rule, ...], *ids: str) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules if rule.id not in ids)


BUILT_IN: Final = RuleBook(
    (
        *node.DEVICES,
        *node.EVICTIONS,
        *node.ADMISSION,
        *_named(pod.ENDINGS, "app-traceback"),
        *limits.RULES,
        *_named(node.RUNTIME, "node-disk", "node-runtime-down"),
        *network.RULES,
        *pod.SCHEDULING,
        *node.VOLUMES,
        *pod.CONFIGURATION,
        *_others(node.RUNTIME, "node-disk", "node-runtime-down"),
        *registry.RULES,
        *_others(pod.ENDINGS, "app-traceback", "deadline"),
        *pod.COMMAND,
        *_named(pod.ENDINGS, "deadline"),
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
