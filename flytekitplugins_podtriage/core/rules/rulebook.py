"""An ordered table of rules with an index: the first rule that matches decides.

The index makes the cost of a message depend on its words, not on the number of rules. Each rule is filed under what
must be there for it to match at all: one word of each of its phrases, or its statuses, or its reasons.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from flytekitplugins_podtriage.core.errors import InvalidRule
from flytekitplugins_podtriage.core.rules.rule import Rule
from flytekitplugins_podtriage.core.text.references import Peer
from flytekitplugins_podtriage.core.text.tokens import Words


class RuleBook(Sequence[Rule]):
    """Rules in the order in which they are tried."""

    __slots__ = ("_anchors", "_by_reason", "_by_status", "_by_word", "_rules")

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Index the rules.

        Raises:
            InvalidRule: two rules share an id.
        """
        self._rules = tuple(rules)
        # A set of rules is a number with a bit for each one's place: sets are joined, and walked in order, the fastest so.
        self._by_word: dict[str, int] = {}
        self._by_status: dict[int, int] = {}
        self._by_reason: dict[str, int] = {}
        seen: set[str] = set()
        for place, rule in enumerate(self._rules):
            if rule.id in seen:
                raise InvalidRule(f"rule {rule.id!r}: the id is taken; every rule has one of its own")
            seen.add(rule.id)
            # One file is enough, and the rarest is the best: reasons before statuses before words.
            if rule.reasons:
                _file(self._by_reason, rule.reasons, place)
            elif rule.statuses:
                _file(self._by_status, rule.statuses, place)
            else:
                _file(self._by_word, rule.anchors, place)
        self._anchors = frozenset(self._by_word)

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

    def first_match(self, words: Words, status: int | None, reason: str | None, peer: Peer | None) -> Rule | None:
        """Return the first rule that recognises the message, or None."""
        places = 0
        by_word = self._by_word
        for word in words.each & self._anchors:
            places |= by_word[word]
        if status is not None:
            places |= self._by_status.get(status, 0)
        if reason is not None:
            places |= self._by_reason.get(reason, 0)
        while places:
            first = places & -places  # the lowest of the bits
            rule = self._rules[first.bit_length() - 1]
            if rule.matches(words, status, reason, peer):
                return rule
            places ^= first
        return None


def _file(index: dict, keys: Iterable, place: int) -> None:  # type: ignore[type-arg]  # one helper for three key types
    for key in keys:
        index[key] = index.get(key, 0) | 1 << place
