"""``diagnose``: from one message to a cause."""

from __future__ import annotations

import functools

import msgspec

from flytekitplugins_podtriage.core.model import Category, Diagnosis, Evidence
from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN, UNKNOWN
from flytekitplugins_podtriage.core.rules.rule import Rule
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook
from flytekitplugins_podtriage.core.text.http_status import http_status
from flytekitplugins_podtriage.core.text.pull_attempts import attempts
from flytekitplugins_podtriage.core.text.redact import mask
from flytekitplugins_podtriage.core.text.references import image_of, peer_of, registry_of, retry_after_of
from flytekitplugins_podtriage.core.text.tokens import words
from flytekitplugins_podtriage.core.text.wrapping import unwrap

EXCERPT = 500
"""How much of a message is quoted as evidence, in characters."""
LONGEST = 65_536
"""How much of a message is read, in characters: of a longer one the two ends, half of it each. An event's message has
at most 1,024 bytes, a termination message 4,096 (Kubernetes API); whatever is longer was put together by somebody."""

_REMEMBERED = 4_096
"""Up to which length a message is remembered with what was found in it, in characters."""


class Finding(msgspec.Struct, frozen=True, gc=False):
    """What was found in one message: a :class:`Diagnosis` in the making, and all that a verdict needs of it."""

    rule: Rule
    said: str
    """The cause in its own words, for display."""
    status: int | None = None
    registry: str | None = None
    image: str | None = None
    retry_after: float | None = None
    others: tuple[str, ...] = ()
    """The causes that were set aside, for display."""

    @property
    def remedy(self) -> str:
        """What to do, with the names filled in."""
        return filled(self.rule.remedy, self.registry, self.image)


def diagnose(message: str, *, reason: str | None = None, rules: RuleBook | None = None) -> Diagnosis:
    """Tell from a message why something failed, and whose doing it is.

    Args:
        message: what a runtime, a kubelet or a backend said; text pasted from a console will do. Of more than 64 Ki
            characters only the two ends are read.
        reason: the reason that stood beside it (``ErrImagePull``, ``Evicted``, ``FailedMount``, ...), if known.
        rules: the rules to go by; by default the built-in ones.

    Returns:
        The cause. It is ``unknown`` where no rule knows the words, and its remedy then says so.

    Raises:
        TypeError: the message is not text.
    """
    if not isinstance(message, str):
        raise TypeError(f"a message is text, not {type(message).__name__}")
    found = find(message, reason, rules)
    evidence: tuple[Evidence, ...] = (Evidence("message", found.said),)
    if found.others:
        evidence += tuple(Evidence("message", other) for other in found.others)
    return Diagnosis(
        category=found.rule.category,
        kind=found.rule.kind,
        rule=found.rule.id,
        remedy=found.remedy,
        http_status=found.status,
        registry=found.registry,
        image=found.image,
        retry_after=found.retry_after,
        evidence=evidence,
    )


def find(message: str, reason: str | None = None, rules: RuleBook | None = None) -> Finding:
    """Find the cause in a message; the same as :func:`diagnose`, for use inside the core."""
    book = BUILT_IN if rules is None else rules
    # A pod is looked at again and again while it waits, and says the same each time.
    return (_find if len(message) > _REMEMBERED else _find_again)(message, reason, book)


def _find(message: str, reason: str | None, book: RuleBook) -> Finding:
    if len(message) > LONGEST:
        message = f"{message[: LONGEST // 2]} {message[-LONGEST // 2 :]}"
    if reason is not None and reason.startswith("OutOf"):
        # The kubelet makes the reason of the resource's name, whatever that is (lifecycle/predicate.go).
        reason = "OutOfcpu"
    inner = unwrap(message)
    parts = attempts(inner.text)
    if len(parts) == 1:
        return _one(inner.text, inner.image, reason, book)
    return _several([_one(part, inner.image, reason, book) for part in parts])


_find_again = functools.lru_cache(maxsize=256)(_find)


def _one(text: str, image: str | None, reason: str | None, book: RuleBook) -> Finding:
    """Find the cause in one error."""
    seen = words(text)
    status = http_status(seen)
    if image is None:
        image = image_of(text)
    registry = registry_of(text, image)
    rule = book.first_match(seen, status, reason, peer_of(text, registry)) or UNKNOWN
    after = None
    if "again in" in text or "etry" in text or "ETRY" in text:
        after = retry_after_of(text)
    if image is not None and ("@" in image or "=" in image):
        image = mask(image)
    return Finding(rule, excerpt(text), status, registry, image, after)


def _several(found: list[Finding]) -> Finding:
    """Choose among attempts: the last that was final; a refusal yields to an attempt that got further."""
    chosen = next((one for one in reversed(found) if not _yields(one)), found[-1])
    others = tuple(one.said for one in found if one is not chosen)
    return msgspec.structs.replace(chosen, others=others)


def _yields(one: Finding) -> bool:
    """Whether an attempt says little beside another.

    The kubelet tries credentials that need not fit; a registry that the node's configuration blocks was never asked.
    """
    category = one.rule.category
    return category is Category.AUTH or category is Category.UNKNOWN or one.rule.id == "image-source-blocked"


def filled(text: str, registry: str | None, image: str | None) -> str:
    """Return a rule's text with the names of the registry and the image in their places."""
    if "{" not in text:
        return text
    return text.replace("{registry}", registry or "the registry").replace("{image}", image or "the image")


def excerpt(text: str) -> str:
    """Return the text for display: secrets masked, white space folded, the middle of a long one left out."""
    if len(text) > 8 * EXCERPT:
        # Cut first, so that a huge message costs no more; a secret cut in two at the edge is dropped with it below.
        text = f"{text[: 4 * EXCERPT]} {text[-4 * EXCERPT :]}"
    if "\n" in text or "  " in text or "\t" in text or "\r" in text:
        text = " ".join(text.split())
    text = mask(text)
    if len(text) > EXCERPT:
        half = (EXCERPT - len(" [...] ")) // 2
        text = f"{text[:half]} [...] {text[-half:]}"
    return text
