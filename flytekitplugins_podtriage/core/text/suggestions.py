"""Names that a misspelt one may have meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

_MOST: Final = 3
CUTOFF: Final = 0.6
"""difflib's own; one wrong letter in a word of three is just above it."""
_CLOSE: Final = 0.15
"""How much less similar than the best a further suggestion may be."""


def similar(word: str, names: Iterable[str], cutoff: float = CUTOFF) -> Sequence[str]:
    """Return the names that a word resembles, at most three, the most similar first; case and ``_`` do not count.

    ``cutoff`` is the least similarity, from 0 to 1.
    """
    from difflib import SequenceMatcher  # a typo may wait for it, the start of the program need not

    matcher: SequenceMatcher[str] = SequenceMatcher()
    matcher.set_seq2(_folded(word))
    rated = []
    for name in dict.fromkeys(names):
        matcher.set_seq1(_folded(name))
        if matcher.real_quick_ratio() >= cutoff and matcher.quick_ratio() >= cutoff:
            rated.append((matcher.ratio(), name))
    best = max((ratio for ratio, _ in rated), default=0.0)
    close = [(-ratio, name) for ratio, name in rated if ratio >= max(cutoff, best - _CLOSE)]
    return [name for _, name in sorted(close)[:_MOST]]


def did_you_mean(word: str, names: Iterable[str], cutoff: float = CUTOFF) -> str:
    """Return a question to put into an error message, with a blank before it: `` did you mean 'explain'?``.

    Empty if no name resembles the word.
    """
    alike = similar(word, names, cutoff)
    return f" did you mean {' or '.join(map(repr, alike))}?" if alike else ""


def _folded(name: str) -> str:
    return name.lower().replace("_", "-")
