"""The table of rules, and the page of the documentation that is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN, UNKNOWN
from flytekitplugins_podtriage.core.rules.demystify import STOCK_RULES
from flytekitplugins_podtriage.core.rules.pod_states import POD_RULES
from flytekitplugins_podtriage.core.rules.rule import Rule
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook
from flytekitplugins_podtriage.core.text.references import Peer

_PEERS = {Peer.LOOPBACK: "the registry is on the node itself", Peer.NOBODY: "the registry's name ends in .invalid"}


@attrs.frozen
class Row:
    """One rule, as it is shown."""

    id: str
    about: str
    """``message``, ``pod`` or ``stock``: what it looks at."""
    category: str
    kind: str
    matches: str
    """How it recognises its cause, in words; empty for a rule that looks at a pod."""
    means: str
    remedy: str
    source: str


def rows(book: RuleBook | None = None, *, stock: bool = False) -> list[Row]:
    """Return the rules in the order in which they are tried: those for messages, those for pods, Flyte's own."""
    found = [_of_message(rule) for rule in (*(BUILT_IN if book is None else book), UNKNOWN)]
    found += [
        Row(rule.id, "pod", str(rule.category or ""), str(rule.kind or ""), "", rule.means, rule.remedy, rule.source)
        for rule in POD_RULES.values()
    ]
    if stock:
        found += [
            Row(rule.id, "stock", "", "", "", rule.does, rule.remedy, rule.source) for rule in STOCK_RULES.values()
        ]
    return found


def _of_message(rule: Rule) -> Row:
    return Row(
        rule.id,
        "message",
        str(rule.category),
        str(rule.kind),
        matcher(rule) if rule is not UNKNOWN else "no other rule matches",
        rule.means,
        rule.remedy,
        rule.source,
    )


def matcher(rule: Rule) -> str:
    """Say in words how a rule recognises a message."""
    parts = []
    if rule.reasons:
        parts.append(f"the reason is {_one_of(sorted(rule.reasons))}")
    if rule.statuses:
        parts.append(f"HTTP {_statuses(rule.statuses)}")
    if rule.phrases:
        parts.append(f"says {_one_of(rule.phrases)}")
    if rule.also:
        parts.append(f"and also {_one_of(rule.also)}")
    if rule.peer is not None:
        parts.append(_PEERS[rule.peer])
    if rule.unless:
        parts.append(f"but not {_one_of(rule.unless)}")
    if rule.not_statuses:
        parts.append(f"and not HTTP {_statuses(rule.not_statuses)}")
    return "; ".join(parts)


def _one_of(words: Sequence[str]) -> str:
    return " | ".join(f'"{word}"' for word in words)


def _statuses(statuses: Iterable[int]) -> str:
    numbers = sorted(statuses)
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [str(first) if first == last else f"{first} to {last}" for first, last in runs]
    return ", ".join(shown)


_INTRO = """# The rules

Made by `podtriage rules --markdown`; a test keeps the two equal. Do not edit this page, edit `core/rules/`.

Rules are tried in this order, and the first that matches decides. What a rule for messages says is a sequence of whole
words, compared without regard to case and punctuation, in a text whose image references, digests, hosts, ports, URLs,
paths and quoted names have been set aside (`nameref` and `urlref` stand for them). Ids and categories are part of the
public interface.
"""
_HEADINGS = {
    "message": "## Rules for messages",
    "pod": "## Rules for pods\n\nThese look at a pod: its phase, conditions, containers, reason and times.",
    "stock": "## What stock Flyte does\n\nThe branches of Flyte's own code, which the stock policies follow.",
}


def markdown(found: Iterable[Row]) -> str:
    """Return the page of the documentation."""
    lines = [_INTRO]
    about = ""
    for number, row in enumerate(found, 1):
        if row.about != about:
            about = row.about
            lines.append(f"{_HEADINGS[about]}\n")
        kind = f"{row.kind}, " if row.kind else ""
        lines.append(f"### {number}. {row.id}\n")
        what = "stock" if about == "stock" else row.category or "no failure"
        lines.append(f"{kind}{what}: {_plain(row.means)}\n")
        if row.matches:
            lines.append(f"- matches: {_plain(row.matches)}")
        if row.remedy:
            lines.append(f"- what helps: {_plain(row.remedy)}")
        lines.append(f"- source: {_plain(row.source)}\n")
    return "\n".join(lines).rstrip() + "\n"


def _plain(text: str) -> str:
    """Return a text with what Markdown would take for its own made harmless."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")
