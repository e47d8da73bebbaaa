"""Label selectors, as far as pods are watched by them (k8s.io/apimachinery pkg/labels/selector.go)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs

_KEY: Final = r"(?:[a-z0-9.-]{1,253}/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_VALUE: Final = r"[A-Za-z0-9._-]{0,63}"
_TERM: Final = re.compile(
    rf"\s*(?:(?P<absent>!\s*{_KEY})"
    rf"|(?P<set>{_KEY})\s+(?P<word>in|notin)\s*\((?P<values>[^()]*)\)"
    rf"|(?P<key>{_KEY})\s*(?:(?P<operator>==|!=|=)\s*(?P<value>{_VALUE}))?)\s*(?:,|$)"
)


@attrs.frozen(slots=True)
class _Term:
    key: str
    values: frozenset[str] | None
    """What the label may be; None: anything."""
    negated: bool = False

    def matches(self, labels: Mapping[str, str]) -> bool:
        found = labels.get(self.key)
        # "notin" and "!=" select what has no such label, too (Requirement.Matches).
        there = found is not None and (self.values is None or found in self.values)
        return there != self.negated


@attrs.frozen(slots=True)
class Selector:
    """A selector; :meth:`parse` makes one of its text."""

    text: str
    terms: tuple[_Term, ...]

    @classmethod
    def parse(cls, text: str) -> Selector:
        """Read a selector: ``key``, ``!key``, ``key=value``, ``key!=value``, ``key in (a,b)``, ``key notin (a,b)``.

        Raises:
            ValueError: it is none of these, nor several with commas between them.
        """
        terms: list[_Term] = []
        place = 0
        while place < len(text):
            found = _TERM.match(text, place)
            if found is None:
                raise ValueError(
                    f"label selector {text[:120]!r}: {text[place : place + 40]!r} cannot be read; allowed: key, !key, "
                    "key=value, key!=value, key in (a,b), key notin (a,b), with commas between them"
                )
            terms.append(_term(found))
            place = found.end()
        return cls(text, tuple(terms))

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Whether an object with these labels is selected."""
        return all(term.matches(labels or {}) for term in self.terms)

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> Selector:
        """Return the selector of all that carry these labels."""
        return cls.parse(",".join(f"{key}={value}" for key, value in sorted(labels.items())))


def _term(found: re.Match[str]) -> _Term:
    if found["absent"]:
        return _Term(found["absent"][1:].strip(), None, negated=True)
    if found["set"]:
        values = frozenset(value.strip() for value in found["values"].split(","))
        return _Term(found["set"], values, negated=found["word"] == "notin")
    if found["operator"]:
        return _Term(found["key"], frozenset({found["value"]}), negated=found["operator"] == "!=")
    return _Term(found["key"], None)
