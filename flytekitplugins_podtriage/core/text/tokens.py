r"""The words of a message, without references, addresses and names.

A name says nothing about the cause, whatever words it is made of: an image ``too-many-requests/app:429``, a port
``14291``, a digest, a URL, a path, a quoted name. Each is replaced by a marker. The rest is lower-cased and split at
everything that is neither letter nor digit, so that case, punctuation and line breaks do not matter:
``TOO_MANY_REQUESTS``, ``too many requests`` and ``Too Many\n Requests`` are the same three words.

The time is linear in the length of the text.
"""

from __future__ import annotations

import re

import msgspec

from flytekitplugins_podtriage.core.text.white_space import WHITE_SPACE

URL = "urlref"
NAME = "nameref"
"""The markers of a URL, and of any other reference or name, among the words."""
BLOB = "blobref"
MIRROR = "mirrorref"
STORAGE = "storageref"
API = "apiref"
"""What stands before the marker of a URL that is a blob's, a mirror's, a registry's storage or the cluster's API, and
in place of a blob's media type.

A blob is requested after its manifest, so the registry knows the image (OCI distribution specification, "Pulling
blobs"). containerd adds ``?ns=`` for hosts other than the image's own (core/remotes/docker/resolver.go,
``addNamespace``). A registry redirects to its storage, at another path than its own ``/v2/``."""

_TO_WORDS = "".join(c.lower() if c.isascii() and c.isalnum() else " " for c in map(chr, range(256))).encode()
"""Makes letters lower-case and everything but letters and digits a space; bytes, because they translate fastest."""

_URL = re.compile(f"://[^{WHITE_SPACE}\"'<>]*")
_BLOB_TYPE = re.compile(
    r"\(?application/vnd\.[a-z.]{1,32}\.(?:container\.image|image\.(?:rootfs|layer|config))[\w.+-]*\)?"
)
_QUOTED = re.compile(r'"([^"\s]*)"')
_BACK_QUOTED = re.compile(r"`[^`\s]*`")
_STEP = re.compile(r"\[(?:manifests|blobs|tags)[^\]\n]{0,300}\]")
_MANIFEST_OF = re.compile(r"\b[Mm]anifest \S{1,300} in \S{1,600}")
_NAMED = "[Ii]mage|for|[Rr]epository|[Cc]ontainer|[Pp]od|[Ss]ecret|[Cc]onfig[Mm]ap|configmap"
_IMAGE_NAMED = re.compile(rf"\b({_NAMED}) (?![a-z]+ )(\S{{1,512}})(?= not found|, repository| in Secret)")
_SWAP_LIMIT = re.compile(r"memory\.(?:memsw\.limit_in_bytes|swap\.max)")
"""Files of a cgroup that a kernel without swap accounting lacks."""
_MINUS_ONE = re.compile(r"\b([Cc]ode):? -1\b")
"""No exit code: what engines print that do not know it."""
_TOKEN_ERRORS = re.compile(r"\"(invalid_token|insufficient_scope)\"")
"""Codes of RFC 6750, which a registry quotes in its challenge."""
_ADDRESS_CHARS = frozenset("/:@.")
_INSIDE = re.compile(r"[/:@.]\w")
"""One of these inside a word: some word may be a reference."""

# Words although they contain a slash, a dot or a colon.
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
# Before a colon these are no host and no image: "status:429", "denied:requested".
_LABELS = frozenset(
    "status statuscode code error err http https denied unauthorized toomanyrequests unknown reason message desc msg"
    " errors detail details info warning failed forbidden".split()
)
_STRIP = "()[]{},;:.!?'\"`*|<>"


class Tokens(msgspec.Struct, frozen=True, gc=False):
    """The words of a message; a Struct because they are made for every decision."""

    line: str
    """All words, with one space before, between and after them: ``f" {phrase} " in line`` searches for a phrase."""
    words: list[str]


def phrase(text: str) -> str:
    """Return a phrase as :attr:`Tokens.line` would hold it.

    >>> phrase("TOOMANYREQUESTS: Rate-limit")
    ' toomanyrequests rate limit '
    """
    return f" {' '.join(_split(text))} "


def tokenize(text: str) -> Tokens:
    """Return the words of a text, with markers for references, addresses and quoted names."""
    if "://" in text:
        text = _URL.sub(_url, text)
    if "(" in text and "(application/vnd." in text:
        text = _BLOB_TYPE.sub(BLOB, text)
    if "[" in text:
        if "[blobs " in text:
            text = f"{BLOB} {text}"
        text = _STEP.sub("", text)
    if "memory." in text:
        text = _SWAP_LIMIT.sub(" memory swap limit ", text)
    if "<" in text:
        text = "markup".join(text.split("'<'"))
    if '"' in text:
        if 'error="in' in text:
            text = _TOKEN_ERRORS.sub(r"\1", text)
        text = _QUOTED.sub(_quoted, text)
    if " -1" in text:
        text = _MINUS_ONE.sub(r"\1 minus 1", text)
    if "`" in text:
        text = _BACK_QUOTED.sub(NAME, text)
    if "anifest " in text:
        text = _MANIFEST_OF.sub(f"manifest {NAME} in {NAME} :", text)
    if " not found" in text or ("," in text and ", repository" in text) or ("S" in text and " in Secret" in text):
        text = _IMAGE_NAMED.sub(rf"\1 {NAME}", text)
    if _may_hold_reference(text):
        # Most words are letters and digits, or end in one mark: one or two cheap tests are enough for them.
        text = " ".join(
            [
                NAME if not part.isalnum() and not part[:-1].isalnum() and _is_reference(part) else part
                for part in text.split()
            ]
        )
    words = _split(text)
    return Tokens(f" {' '.join(words)} ", words)


def _may_hold_reference(text: str) -> bool:
    """Whether a character of an address stands inside a word; counting is several times faster than the search."""
    if (
        "/" not in text
        and "@" not in text
        and text.count(":") == text.count(": ")
        and text.count(".") == text.count(". ")
    ):
        return False
    return _INSIDE.search(text) is not None


def _split(text: str) -> list[str]:
    """Return the words of a text in lower case; characters beyond ASCII separate words."""
    return text.encode("utf-8", "replace").translate(_TO_WORDS).decode("ascii").split()


def _url(match: re.Match[str]) -> str:
    """Keep of a URL that it is that of a blob, or of a mirror."""
    url = match[0]
    if "/api" in url and ("/apis/" in url or "/api/v1/n" in url or "/api/v1/pods" in url):
        return f" {API} {URL} "
    # Registries redirect to a storage that has the digest in its path (distribution, registry/storage/paths.go).
    blob = ""
    if "/blobs/sha" in url or ("/sha256" in url and "/manifests/" not in url):
        blob = f"{BLOB} " if url.startswith("/v2/", url.find("/", 3)) else f"{STORAGE} {BLOB} "
    mirror = f"{MIRROR} " if "?ns=" in url else ""
    return f" {mirror}{blob}{URL} "


def _quoted(match: re.Match[str]) -> str:
    """Keep a quoted word that is a value in JSON or a code in capitals; any other is a name."""
    body = match[1]
    if not body:
        return '""'
    if _ADDRESS_CHARS.isdisjoint(body):
        before = match.string[max(0, match.start() - 3) : match.start()]
        if body.isupper() or before.rstrip().endswith((":", "{", "[")):
            return match[0]
    return NAME


def _is_reference(part: str) -> bool:
    """Whether a word is an address, a path or a reference."""
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
