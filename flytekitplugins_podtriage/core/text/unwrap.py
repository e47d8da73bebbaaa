"""Taking off what backends, consoles and kubectl put around a message.

``[1/1] currentAttempt done. Last Error: USER::Grace period [3m0s] exceeded|containers with unready status: [a]|...``:
propeller's executor.go adds the first part, its error's kind the second, flytek8s ``GetMessageAfterGracePeriod`` and
``demystifyPendingHelper`` the others. None of it is a cause, and the name of a container in it must not become one.
"""

from __future__ import annotations

import re

import msgspec

_ANSI = re.compile(r"\x1b\[[0-9;?]{0,16}[A-Za-z]")
_ATTEMPT = re.compile(r"\[\d{1,6}/\d{1,6}\] currentAttempt done\. Last Error: ")
_KIND = re.compile(r"\b(USER|SYSTEM|UNKNOWN)::")
_UNREADY = re.compile(r"containers with (?:unready|incomplete) status: \[[^\]]*\]\|?")
_GRACE = re.compile(r"Grace period \[[^\]]{0,32}\] exceeded\|?")


class Unwrapped(msgspec.Struct, frozen=True, gc=False):
    """A message without its wrapping."""

    text: str
    charged: str | None = None
    """``USER`` or ``SYSTEM``: what the backend says it charged, if the wrapping tells."""


def unwrap(message: str) -> Unwrapped:
    """Return the message as the runtime or the kubelet said it, and the kind that the backend had put before it."""
    text = message
    charged = None
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    if "\\" in text:
        # Text that was quoted once more on its way (a JSON body inside an error, a log's own escaping).
        text = text.replace('\\"', '"').replace("\\n", "\n").replace("\\r", " ").replace("\\t", " ")
    if "currentAttempt done" in text:
        text = _ATTEMPT.sub("", text)
    if "::" in text and (found := _KIND.search(text, 0, 4096)):
        charged = found[1]
        text = text[: found.start()] + text[found.end() :]
    if "exceeded|" in text:
        text = _GRACE.sub("", text)
    if "status: [" in text:
        text = _UNREADY.sub("", text)
    return Unwrapped(text, charged)
