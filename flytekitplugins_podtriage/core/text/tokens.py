r"""A message as a rule sees it: its words, without references, addresses and names.

Causes are looked for in words, and names are not words: an image ``too-many-requests/app:429``, a port ``14291``, a
digest, a URL, a path or a quoted name says nothing about the cause, whatever it spells. Each is replaced by a marker.
What remains is lower-cased and split at everything that is neither letter nor digit, so that case, punctuation and
line breaks of the many programs that print the same error do not matter: ``TOO_MANY_REQUESTS``, ``too many requests``
and ``Too Many\n Requests`` are the same three words.

All of it is linear in the length of the text.
"""

from __future__ import annotations

import re

import msgspec

URL = "urlref"
NAME = "nameref"
"""What stands for a URL, and for any other reference or name, among the words."""

_TO_WORDS = "".join(c.lower() if c.isascii() and c.isalnum() else " " for c in map(chr, range(256))).encode()
"""Letters become lower-case, digits stay, all else is a space; as bytes, since their translation is the fastest."""

_URL = re.compile(r"://[^\s\"'<>]*")
_QUOTED = re.compile(r'"([^"\s]*)"')
_BACK_QUOTED = re.compile(r"`[^`\s]*`")
_STEP = re.compile(r"\[(?:manifests|blobs|tags)[^\]\n]{0,300}\]")
_MANIFEST_OF = re.compile(r"\b[Mm]anifest \S{1,300} in \S{1,600}")
_NAMED = "[Ii]mage|for|[Rr]epository|[Cc]ontainer|[Pp]od|[Ss]ecret|[Cc]onfig[Mm]ap|configmap"
_IMAGE_NAMED = re.compile(rf"\b({_NAMED}) (?![a-z]+ )(\S{{1,512}})(?= not found|, repository| in Secret)")
_ADDRESS_CHARS = frozenset("/:@.")
_INSIDE = re.compile(r"[/:@.]\w")
"""One of these inside a word: the sign that some word may be a reference."""

# Words that hold a slash, a dot or a colon and are words all the same.
_PLAIN = frozenset(
    {
        "i/o",
        "net/http",
        "and/or",
        "n/a",
        "tls/ssl",
        "ssl/tls",
        "driver/library",
        "affinity/selector",
        "input/output",
        "read/write",
        "client/server",
        "http/https",
        "cpu/memory",
        "nvidia-container-cli.real",
    }
)
# Before a colon these are words of the message, not a host or an image: "status:429", "denied:requested".
_LABELS = frozenset(
    "status statuscode code error err http https denied unauthorized toomanyrequests unknown reason message desc msg"
    " errors detail details info warning failed forbidden".split()
)
_STRIP = "()[]{},;:.!?'`*|<>"


class Words(msgspec.Struct, frozen=True, gc=False):
    """The words of a message; a Struct, since it is made once for every diagnosis, and costs a third of a class."""

    line: str
    """All of them with one space before, between and after: a phrase is found as ``f" {phrase} " in line``."""
    listed: list[str]
    """Each of them in its place."""


def phrase(text: str) -> str:
    """Return a phrase as :attr:`Words.line` would hold it.

    >>> phrase("TOOMANYREQUESTS: Rate-limit")
    ' toomanyrequests rate limit '
    """
    return f" {' '.join(_split(text))} "


def words(text: str) -> Words:
    """Return the words of a text, references, addresses and quoted names replaced by markers."""
    if "://" in text:
        text = _URL.sub(f" {URL} ", text)
    if "[" in text:
        text = _STEP.sub("", text)
    if '"' in text:
        text = _QUOTED.sub(_quoted, text)
    if "`" in text:
        text = _BACK_QUOTED.sub(NAME, text)
    if "anifest " in text:
        text = _MANIFEST_OF.sub(f"manifest {NAME} in {NAME} :", text)
    if " not found" in text or ", repository" in text or " in Secret" in text:
        text = _IMAGE_NAMED.sub(rf"\1 {NAME}", text)
    if _INSIDE.search(text) is not None:
        # Most words are letters and digits alone, or end in one mark: those are through with one test or two.
        text = " ".join(
            [
                NAME if not part.isalnum() and not part[:-1].isalnum() and _is_reference(part) else part
                for part in text.split()
            ]
        )
    listed = _split(text)
    return Words(f" {' '.join(listed)} ", listed)


def _split(text: str) -> list[str]:
    """Return the words of a text in lower case; what is not ASCII separates words."""
    return text.encode("utf-8", "replace").translate(_TO_WORDS).decode("ascii").split()


def _quoted(found: re.Match[str]) -> str:
    """Keep a quoted word where it is a value in JSON or a code in capitals; else it is a name."""
    body = found[1]
    if not body:
        return '""'
    if _ADDRESS_CHARS.isdisjoint(body):
        before = found.string[max(0, found.start() - 3) : found.start()]
        if body.isupper() or before.rstrip().endswith((":", "{", "[")):
            return found[0]
    return NAME


def _is_reference(part: str) -> bool:
    """Whether a word with something other than letters in it is an address, a path or a reference."""
    if _ADDRESS_CHARS.isdisjoint(part):
        return False
    core = part.strip(_STRIP)
    if _ADDRESS_CHARS.isdisjoint(core):
        return False
    if core.lower() in _PLAIN:
        return False
    if "/" in core:
        return core[:5].lower() != "http/"
    head, colon, tail = core.partition(":")
    if colon:
        return head.lower() not in _LABELS and bool(tail)
    # A dot inside: a host, an address, a file, a version; but not the end of one sentence and the start of the next.
    return not core.replace(".", "").isalpha() or core.count(".") > 1 or core.islower()
