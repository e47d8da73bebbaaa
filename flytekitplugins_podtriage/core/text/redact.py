"""Masking of secrets in everything that is displayed or reported.

Registry errors quote URLs, and URLs carry credentials: ``user:password@`` (RFC 3986 section 3.2.1), signatures of
pre-signed object URLs (AWS ``X-Amz-Signature``, Google ``X-Goog-Signature``, Azure ``sig``), OAuth tokens in queries;
clients echo ``Authorization`` headers. A mask keeps the name and drops the value.
"""

from __future__ import annotations

import re

MASK = "***"

_NAMES = frozenset(
    "x-amz-signature x-amz-credential x-amz-security-token x-goog-signature x-goog-credential awsaccesskeyid signature"
    " sig access_token refresh_token id_token auth_token client_secret api_key api-key apikey token password passwd pwd"
    " secret x-oss-signature ossaccesskeyid key-pair-id identitytoken registrytoken auth policy se skoid"
    " secretaccesskey sessiontoken authorization x-registry-auth private_key".split()
)
"""Names whose values are secrets, in queries, forms and JSON."""

# Each pattern starts with a literal and repeats one class of characters: the time is linear in the text.
_USERINFO = re.compile(r"://[^\s/@\"'<>]{1,512}@")
_BARE_USERINFO = re.compile(r"(?<![\w.+-])[\w.+-]{1,128}:[^\s/@\"'<>:=]{1,256}@(?!sha\d{3}:)")
"""The same without a scheme, as in an image reference; the ``@`` of a digest is another."""
_VALUE = re.compile(r"=([^\s&\"'\\<>;,)\]]{4,})")
_NAME_BEFORE = re.compile(r"[A-Za-z0-9_-]{2,32}\Z")
_MEMBER = re.compile(r"\"([A-Za-z0-9_-]{2,32})\"\s?:\s?\"([^\"]{4,})\"")
_BEARER = re.compile(r"(?i:\b(bearer|basic|negotiate|token))((?::\s?|\s+|%20))([A-Za-z0-9._~+/-]{20,}=*)")
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?")
_TOKENS = re.compile(r"(?:ghp_|gho_|ghs_|ghu_|ghr_|github_pat_|glpat-|dckr_pat_|dckr_oat_|AKIA|ASIA)[A-Za-z0-9_-]{12,}")


def mask(text: str) -> str:
    """Return the text with the values of secrets replaced by ``***``.

    >>> mask("GET https://bob:hunter2@registry.example/v2/?X-Amz-Signature=0123456789abcdef")
    'GET https://***@registry.example/v2/?X-Amz-Signature=***'
    """
    # Each substitution runs only if a cheap test says that it may match: most messages contain no secret.
    if "@" in text and "://" in text:
        text = _USERINFO.sub(f"://{MASK}@", text)
    if "@" in text and text.count("@") > text.count("@sha256:"):
        text = _BARE_USERINFO.sub(f"{MASK}@", text)
    if "=" in text:
        text = _VALUE.sub(_mask_value, text)
    if '"' in text and ('":"' in text or '": "' in text or '" : "' in text):
        text = _MEMBER.sub(_mask_member, text)
    if "earer " in text or "EARER " in text or "asic " in text or "oken: " in text:
        text = _BEARER.sub(rf"\1\2{MASK}", text)
    if "eyJ" in text:
        text = _JWT.sub(MASK, text)
    if "_" in text or "glpat-" in text or "AKIA" in text or "ASIA" in text:
        text = _TOKENS.sub(MASK, text)
    return text


def _mask_value(match: re.Match[str]) -> str:
    start = match.start()
    name = _NAME_BEFORE.search(match.string, max(0, start - 32), start)
    if name is not None and name[0].lower() in _NAMES:
        return f"={MASK}"
    return match[0]


def _mask_member(match: re.Match[str]) -> str:
    if match[1].lower() in _NAMES:
        return f'"{match[1]}":"{MASK}"'
    return match[0]
