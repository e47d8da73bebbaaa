"""What a misspelt line of a plan may have meant, and the registry that a misspelt host may have meant."""

from __future__ import annotations

import re
from typing import Final

from flytekitplugins_podtriage.core.text.suggestions import similar
from flytekitplugins_podtriage.sandbox.faults.fault_types import FORMS, parse_fault

REGISTRIES: Final = (
    "docker.io", "ghcr.io", "quay.io", "gcr.io", "registry.k8s.io", "public.ecr.aws", "mcr.microsoft.com", "nvcr.io",
    "registry.gitlab.com", "cr.flyte.org", "registry.access.redhat.com",
)  # fmt: skip
"""Public registries, whose hosts are often misspelt."""
_SCOPE_AND_MODIFIERS: Final = ("task", "attempt", "every", "container", "at", "for", "flaky", "seed")
_MAX_WORDS: Final = 24
"""The length of the lines that are looked at: a longer one is no slip of a letter."""


def nearest_fault(line: str) -> str | None:
    """Return the line with one word replaced by a similar one of the language; None if no such line is a fault."""
    words = line.split()
    if len(words) > _MAX_WORDS:
        return None
    for index, word in enumerate(words):
        bare = word.removesuffix(":")
        for known in similar(bare, _WORDS):
            if known == bare:
                continue
            candidate = " ".join([*words[:index], known + word[len(bare) :], *words[index + 1 :]])
            try:
                parse_fault(candidate)
            except ValueError:
                continue
            return candidate
    return None


def _words() -> tuple[str, ...]:
    """Return the words of the language; those in capitals in the examples stand for names."""
    examples = (example for forms in FORMS.values() for _, _, example in forms)
    words = [word for example in examples for word in re.split(r"[\s|\[\]]+", example) if word and not word.isupper()]
    return tuple(dict.fromkeys((*FORMS, *_SCOPE_AND_MODIFIERS, *words)))


_WORDS: Final = _words()
