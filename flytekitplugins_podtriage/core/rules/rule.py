"""A rule: data about one cause of failure, and how it matches a message."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Final

import attrs

from flytekitplugins_podtriage.core.errors import InvalidRule
from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.text.references import Peer
from flytekitplugins_podtriage.core.text.speaker import PLATFORM, Speaker
from flytekitplugins_podtriage.core.text.tokens import Tokens, phrase

UNMISTAKABLE: Final = PLATFORM | {Speaker.UNKNOWN}
"""For wordings that one component of the platform has and no program, so that they need no other sign of who says them."""

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")

_COMMON = frozenset(
    "failed error unable pull pulling image images nameref urlref to the of in for from and is not a an no with on be by"
    " was request requests response server status code unknown desc rpc unexpected registry repository manifest manifests"
    " message reference resolve authorize fetch token get head open copy exceeded limit container pod create created node"
    " found initializing source reading daemon docker host v2 http https context".split()
)
"""Words of very many messages: poor ones to index a rule by."""


def _strings(value: str | Iterable[str]) -> tuple[str, ...]:
    """Accept one string or several."""
    return (value,) if isinstance(value, str) else tuple(value)


def _statuses(value: Iterable[int]) -> frozenset[int]:
    return frozenset(value)


def _reasons(value: Iterable[str]) -> frozenset[str]:
    return frozenset(value)


def _speakers(value: Iterable[Speaker]) -> frozenset[Speaker]:
    return frozenset(value)


@attrs.frozen(slots=False, kw_only=True)
class Rule:
    """One cause of failure, and the conditions for it.

    All conditions of a rule must hold; for each of them one of its entries is enough. Phrases are sequences of whole
    words, compared without regard to case, punctuation and line breaks, after references, addresses and quoted names
    were replaced by markers.
    """

    id: str
    """Lower-case words joined by ``-``; part of the public interface."""
    category: Category = attrs.field(converter=Category)
    kind: ErrorKind = attrs.field(converter=ErrorKind)
    """By default that of its category."""
    means: str
    """What happened, for a person; ``{registry}`` and ``{image}`` are filled in here and in the remedy."""
    remedy: str
    """What a person can do about it."""
    source: str
    """Where the wording or behaviour is defined: public code or documentation."""
    phrases: tuple[str, ...] = attrs.field(default=(), converter=_strings)
    also: tuple[str, ...] = attrs.field(default=(), converter=_strings)
    """Further phrases, of which the text must contain one too."""
    unless: tuple[str, ...] = attrs.field(default=(), converter=_strings)
    """Phrases that rule it out."""
    statuses: frozenset[int] = attrs.field(default=frozenset(), converter=_statuses)
    """HTTP statuses of which the message must report one."""
    not_statuses: frozenset[int] = attrs.field(default=frozenset(), converter=_statuses)
    """HTTP statuses that rule it out."""
    reasons: frozenset[str] = attrs.field(default=frozenset(), converter=_reasons)
    """Reasons (of a pod, a container, an event or a condition) of which one must come with the message."""
    peer: Peer | None = None
    """Which host the connection must have been made to."""
    speakers: frozenset[Speaker] = attrs.field(default=PLATFORM, converter=_speakers)
    """Who must say the message. Few rules count for applications: an HTTP 429 that a program prints is that of an API which
    the program calls, not that of the registry."""

    @kind.default
    def _kind_of_category(self) -> ErrorKind:
        return self.category.default_kind

    def __attrs_post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise InvalidRule(f"rule {self.id!r}: an id is lower-case letters, digits and '-', at most 64 characters")
        for name in ("phrases", "also", "unless"):
            for text in getattr(self, name):
                if not isinstance(text, str) or not phrase(text).strip():
                    raise InvalidRule(f"rule {self.id!r}: {name} holds {text!r}, which has no word in it")
        if not (self.phrases or self.statuses or self.reasons):
            raise InvalidRule(f"rule {self.id!r}: it would match everything; give phrases, statuses or reasons")

    @cached_property
    def _lines(self) -> tuple[tuple[str, ...], ...]:
        """The phrases, the further ones and those that rule it out, each as :attr:`Tokens.line` holds it."""
        return tuple(tuple(map(phrase, texts)) for texts in (self.phrases, self.also, self.unless))

    @property
    def anchors(self) -> frozenset[str]:
        """One word of each phrase, by which the rule is indexed: the longest that is not common."""
        return frozenset(
            max(text.split(), key=lambda word: (word not in _COMMON, len(word))) for text in self._lines[0]
        )

    def matches(self, tokens: Tokens, status: int | None, reason: str | None, peer: Peer | None) -> bool:
        """Whether all conditions of the rule hold."""
        if self.statuses and status not in self.statuses:
            return False
        if status in self.not_statuses:
            return False
        if self.reasons and reason not in self.reasons:
            return False
        if self.peer is not None and peer is not self.peer:
            return False
        line = tokens.line
        phrases, also, unless = self._lines
        if (phrases and not _any(phrases, line)) or (also and not _any(also, line)):
            return False
        return not _any(unless, line)


def _any(phrases: tuple[str, ...], line: str) -> bool:
    # The inner loop of every diagnosis: any() with a generator costs twice as much.
    for text in phrases:  # noqa: SIM110
        if text in line:
            return True
    return False
