"""An ordered table of rules with an index: the first rule that matches decides.

The cost of a message depends on its words, not on the number of rules: each rule is indexed by what a message must have
for it to match, which is one word of each of its phrases, or its statuses, or its reasons.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from flytekitplugins_podtriage.core.errors import InvalidRule
from flytekitplugins_podtriage.core.rules.rule import Rule
from flytekitplugins_podtriage.core.text.references import Peer
from flytekitplugins_podtriage.core.text.speaker import Speaker
from flytekitplugins_podtriage.core.text.tokens import Tokens


class RuleBook(Sequence[Rule]):
    """Rules in the order in which they are tried."""

    __slots__ = ("_anchors", "_by_reason", "_by_status", "_by_word", "_of_speaker", "_rules")

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Index the rules.

        Raises:
            InvalidRule: two rules share an id.
        """
        self._rules = tuple(rules)
        # Positions of rules in the table, by what a message must have for them to match.
        self._by_word: dict[str, list[int]] = {}
        self._by_status: dict[int, list[int]] = {}
        self._by_reason: dict[str, list[int]] = {}
        ids: set[str] = set()
        for position, rule in enumerate(self._rules):
            if rule.id in ids:
                raise InvalidRule(f"rule {rule.id!r}: the id is taken; every rule has one of its own")
            ids.add(rule.id)
            # One index is enough, and the rarest is the best: reasons before statuses before words.
            if rule.reasons:
                _add(self._by_reason, rule.reasons, position)
            elif rule.statuses:
                _add(self._by_status, rule.statuses, position)
            else:
                _add(self._by_word, rule.anchors, position)
        self._anchors = frozenset(self._by_word)
        self._of_speaker: dict[Speaker, RuleBook] = {}

    def __getitem__(self, index: int) -> Rule:  # type: ignore[override]  # slices are not needed
        return self._rules[index]

    def __len__(self) -> int:
        return len(self._rules)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules)

    def with_rules(self, rules: Iterable[Rule]) -> RuleBook:
        """Return a book in which these rules are tried before all others.

        Raises:
            InvalidRule: an id is taken.
        """
        return RuleBook((*rules, *self._rules))

    def for_speaker(self, speaker: Speaker) -> RuleBook:
        """Return the rules that count when this speaker says a message, in the same order."""
        book = self._of_speaker.get(speaker)
        if book is None:
            rules = [rule for rule in self._rules if speaker in rule.speakers]
            book = self if len(rules) == len(self._rules) else RuleBook(rules)
            self._of_speaker[speaker] = book
        return book

    def first_match(self, tokens: Tokens, status: int | None, reason: str | None, peer: Peer | None) -> Rule | None:
        """Return the first rule that matches the message, or None."""
        positions: list[int] = []
        for word in self._anchors.intersection(tokens.words):
            positions += self._by_word[word]
        if status is not None:
            positions += self._by_status.get(status, ())
        if reason is not None:
            positions += self._by_reason.get(reason, ())
        # A rule that several words lead to is tried again; removing it from the list would cost more.
        positions.sort()
        for position in positions:
            rule = self._rules[position]
            if rule.matches(tokens, status, reason, peer):
                return rule
        return None


_Key = TypeVar("_Key")


def _add(index: dict[_Key, list[int]], keys: Iterable[_Key], position: int) -> None:
    for key in keys:
        index.setdefault(key, []).append(position)
