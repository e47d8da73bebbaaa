"""Masking of secrets in whatever is shown to a person or handed on.

Registry errors quote URLs, and URLs carry credentials; clients echo ``Authorization`` headers; people paste commands,
environments and configurations. A mask keeps the name of the thing and drops its value. What is masked:

* user information in a URL or an image reference (RFC 3986 section 3.2.1), ``user:password`` behind ``-u`` and
  ``--creds``;
* the credentials of an ``Authorization`` header, whatever its scheme (RFC 9110 section 11.6.2), and bare
  ``Bearer``/``Basic`` credentials;
* values of keys, parameters, flags and variables whose name names a secret (:mod:`.secret_tokens`);
* tokens with a documented prefix (:data:`.secret_tokens.TOKEN_FORMS`), JSON Web Tokens (RFC 7519), and private keys in
  PEM (RFC 7468), whole or cut off.

Digests, uids, ARNs and image references stay readable.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import Final

from flytekitplugins_podtriage.core.text.secret_tokens import (
    NAME_ENDS,
    TOKEN_FORMS,
    TOKEN_PREFIXES,
    URL_PARAMETERS,
    names_password,
    names_secret,
)
from flytekitplugins_podtriage.core.text.white_space import WHITE_SPACE

MASK: Final = "***"

# Each pattern starts with a literal or a bounded name and repeats one class of characters: the time is linear.
_USERINFO: Final = re.compile(r"://[^\s/@\"'<>]{1,512}@")
_BARE_USERINFO: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,128}:[^\s/@\"'<>:=]{1,256}@(?!sha\d{3}:)")
"""The same without a scheme, as in an image reference; the ``@`` of a digest is another."""
_HEADER: Final = re.compile(
    r"(?i)\b((?:proxy-)?authorization|x-registry-auth|x-api-key|x-auth-token|set-cookie|cookie)"
    r"(\\?[\"']?\s{0,3}[:=]\s{0,3}\[?\\?[\"']?)((?:[a-z][a-z0-9-]{1,30}\s+)?)([^\s\"'\\\],;]{2,}[^\"'\\\]\n]*)"
)
_SCHEME: Final = re.compile(
    r"\b([Bb]earer|BEARER|[Bb]asic|BASIC|[Nn]egotiate)((?::\s?|\s+|%20))"
    r"([A-Za-z0-9._~+/-]{8,4096}={0,2})(?![A-Za-z0-9._~+/=\"-])"
)
_VALUE: Final = re.compile(r"\s{0,3}(?:\\{1,3}[\"']([^\"'\\]+)|\"([^\"\n]+)|'([^'\n]+)|([^\s\"'\\&<>;,)\]}]+))")
"""What follows ``=`` or ``:``: quoted, escaped once more or bare."""
_FLAG: Final = re.compile(r"(?<=--)([a-z][a-z0-9-]{1,40})([ =][\"']?)([^\s\"'-][^\s\"']*)")
_LOGIN: Final = re.compile(
    r"(\blogin\b[^\n|;&]{0,400}?\s-p[\s=]?)([^\s\"'-][^\s]*)"
    r"|(\s(?:-u|--user|--creds|--src-creds|--dest-creds)[\s=][\"']?[^\s:\"']{1,128}:)([^\s\"']+)"
)
"""``docker login -p PASSWORD``; ``curl -u USER:PASSWORD`` and ``skopeo --creds USER:PASSWORD``."""
_JWT: Final = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?")
_PEM: Final = re.compile(
    r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)[^-]*(?:-(?!----END)[^-]*)*(?=-----END|\Z)"
)
_TOKENS: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    + "|".join(f"(?:{'|'.join(map(re.escape, form.prefixes))}){form.body}" for form in TOKEN_FORMS)
    + ")"
)


# Signs without which a step has nothing to mask. Each pattern begins with one character, since a search for one is many
# times faster than one for all names and prefixes, and goes on with what stands before it: it reads the reversed text.
def _any_reversed(words: Iterable[str]) -> str:
    """Return a pattern of any of these words, reversed and by their last letter: most letters rule out all of them."""
    by_letter = itertools.groupby(sorted(word[::-1] for word in words), key=lambda word: word[0])
    return "|".join(f"{letter}(?:{'|'.join(re.escape(word[1:]) for word in group)})" for letter, group in by_letter)


def _ends_name(separator: str) -> re.Pattern[str]:
    """Return a pattern of a separator, and before it the end of a secret's name or a parameter, in lower case."""
    names = rf"[{WHITE_SPACE}\"'\\0-9_.-]*(?:{_any_reversed(NAME_ENDS)})"
    return re.compile(rf"{separator}(?:{names}|(?:{_any_reversed(URL_PARAMETERS)})[?&])")


def _begins_token(mark: str) -> str:
    """Return a pattern of the first mark in a token, and before it what the token begins with."""
    begins = {match[1] for prefix in TOKEN_PREFIXES if (match := re.match(rf"([A-Za-z0-9]+){mark}", prefix))}
    return rf"{mark}(?:{_any_reversed(begins)})(?![A-Za-z0-9])"


