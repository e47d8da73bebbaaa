"""Verdicts and diagnoses in words: what the rule that decided stands for, and whose fault it is."""

from __future__ import annotations

from flytekitplugins_podtriage.core.match import fill_in
from flytekitplugins_podtriage.core.model import Diagnosis, ErrorKind, Verdict
from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN, OTHERWISE, UNKNOWN
from flytekitplugins_podtriage.core.rules.demystify import STOCK_RULES
from flytekitplugins_podtriage.core.rules.pod_states import POD_RULES
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook


def rule_title(answer: Verdict | Diagnosis, rules: RuleBook | None = None) -> str:
    """Return what happened, in a sentence; ``rules`` are those that decided, None for the built-in ones."""
    return fill_in(_template(answer.rule, rules), answer.registry, answer.image)


def _template(rule_id: str, rules: RuleBook | None) -> str:
    if rule_id in POD_RULES:
        return POD_RULES[rule_id].means
    if rule_id in STOCK_RULES:
        return STOCK_RULES[rule_id].does
    message_rules = rules if rules is not None else BUILT_IN
    return next((rule.means for rule in (*message_rules, *OTHERWISE) if rule.id == rule_id), UNKNOWN.means)


def fault_label(kind: ErrorKind | None, unknown: bool = False) -> str:
    """Return whose fault it is: ``USER``, ``SYSTEM``, ``unknown`` or ``-``.

    >>> [fault_label(kind) for kind in (ErrorKind.SYSTEM, ErrorKind.USER, None)]
    ['SYSTEM', 'USER', '-']
    >>> fault_label(ErrorKind.SYSTEM, unknown=True)
    'unknown'
    """
    if kind is None:
        return "-"
    return "unknown" if unknown else kind.value
