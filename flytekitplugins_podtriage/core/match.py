"""The rule that one message of the platform, or of an application, matches."""

from __future__ import annotations

import functools
import re
from typing import Final

import msgspec

from flytekitplugins_podtriage.core.model import Category
from flytekitplugins_podtriage.core.rules.builtin import APPLICATION_ERROR, BUILT_IN, UNKNOWN, UNKNOWN_SPEAKER
from flytekitplugins_podtriage.core.rules.rule import Rule
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook
from flytekitplugins_podtriage.core.text.error_bodies import spell_out_error_bodies
from flytekitplugins_podtriage.core.text.http_status import http_status
from flytekitplugins_podtriage.core.text.pull_attempts import split_attempts
from flytekitplugins_podtriage.core.text.redact import mask
from flytekitplugins_podtriage.core.text.references import (
    image_of,
    peer_of,
    registry_of,
    registry_of_image,
    retry_after_of,
)
from flytekitplugins_podtriage.core.text.speaker import Speaker
from flytekitplugins_podtriage.core.text.tokens import phrase, tokenize
from flytekitplugins_podtriage.core.text.wrapping import unwrap

EXCERPT = 500
"""Longest quotation of a message as evidence, in characters."""
LONGEST = 65_536
"""Longest message that is read whole, in characters; of a longer one, both ends. An event's message has at most 1,024
bytes, a termination message 4,096 (Kubernetes API)."""

_OF_OTHER_STAGES: Final = frozenset(Category) - {
    Category.REGISTRY_RATE_LIMITED,
    Category.REGISTRY_UNAVAILABLE,
    Category.NETWORK_TIMEOUT,
    Category.DNS,
    Category.TLS,
    Category.PROXY,
    Category.AUTH,
    Category.NOT_FOUND,
    Category.INVALID_REFERENCE,
    Category.PLATFORM_MISMATCH,
    Category.CORRUPT_CONTENT,
    Category.NEVER_PULL,
    Category.UNKNOWN,
}
"""The categories of what is no failed pull: a host or HTTP status in its message is no registry's."""
_ABOUT_NO_REGISTRY: Final = frozenset({"network-api-server", "network-api-server-url", "network-metadata"})
_LONGEST_CACHED = 4_096
"""Longest message whose match is cached, in characters."""


class Match(msgspec.Struct, frozen=True, gc=False):
    """The rule that matched a message, and what a verdict needs of the message.

    A Struct because one or more are made for every decision, at a tenth of the cost of an attrs class.
    """

    rule: Rule
    excerpt: str
    status: int | None = None
    registry: str | None = None
    image: str | None = None
    retry_after: float | None = None
    other_excerpts: tuple[str, ...] = ()
    """Of the attempts and mirrors that did not decide."""

    @property
    def remedy(self) -> str:
        """What a person can do about it."""
        return fill_in(self.rule.remedy, self.registry, self.image)


def match_message(message: str, reason: str | None = None, rules: RuleBook | None = None) -> Match:
    """Return the match of a message that the platform says: a waiting message, an event, a pod's status.

    Args:
        message: its text; of more than :data:`LONGEST` characters only both ends are read.
        reason: the reason beside it, if known.
        rules: the rules to apply; by default the built-in ones.
    """
    # A waiting pod repeats its message in every state.
    match = _match if len(message) > _LONGEST_CACHED else _match_cached
    return match(message, reason, BUILT_IN if rules is None else rules)


def match_spoken(message: str, speaker: Speaker, rules: RuleBook | None = None) -> Match:
    """Return the match of a message that the given speaker says, without a reason beside it.

    An application's own error is :data:`APPLICATION_ERROR` unless one of the few rules matches that count for
    applications; a text of an unknown speaker is :data:`UNKNOWN_SPEAKER` unless a rule counts whoever says it.
    """
    book = (BUILT_IN if rules is None else rules).for_speaker(speaker)
    return _match(message, None, book, _OTHERWISE.get(speaker, UNKNOWN))


def match_termination_message(message: str, rules: RuleBook | None = None) -> Match | None:
    """Return the match of what a container left behind; None if it says no more than its exit code does.

    It is the application's word, and counts for what an application can know: that the hardware failed.
    """
    match = match_spoken(message, Speaker.APPLICATION, rules)
    return None if match.rule.category in _OF_EXIT_CODES else match


