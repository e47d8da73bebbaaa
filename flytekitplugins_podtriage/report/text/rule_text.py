"""What a verdict or diagnosis means, in a sentence: the words of the rule that decided."""

from __future__ import annotations

from flytekitplugins_podtriage.core.diagnose import filled
from flytekitplugins_podtriage.core.model import Diagnosis, ErrorKind, Verdict
from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN, UNKNOWN
from flytekitplugins_podtriage.core.rules.demystify import STOCK_RULES
from flytekitplugins_podtriage.core.rules.pod_states import POD_RULES
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook


def means(found: Verdict | Diagnosis, rules: RuleBook | None = None) -> str:
    """Return what has happened, in a sentence, with the registry and image filled in.

    Args:
        found: the answer of the core.
        rules: the rules that it went by; None for the built-in ones.
    """
    return filled(_said(found.rule, rules), found.registry, found.image)


def _said(rule_id: str, rules: RuleBook | None) -> str:
    if rule_id in POD_RULES:
        return POD_RULES[rule_id].means
    if rule_id in STOCK_RULES:
        return STOCK_RULES[rule_id].does
    for rule in rules if rules is not None else BUILT_IN:
        if rule.id == rule_id:
            return rule.means
    return UNKNOWN.means


def fault(kind: ErrorKind | None, unknown: bool = False) -> str:
    """Name whose fault it is, for a person.

    >>> fault(ErrorKind.SYSTEM), fault(ErrorKind.USER), fault(ErrorKind.SYSTEM, unknown=True), fault(None)
    ('SYSTEM', 'USER', 'unknown', '-')
    """
    if kind is None:
        return "-"
    return "unknown" if unknown else kind.value
