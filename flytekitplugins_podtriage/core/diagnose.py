"""``diagnose``: the cause of a failure from one message."""

from __future__ import annotations

import functools

import msgspec

from flytekitplugins_podtriage.core.model import Category, Diagnosis, Evidence
from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN, UNKNOWN
from flytekitplugins_podtriage.core.rules.rule import Rule
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook
from flytekitplugins_podtriage.core.text.http_status import http_status
from flytekitplugins_podtriage.core.text.pull_attempts import split_attempts
from flytekitplugins_podtriage.core.text.redact import mask
from flytekitplugins_podtriage.core.text.references import image_of, peer_of, registry_of, retry_after_of
from flytekitplugins_podtriage.core.text.tokens import tokenize
from flytekitplugins_podtriage.core.text.wrapping import unwrap

EXCERPT = 500
"""Longest quotation of a message as evidence, in characters."""
LONGEST = 65_536
"""Longest message that is read whole, in characters; of a longer one, both ends. An event's message has at most 1,024
bytes, a termination message 4,096 (Kubernetes API)."""

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


def diagnose(message: str, *, reason: str | None = None, rules: RuleBook | None = None) -> Diagnosis:
    """Return the cause of a failure from one message, and whose fault it is.

    Args:
        message: the message of a runtime, a kubelet or a backend; text pasted from a console will do. Only both ends of
            more than 64 Ki characters are read.
        reason: the reason beside it (``ErrImagePull``, ``Evicted``, ``FailedMount``, ...), if known.
        rules: the rules to apply; by default the built-in ones.

    Returns:
        The cause; its category is ``unknown`` if no rule matches.

    Raises:
        TypeError: the message is not text.
    """
    if not isinstance(message, str):
        raise TypeError(f"a message is text, not {type(message).__name__}")
    match = match_message(message, reason, rules)
    evidence: tuple[Evidence, ...] = (Evidence("message", match.excerpt),)
    if match.other_excerpts:
        evidence += tuple(Evidence("message", text) for text in match.other_excerpts)
    return Diagnosis(
        category=match.rule.category,
        kind=match.rule.kind,
        rule=match.rule.id,
        remedy=match.remedy,
        http_status=match.status,
        registry=match.registry,
        image=match.image,
        retry_after=match.retry_after,
        evidence=evidence,
    )


def match_message(message: str, reason: str | None = None, rules: RuleBook | None = None) -> Match:
    """Return the match that :func:`diagnose` is made from."""
    # A waiting pod repeats its message in every state.
    match = _match if len(message) > _LONGEST_CACHED else _match_cached
    return match(message, reason, BUILT_IN if rules is None else rules)


def _match(message: str, reason: str | None, rules: RuleBook) -> Match:
    if len(message) > LONGEST:
        message = f"{message[: LONGEST // 2]} {message[-LONGEST // 2 :]}"
    if reason is not None and reason.startswith("OutOf"):
        # The kubelet makes the reason from the resource's name, whatever that is (lifecycle/predicate.go).
        reason = "OutOfcpu"
    inner = unwrap(message)
    attempts = split_attempts(inner.text)
    if len(attempts) == 1:
        return _match_attempt(inner.text, inner.image, reason, rules)
    matches = [_match_attempt(attempt, inner.image, reason, rules) for attempt in attempts]
    # The last attempt was final; a refusal yields to an attempt that got further.
    chosen = next((match for match in reversed(matches) if not _yields(match)), matches[-1])
    others = tuple(match.excerpt for match in matches if match is not chosen)
    return msgspec.structs.replace(chosen, other_excerpts=others)


_match_cached = functools.lru_cache(maxsize=256)(_match)


def _match_attempt(text: str, image: str | None, reason: str | None, rules: RuleBook) -> Match:
    tokens = tokenize(text)
    status = http_status(tokens)
    if image is None:
        image = image_of(text)
    registry = registry_of(text, image)
    rule = rules.first_match(tokens, status, reason, peer_of(text, registry)) or UNKNOWN
    retry_after = None
    if "again in" in text or "etry" in text or "ETRY" in text:
        retry_after = retry_after_of(text)
    if image is not None and ("@" in image or "=" in image):
        image = mask(image)
    return Match(rule, excerpt(text), status, registry, image, retry_after)


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
