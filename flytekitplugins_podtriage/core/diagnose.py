"""``diagnose``: from one message to a cause."""

from __future__ import annotations

from flytekitplugins_podtriage.core.model import Diagnosis, Evidence
from flytekitplugins_podtriage.core.rules.book import RuleBook
from flytekitplugins_podtriage.core.rules.messages import BUILT_IN, UNKNOWN
from flytekitplugins_podtriage.core.rules.rule import Rule
from flytekitplugins_podtriage.core.text.attempts import attempts
from flytekitplugins_podtriage.core.text.places import image_of, peer_of, registry_of, retry_after_of
from flytekitplugins_podtriage.core.text.secrets import mask
from flytekitplugins_podtriage.core.text.status import http_status
from flytekitplugins_podtriage.core.text.unwrap import unwrap
from flytekitplugins_podtriage.core.text.words import words
from flytekitplugins_podtriage.core.model import Category

EXCERPT = 500
"""How much of a message is quoted as evidence, in characters."""


def diagnose(message: str, *, reason: str | None = None, rules: RuleBook | None = None) -> Diagnosis:
    """Tell from a message why something failed, and whose doing it is.

    Args:
        message: what a runtime, a kubelet or a backend said; text pasted from a console will do.
        reason: the reason that stood beside it (``ErrImagePull``, ``Evicted``, ``FailedMount``, ...), if known.
        rules: the rules to go by; by default the built-in ones.

    Returns:
        The cause. It is ``unknown`` where no rule knows the words, and its remedy then says so.

    Raises:
        TypeError: the message is not text.
    """
    if not isinstance(message, str):
        raise TypeError(f"a message is text, not {type(message).__name__}")
    book = BUILT_IN if rules is None else rules
    text = unwrap(message).text
    parts = attempts(text)
    if len(parts) == 1:
        return _one(text, reason, book)[0]
    return _several([_one(part, reason, book) for part in parts], image_of(text))


def _one(text: str, reason: str | None, book: RuleBook) -> tuple[Diagnosis, Rule]:
    """Diagnose one error."""
    seen = words(text)
    status = http_status(seen.listed, seen.each)
    image = image_of(text)
    registry = registry_of(text, image)
    rule = book.first_match(seen, status, reason, peer_of(text, registry)) or UNKNOWN
    after = None
    if "again in" in text or "etry" in text or "ETRY" in text:
        after = retry_after_of(text)
    remedy = rule.remedy
    if "{" in remedy:
        remedy = remedy.replace("{registry}", registry or "the registry").replace("{image}", image or "the image")
    return (
        Diagnosis(
            category=rule.category,
            kind=rule.kind,
            rule=rule.id,
            remedy=remedy,
            http_status=status,
            registry=registry,
            image=image,
            retry_after=after,
            evidence=(Evidence("message", excerpt(text)),),
        ),
        rule,
    )


def _several(found: list[tuple[Diagnosis, Rule]], image: str | None) -> Diagnosis:
    """Choose among attempts: the last that was final; a refusal yields to an attempt that got further."""
    chosen = next((one for one, _ in reversed(found) if not _yields(one)), found[-1][0])
    others = tuple(item for one, _ in found if one is not chosen for item in one.evidence)
    return Diagnosis(
        category=chosen.category,
        kind=chosen.kind,
        rule=chosen.rule,
        remedy=chosen.remedy,
        http_status=chosen.http_status,
        registry=chosen.registry,
        image=chosen.image or image,
        retry_after=chosen.retry_after,
        evidence=chosen.evidence + others,
    )


def _yields(one: Diagnosis) -> bool:
    """Whether an attempt says little beside another: the kubelet tries credentials that need not fit, and a registry
    that the node's configuration blocks was never asked."""
    return one.category is Category.AUTH or one.category is Category.UNKNOWN or one.rule == "image-source-blocked"


def excerpt(text: str) -> str:
    """Return the text for display: secrets masked, white space folded, the middle of a long one left out."""
    if len(text) > 8 * EXCERPT:
        # Cut first, so that a huge message costs no more; a secret cut in two at the edge is dropped with it below.
        text = f"{text[: 4 * EXCERPT]} {text[-4 * EXCERPT :]}"
    text = mask(" ".join(text.split()))
    if len(text) > EXCERPT:
        half = EXCERPT // 2 - 3
        text = f"{text[:half]} [...] {text[-half:]}"
    return text
