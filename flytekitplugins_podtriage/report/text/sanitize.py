"""Making text from outside fit to be shown: secrets masked, and nothing left in it that steers a terminal or a page."""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import attrs

from flytekitplugins_podtriage.core.model import Diagnosis, Evidence, Verdict
from flytekitplugins_podtriage.core.text.redact import mask

# C0 and C1 controls (ECMA-48) but for tab and line feed, and the marks that reorder text on screen (Unicode, UAX 9).
_ANSI = re.compile(r"\x1b\[[0-9;?]{0,32}[A-Za-z]")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def shown(text: str) -> str:
    """Return a text as it may be shown: secrets masked, terminal sequences and other controls taken out."""
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
    if not text.isprintable():
        text = _CONTROLS.sub(" ", _ANSI.sub("", text))
    return mask(text)


def line(text: str, limit: int = 300) -> str:
    r"""Return a text as one line fit to be shown, of at most ``limit`` characters; the middle of a longer one goes.

    >>> line("a  b\nc", 80)
    'a b c'
    """
    if len(text) > 16 * limit:
        text = f"{text[: 8 * limit]} {text[-8 * limit :]}"
    text = " ".join(shown(text).split())
    if len(text) <= limit:
        return text
    head = (limit - 5) * 3 // 5
    return f"{text[:head]} ... {text[len(text) - (limit - 5 - head) :]}"


Found = TypeVar("Found", Verdict, Diagnosis)

_REPEATED: Final = ("message", "reason", "code", "remedy", "registry", "image", "container")
"""The fields that hold words of the pod, beside the evidence."""


def masked(found: Found) -> Found:
    """Return a verdict or diagnosis without secrets; the same object where it holds none.

    A stock backend glues reasons into its code, and an image reference with a password in it comes back in the remedy.
    """
    changed: dict[str, Any] = {}
    for name in _REPEATED:
        said = getattr(found, name, None)
        if said and (safe := mask(said)) != said:
            changed[name] = safe
    evidence = tuple(map(_masked, found.evidence))
    if evidence != found.evidence:
        changed["evidence"] = evidence
    return attrs.evolve(found, **changed) if changed else found


def _masked(item: Evidence) -> Evidence:
    """Messages are masked where they are gathered, but reasons stand beside them as they are."""
    said, container = mask(item.text), item.container and mask(item.container)
    if said == item.text and container == item.container:
        return item
    return attrs.evolve(item, text=said, container=container)
