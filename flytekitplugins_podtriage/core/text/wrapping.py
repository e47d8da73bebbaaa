"""Removing what backends, consoles and kubectl put around a message.

``[1/1] currentAttempt done. Last Error: USER::Grace period [3m0s] exceeded|containers with unready status: [a]|...``:
propeller's executor.go adds the first part, its error's kind the second, flytek8s ``GetMessageAfterGracePeriod`` and
``demystifyPendingHelper`` the others. The kubelet (pkg/kubelet/images/image_manager.go) and containerd (CRI part and
client/pull.go) add the image's name once or several times. None of it is a cause.
"""

from __future__ import annotations

import re

import msgspec

_ANSI = re.compile(r"\x1b\[[0-9;?]{0,16}[A-Za-z]")
_ATTEMPT = re.compile(r"\[\d{1,6}/\d{1,6}\] currentAttempt done\. Last Error: ")
_KIND = re.compile(r"\b(USER|SYSTEM|UNKNOWN)::")
_UNREADY = re.compile(r"containers with (?:unready|incomplete) status: \[[^\][]*\]\|?")
_BACK_OFF = 'Back-off pulling image "'
_FAILED = 'Failed to pull image "'
_UNPACK = 'failed to pull and unpack image "'
_RESOLVE = 'failed to resolve reference "'
_PULLS = (_BACK_OFF, _FAILED, _UNPACK)
_MARKDOWN_LINK = re.compile(r"\[([^\][\s]{1,512})\]\(https?://[^\s()]{1,1024}\)")
"""A name that an editor made a link: ``[r.example/a:1](http://r.example/a:1)``."""
_GRACE = re.compile(r"Grace period \[[^\]]{0,32}\] exceeded\|?")


class Unwrapped(msgspec.Struct, frozen=True, gc=False):
    """A message without its wrapping."""

    text: str
    charged: str | None = None
    """``USER`` or ``SYSTEM``: what the backend charged, if the wrapping says."""
    image: str | None = None
    """The image that the wrapping names, as spelled in the pod."""


def unwrap(message: str) -> Unwrapped:
    """Return the message of the runtime or the kubelet, and what its wrapping says."""
    text = message
    charged = image = None
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    if "\\" in text:
        # Text that was quoted once more on its way (a JSON body inside an error, a log's own escaping).
        text = text.replace('\\"', '"').replace("\\n", "\n").replace("\\r", " ").replace("\\t", " ")
    if "]" in text and "](http" in text:
        text = _MARKDOWN_LINK.sub(r"\1", text)
    if not text.startswith(_PULLS):
        text, charged = _without_backend(text)
    # The wrapping of a failed pull repeats the image, and says nothing else.
    if text.startswith(_BACK_OFF) and (end := text.find('": ', 24, 1024)) > 0:
        image = text[24:end]
        text = text[end + 3 :]
        text = text.removeprefix("ErrImagePull: ")
    if text.startswith(_FAILED) and (end := text.find('": ', 22, 1024)) > 0:
        image = text[22:end].partition('"')[0]  # old kubelets: from pod "a" and container "b"
        text = text[end + 3 :]
    if text.startswith(_UNPACK) and (end := text.find('": ', 33, 1024)) > 0:
        image = image or text[33:end]
        text = text[end + 3 :]
        if text.startswith(_RESOLVE) and (end := text.find('": ', 29, 1024)) > 0:
            text = text[end + 3 :]
    return Unwrapped(text, charged, image)


def _without_backend(text: str) -> tuple[str, str | None]:
    """Return the text without a Flyte backend's wrapping, and the kind that it charged."""
    charged = None
    if "currentAttempt done" in text:
        text = _ATTEMPT.sub("", text)
    if "::" in text and (match := _KIND.search(text, 0, 4096)):
        charged = match[1]
        text = text[: match.start()] + text[match.end() :]
    if "exceeded|" in text:
        text = _GRACE.sub("", text)
    if "status: [" in text:
        text = _UNREADY.sub("", text)
    return text, charged