_COLON: Final = _ends_name(":")
_EQUALS: Final = _ends_name("=")
_DASH: Final = re.compile(rf"{_begins_token('-')}|-(?:-|(?<=[up]-)\s)")
"""Or ``--``, ``-u``, ``-p``."""
_UNDERSCORE: Final = re.compile(_begins_token("_"))
_DOT: Final = re.compile(_begins_token(r"\."))
_CAPITAL: Final = re.compile(f"A(?:{'|'.join(prefix[1:] for prefix in TOKEN_PREFIXES if prefix[0] == 'A')})")
"""The beginning of a token that has no mark, as it stands in the text; the others begin with ``dapi``."""
_NAME_SIGNS: Final = ("pass", "pwd", "secret", "token", "credential", "key", "auth", "sig", "cookie", "connection")
"""What a name of a secret contains, in lower case."""
_SCHEMES: Final = frozenset({"bearer", "basic", "digest", "negotiate", "token"})
_LONGEST_NAME: Final = 72
_SHORTEST_SIGNATURE: Final = 8
"""Characters of a signature in a URL; what follows a name such as ``sig`` elsewhere is mostly a number."""
_NAME_CHARACTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
_AROUND_NAME: Final = " \t\"'\\"
_PROSE: Final = frozenset(
    "not is are was must should required incorrect invalid missing empty unset wrong authentication authorization"
    " expired and or for the a an from in of to unauthorized unexpected denied failed error server get post head no"
    " unable cannot could fetch request status null none true false nil".split()
)
"""Words that follow a colon or a flag in a sentence, and are no value."""


def mask(text: str) -> str:
    """Return the text with the values of secrets replaced by ``***``.

    >>> mask("GET https://bob:hunter2@registry.example/v2/?X-Amz-Signature=0123456789abcdef")
    'GET https://***@registry.example/v2/?X-Amz-Signature=***'
    """
    # Every step is behind the cheapest sign that it could find something: most messages hold none. Private keys come
    # first, while their first line is whole: the value of `TLS_KEY=-----BEGIN ...` ends at its first space.
    if "K" in text and "PRIVATE KEY" in text:
        text = _PEM.sub(rf"\1{MASK}", text)
    if "@" in text:
        if "://" in text:
            text = _USERINFO.sub(f"://{MASK}@", text)
        if text.count("@") > text.count("@sha256:"):
            text = _BARE_USERINFO.sub(f"{MASK}@", text)
    lower, backwards = text.lower(), text[::-1]
    if _names_secret(lower[::-1]):
        text = _mask_named(_HEADER.sub(_mask_header, text))
    at_dash = "-" in text and _DASH.search(backwards) is not None
    if at_dash and any(sign in lower for sign in _NAME_SIGNS):
        text = _FLAG.sub(_mask_flag, text)
    if "bearer" in lower or "basic" in lower or "negotiate" in lower:
        text = _SCHEME.sub(_mask_credentials, text)
    if "J" in text and "eyJ" in text:
        text = _JWT.sub(MASK, text)
    if at_dash:
        text = _LOGIN.sub(lambda match: f"{match[1] or match[3]}{MASK}", text)
    return _TOKENS.sub(MASK, text) if at_dash or _may_hold_token(text, backwards) else text


def _names_secret(backwards: str) -> bool:
    """Whether a secret's name stands before ``:`` or ``=``."""
    return _COLON.search(backwards) is not None or ("=" in backwards and _EQUALS.search(backwards) is not None)


def _may_hold_token(text: str, backwards: str) -> bool:
    """Whether the prefix of a token without a dash may stand in a text."""
    return (
        ("." in text and _DOT.search(backwards) is not None)
        or ("_" in text and _UNDERSCORE.search(backwards) is not None)
        or ("A" in text and _CAPITAL.search(text) is not None)
        or "dapi" in text
    )


def _mask_header(match: re.Match[str]) -> str:
    """Keep the name of a header and the scheme of its credentials."""
    scheme, word = match[3].strip().lower(), match[4].split(None, 1)[0].strip(".:").lower()
    if scheme in _PROSE or word in _PROSE or (not scheme and word in _SCHEMES):
        return match[0]  # a sentence: "may require authorization: authorization failed"
    return f"{match[1]}{match[2]}{match[3]}{MASK}"


def _mask_named(text: str) -> str:
    """Mask what follows ``=`` or ``:`` where the name before it names a secret."""
    pieces: list[str] = []
    done = 0
    for separator in "=:":
        at = text.find(separator)
        while at >= 0:
            window = text[max(done, at - _LONGEST_NAME) : at].rstrip(_AROUND_NAME)
            name = window[len(window.rstrip(_NAME_CHARACTERS)) :].strip("-.")
            if name and names_secret(name):
                value = _VALUE.match(text, at + 1)
                if value is not None and _is_value(value, name, separator):
                    start, end = value.span(value.lastindex or 0)
                    pieces += (text[done:start], MASK)
                    done = at = end
            at = text.find(separator, max(at + 1, done))
        if pieces:
            text = "".join((*pieces, text[done:]))
            pieces.clear()
        done = 0
    return text


def _is_value(value: re.Match[str], name: str, separator: str) -> bool:
    """Whether what follows a name is its value, and no word of a sentence: "token: unexpected status" holds none."""
    given = value[value.lastindex or 0]
    if name.lower() in URL_PARAMETERS and len(given) < _SHORTEST_SIGNATURE:
        return False
    if separator == "=" or value.lastindex != 4:
        return given != MASK
    word = value[4]
    if word.lower().strip(".:") in _PROSE or word == MASK:
        return False
    if names_password(name):
        return True
    # A sentence goes on after "token:" or "secret:"; a value has more than lower-case letters.
    return len(word) > 7 and not word.strip(".:!?").isalpha()


def _mask_flag(match: re.Match[str]) -> str:
    if names_secret(match[1]) and match[3].lower() not in _PROSE:
        return f"{match[1]}{match[2]}{MASK}"
    return match[0]


def _mask_credentials(match: re.Match[str]) -> str:
    """Mask what follows the name of a scheme, unless it is a word: "basic credentials" holds none."""
    word = match[3]
    if word.islower() and word.isalpha() and len(word) < 20:
        return match[0]
    return f"{match[1]}{match[2]}{MASK}"
