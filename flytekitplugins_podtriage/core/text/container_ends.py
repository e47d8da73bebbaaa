"""How containers ended, as Flyte writes it into the message of a failed pod.

``[a] terminated with exit code (1). Reason [Error]. Message: ...``: the
backends join the pod's message and, for each container that has terminated, its name, exit code, reason and what it
left as its termination message (flyteplugins flytek8s/pod_helper.go, ``ConvertPodFailureToError``). What stands behind
``Message:`` is the application's: the last words of its log, since flytekit's pods fall back to logs.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

_END: Final = re.compile(
    r"\[([^\][\n]{1,253})\] terminated with exit code \((-?\d{1,9})\)\. Reason \[([^\]\n]{0,128})\]\. Message: ?"
)
_SIGN: Final = "terminated with exit code ("


class ContainerEnd(msgspec.Struct, frozen=True, gc=False):
    """How one container ended."""

    name: str
    exit_code: int
    reason: str
    message: str
    """What the container left: its termination message."""


def split_container_ends(text: str) -> tuple[str, list[ContainerEnd]]:
    """Return what stands before the ends of containers, and these; the whole text and none if it names none."""
    if "(" not in text or _SIGN not in text:
        return text, []
    matches = list(_END.finditer(text))
    if not matches:
        return text, []
    ends = [
        ContainerEnd(
            match[1], int(match[2]), match[3], text[match.end() : following].strip().removesuffix(".").rstrip()
        )
        for match, following in zip(matches, [*(match.start() for match in matches[1:]), len(text)], strict=True)
    ]
    return text[: matches[0].start()].strip(), ends