_OF_EXIT_CODES: Final = frozenset({Category.APP_ERROR, Category.KILLED, Category.UNKNOWN})
_OTHERWISE: Final = {Speaker.APPLICATION: APPLICATION_ERROR, Speaker.UNKNOWN: UNKNOWN_SPEAKER}


def _match(message: str, reason: str | None, rules: RuleBook, otherwise: Rule = UNKNOWN) -> Match:
    if len(message) > LONGEST:
        message = f"{message[: LONGEST // 2]} {message[-LONGEST // 2 :]}"
    if reason is not None and reason.startswith("OutOf"):
        # The kubelet makes the reason from the resource's name, whatever that is (lifecycle/predicate.go).
        reason = "OutOfcpu"
    inner = unwrap(message)
    attempts = split_attempts(inner.text)
    if len(attempts) == 1:
        return _match_attempt(inner.text, inner.image, reason, rules, otherwise)
    matches = [_match_attempt(attempt, inner.image, reason, rules, otherwise) for attempt in attempts]
    # The last attempt was final; a refusal yields to an attempt that got further.
    chosen = next((match for match in reversed(matches) if not _yields(match)), matches[-1])
    others = tuple(match.excerpt for match in matches if match is not chosen)
    return msgspec.structs.replace(chosen, other_excerpts=others)


_match_cached = functools.lru_cache(maxsize=256)(_match)


def _match_attempt(text: str, image: str | None, reason: str | None, rules: RuleBook, otherwise: Rule) -> Match:
    tokens = tokenize(spell_out_error_bodies(text))
    status = http_status(tokens)
    if image is None:
        image = image_of(text)
    registry = registry_of(text, image)
    rule = rules.first_match(tokens, status, reason, peer_of(text, registry, image)) or otherwise
    if rule.category in _OF_OTHER_STAGES or rule.id in _ABOUT_NO_REGISTRY:
        # The host and the status are those of a webhook, an API or a server of files.
        status, registry = None, registry_of_image(image) if image is not None else None
    retry_after = None
    if "again in" in text or "etry" in text or "ETRY" in text:
        retry_after = retry_after_of(text)
    if image is not None and ("@" in image or "=" in image):
        image = mask(image)
    quotation = (
        excerpt(text) if len(text) <= EXCERPT else excerpt(_around(mask(text), rule))
    )  # masked first: a cut name would not say what its value is
    return Match(rule, quotation, status, registry, image, retry_after)


def _around(text: str, rule: Rule) -> str:
    """Return the part of a long text around the words that made a rule match; all of it if they are not in one run."""
    for words in (*rule.phrases, *rule.also):
        pattern = r"[^A-Za-z0-9]{1,20}".join(map(re.escape, phrase(words).split()))
        match = re.search(pattern, text, re.IGNORECASE | re.ASCII)
        if match is not None:
            start = max(0, min(match.start() - EXCERPT // 3, len(text) - EXCERPT + 20))
            cut = text[start : start + EXCERPT - 20]
            head, tail = "[...] " if start else "", " [...]" if start + len(cut) < len(text) else ""
            return f"{head}{cut}{tail}"
    return text


def _yields(match: Match) -> bool:
    """Whether an attempt says little beside another.

    The kubelet tries credentials that need not fit; a registry that the node's configuration blocks was never asked.
    """
    category = match.rule.category
    return category is Category.AUTH or category is Category.UNKNOWN or match.rule.id == "image-source-blocked"


def fill_in(text: str, registry: str | None, image: str | None) -> str:
    """Return a rule's text with the names of the registry and the image filled in."""
    if "{" not in text:
        return text
    return text.replace("{registry}", registry or "the registry").replace("{image}", image or "the image")


def excerpt(text: str) -> str:
    """Return the text for display: secrets masked, white space folded, and a long one without its middle."""
    if len(text) > 8 * EXCERPT:
        # Cut first, so that a huge message costs no more; a secret that is cut in two is dropped with the middle below.
        text = f"{text[: 4 * EXCERPT]} {text[-4 * EXCERPT :]}"
    if "\n" in text or "  " in text or "\t" in text or "\r" in text:
        text = " ".join(text.split())
    text = mask(text)
    if len(text) > EXCERPT:
        half = (EXCERPT - len(" [...] ")) // 2
        text = f"{text[:half]} [...] {text[-half:]}"
    return text
