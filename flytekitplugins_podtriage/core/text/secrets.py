"""Masking of secrets in whatever is shown to a person or handed on.

Registry errors quote URLs, and URLs carry credentials: ``user:password@`` (RFC 3986 section 3.2.1), signatures of
pre-signed object URLs (AWS ``X-Amz-Signature``, Google ``X-Goog-Signature``, Azure ``sig``), OAuth tokens in queries;
clients echo ``Authorization`` headers. A mask keeps the name of the thing and drops its value.
"""

from __future__ import annotations

import re

MASK = "***"

# Every pattern starts with a literal or a short bounded run and none nests a repetition: the time is linear.
_USERINFO = re.compile(r"://[^\s/@\"'<>]{1,512}@")
_NAMED = re.compile(
    r"(?i)\b(x-amz-signature|x-amz-credential|x-amz-security-token|x-goog-signature|x-goog-credential|awsaccesskeyid"
    r"|signature|sig|access_token|refresh_token|id_token|auth_token|client_secret|api[-_]?key|token|password|passwd|pwd"
    r"|secret|x-oss-signature|ossaccesskeyid|key-pair-id|identitytoken|registrytoken|auth)"
    r"(=|%3d|\"\s?:\s?\"|\\\"\s?:\s?\\\")([^\s&\"'\\<>;,)\]]{4,})"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic|negotiate)(\s+|%20)([A-Za-z0-9._~+/=-]{12,})")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?")
_TOKENS = re.compile(
    r"\b(?:ghp_|gho_|ghs_|ghu_|ghr_|github_pat_|glpat-|dckr_pat_|dckr_oat_|AKIA|ASIA)[A-Za-z0-9_-]{12,}"
)

# One of these stands in a text if any of the patterns can match; looking for them costs a fraction of a pattern.
_SIGNS = ("=", "@", "eyJ", "earer", "asic ", "EARER", "ASIC", "_pat_", "glpat-", "gh", "AKIA", "ASIA", '":', '" :', "%3")


def mask(text: str) -> str:
    """Return the text with the values of secrets replaced by ``***``.

    >>> mask("GET https://bob:hunter2@registry.example/v2/?X-Amz-Signature=0123456789abcdef")
    'GET https://***@registry.example/v2/?X-Amz-Signature=***'
    """
    for sign in _SIGNS:
        if sign in text:
            break
    else:
        return text
    if "@" in text:
        text = _USERINFO.sub(f"://{MASK}@", text)
    if "=" in text or "%3" in text or '":' in text or '" :' in text:
        text = _NAMED.sub(rf"\1\2{MASK}", text)
    text = _BEARER.sub(rf"\1\2{MASK}", text)
    if "eyJ" in text:
        text = _JWT.sub(MASK, text)
    return _TOKENS.sub(MASK, text)
