"""Sanitizing text from outside: secrets are masked, and nothing is left that controls a terminal or a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from flytekitplugins_podtriage.core.text.controls import without_controls
from flytekitplugins_podtriage.core.text.redact import mask

if TYPE_CHECKING:  # an error line of the command line needs none of it
    from flytekitplugins_podtriage.core.model import Diagnosis, Evidence, Verdict


def sanitize(text: str) -> str:
    """Return a text with its secrets masked and its terminal sequences and other controls removed."""
    return mask(without_controls(text))


def one_line(text: str, limit: int = 300) -> str:
    r"""Return a sanitized text as one line of at most ``limit`` characters; a longer one loses its middle.

    >>> one_line("a  b\nc", 80)
    'a b c'
    """
    if len(text) > 16 * limit:
        text = f"{text[: 8 * limit]} {text[-8 * limit :]}"
    text = " ".join(sanitize(text).split())
    if len(text) <= limit:
        return text
    head = (limit - 5) * 3 // 5
    return f"{text[:head]} ... {text[len(text) - (limit - 5 - head) :]}"


Answer = TypeVar("Answer", "Verdict", "Diagnosis")

_QUOTING_FIELDS: Final = ("message", "reason", "code", "remedy", "registry", "image", "container")
"""The fields that may quote the pod, besides the evidence."""


def masked(answer: Answer) -> Answer:
    """Return a verdict or diagnosis with its secrets masked; the same object if it holds none.

    A stock backend joins reasons into its code, and a remedy repeats an image reference with the password in it.
    """
    import attrs

    changes: dict[str, Any] = {}
    for name in _QUOTING_FIELDS:
        text = getattr(answer, name, None)
        if text and (safe := mask(text)) != text:
            changes[name] = safe
    evidence = tuple(map(_masked_evidence, answer.evidence))
    if evidence != answer.evidence:
        changes["evidence"] = evidence
    return attrs.evolve(answer, **changes) if changes else answer


def _masked_evidence(item: Evidence) -> Evidence:
    """Messages are masked where the core collects them; the reasons beside them are not."""
    import attrs

    text, container = mask(item.text), item.container and mask(item.container)
    if text == item.text and container == item.container:
        return item
    return attrs.evolve(item, text=text, container=container)
