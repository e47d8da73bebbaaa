"""Label selectors (k8s.io/apimachinery pkg/labels/selector.go)."""

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
    """The values that the label may have; None: any."""
    negated: bool = False

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        # "notin" and "!=" also select objects without the label (Requirement.Matches).
        matches = value is not None and (self.values is None or value in self.values)
        return matches != self.negated


@attrs.frozen(slots=True)
class Selector:
    """A parsed selector."""

    text: str
    terms: tuple[_Term, ...]

    @classmethod
    def parse(cls, text: str) -> Selector:
        """Parse a selector: ``key``, ``!key``, ``key=value``, ``key!=value``, ``key in (a,b)``, ``key notin (a,b)``.

        Raises:
            ValueError: it is not one of these, or several separated by commas.
        """
        terms: list[_Term] = []
        start = 0
        while start < len(text):
            match = _TERM.match(text, start)
            if match is None:
                raise ValueError(
                    f"label selector {text[:120]!r}: invalid term {text[start : start + 40]!r}; allowed: key, !key, "
                    "key=value, key!=value, key in (a,b), key notin (a,b), separated by commas"
                )
            terms.append(_term(match))
            start = match.end()
        return cls(text, tuple(terms))

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Whether an object with these labels is selected."""
        return all(term.matches(labels or {}) for term in self.terms)

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> Selector:
        """Return the selector of the objects that carry all these labels."""
        return cls.parse(",".join(f"{key}={value}" for key, value in sorted(labels.items())))


def _term(match: re.Match[str]) -> _Term:
    if match["absent"]:
        return _Term(match["absent"][1:].strip(), None, negated=True)
    if match["set"]:
        values = frozenset(value.strip() for value in match["values"].split(","))
        return _Term(match["set"], values, negated=match["word"] == "notin")
    if match["operator"]:
        return _Term(match["key"], frozenset({match["value"]}), negated=match["operator"] == "!=")
    return _Term(match["key"], None)
