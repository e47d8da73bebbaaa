"""Tokens that are secrets by their own form, and the names whose values are: one table, each row with its source."""

from __future__ import annotations

import functools
import re
from typing import Final

import attrs


@attrs.frozen
class TokenForm:
    """A form of token that its issuer documents, so that it is recognised wherever it stands."""

    issuer: str
    prefixes: tuple[str, ...]
    """How it begins, in its own spelling."""
    body: str
    """What follows the prefix, as a regular expression."""
    source: str


_WORD: Final = r"[A-Za-z0-9_-]"
TOKEN_FORMS: Final = (
    # Clouds.
    TokenForm("AWS", ("AKIA", "ASIA", "ABIA", "ACCA"), r"[A-Z0-9]{12,}", "AWS IAM user guide, unique identifiers"),
    TokenForm("Google", ("AIza",), rf"{_WORD}{{30,}}", "Google Cloud, API keys"),
    TokenForm("Google", ("ya29.",), rf"{_WORD}{{16,}}", "Google Identity, OAuth 2.0 access tokens"),
    TokenForm("Google", ("GOCSPX-",), rf"{_WORD}{{16,}}", "Google Identity, OAuth 2.0 client secrets"),
    TokenForm("DigitalOcean", ("dop_v1_", "doo_v1_", "dor_v1_"), r"[0-9a-f]{16,}", "DigitalOcean API, token prefixes"),
    TokenForm("Databricks", ("dapi",), r"[0-9a-f]{32}(?:-\d{1,2})?", "Databricks, personal access tokens"),
    TokenForm("HashiCorp Vault", ("hvs.", "hvb.", "hvr."), rf"{_WORD}{{20,}}", "Vault 1.10, token prefixes"),
    TokenForm("Tailscale", ("tskey-",), rf"{_WORD}{{12,}}", "Tailscale, key prefixes"),
    TokenForm("Pulumi", ("pul-",), r"[0-9a-f]{40}", "Pulumi Cloud, access tokens"),
    TokenForm("Grafana", ("glsa_", "glc_"), rf"{_WORD}{{20,}}", "Grafana, service account tokens"),
    TokenForm("Sentry", ("sntrys_", "sntryu_"), r"[A-Za-z0-9_+/=-]{20,}", "Sentry, auth tokens"),
    TokenForm("New Relic", ("NRAK-",), r"[A-Z0-9]{20,}", "New Relic, API keys"),
    TokenForm("Doppler", ("dp.pt.", "dp.st.", "dp.ct."), r"[A-Za-z0-9._-]{20,}", "Doppler, token formats"),
    TokenForm("1Password", ("ops_eyJ",), rf"{_WORD}{{20,}}", "1Password, service account tokens"),
    TokenForm("age", ("AGE-SECRET-KEY-1",), r"[0-9A-Z]{20,}", "age specification, X25519 identities"),
    # Forges and package indexes.
    TokenForm(
        "GitHub",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"[A-Za-z0-9_]{12,}",
        "GitHub docs, token formats",
    ),
    TokenForm(
        "GitLab",
        ("glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glsoat-", "glft-", "glimt-", "glagent-", "gloas-"),
        r"[A-Za-z0-9_.-]{12,}",
        "GitLab docs, token prefixes",
    ),
    TokenForm("Atlassian", ("ATATT3", "ATCTT3", "ATBB"), r"[A-Za-z0-9_=-]{16,}", "Atlassian, API token formats"),
    TokenForm("npm", ("npm_",), r"[A-Za-z0-9]{30,}", "npm docs, access tokens"),
    TokenForm("PyPI", ("pypi-",), rf"{_WORD}{{32,}}", "PyPI help, API tokens"),
    TokenForm("RubyGems", ("rubygems_",), r"[0-9a-f]{32,}", "RubyGems guides, API keys"),
    # Registries.
    TokenForm("Docker", ("dckr_pat_", "dckr_oat_"), rf"{_WORD}{{12,}}", "Docker docs, access tokens"),
    TokenForm("JFrog", ("AKCp",), r"[A-Za-z0-9]{16,}", "JFrog, API keys"),
    TokenForm("NVIDIA NGC", ("nvapi-",), rf"{_WORD}{{20,}}", "NVIDIA NGC, personal keys"),
    # Model vendors.
    TokenForm("Anthropic", ("sk-ant-",), rf"{_WORD}{{16,}}", "Anthropic API, keys"),
    TokenForm("OpenAI", ("sk-proj-", "sk-svcacct-", "sk-admin-"), rf"{_WORD}{{16,}}", "OpenAI API, project keys"),
    TokenForm("OpenAI and compatible", ("sk-",), rf"(?=[A-Za-z0-9_-]*[A-Z0-9]){_WORD}{{20,}}", "OpenAI API, keys"),
    TokenForm("Hugging Face", ("hf_", "api_org_"), r"[A-Za-z0-9]{20,}", "Hugging Face docs, access tokens"),
    TokenForm("Replicate", ("r8_",), r"[A-Za-z0-9]{20,}", "Replicate, API tokens"),
    TokenForm("Groq", ("gsk_",), r"[A-Za-z0-9]{20,}", "Groq, API keys"),
    TokenForm("xAI", ("xai-",), r"[A-Za-z0-9]{20,}", "xAI, API keys"),
    TokenForm("Perplexity", ("pplx-",), r"[A-Za-z0-9]{20,}", "Perplexity, API keys"),
    TokenForm("LangSmith", ("lsv2_pt_", "lsv2_sk_"), r"[A-Za-z0-9_]{20,}", "LangSmith, API keys"),
    TokenForm("Pinecone", ("pcsk_",), r"[A-Za-z0-9_]{20,}", "Pinecone, API keys"),
    # Chat, payment, mail.
    TokenForm(
        "Slack",
        ("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxe.", "xapp-"),
        r"[A-Za-z0-9.-]{10,}",
        "Slack, token types",
    ),
    TokenForm("Slack", ("hooks.slack.com/services/",), r"[A-Za-z0-9/]{20,}", "Slack, incoming webhooks"),
    TokenForm(
        "Discord",
        ("discord.com/api/webhooks/", "discordapp.com/api/webhooks/"),
        r"\d{5,}/[\w-]{20,}",
        "Discord, webhooks",
    ),
    TokenForm(
        "Stripe",
        ("sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"),
        r"[A-Za-z0-9]{10,}",
        "Stripe, API keys",
    ),
    TokenForm("SendGrid", ("SG.",), r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}", "SendGrid, API keys"),
    TokenForm("Prefect", ("pnu_", "pnb_"), r"[A-Za-z0-9]{20,}", "Prefect Cloud, API keys"),
    TokenForm("Linear", ("lin_api_", "lin_oauth_"), r"[A-Za-z0-9]{20,}", "Linear, API keys"),
    TokenForm("Notion", ("ntn_", "secret_"), r"[A-Za-z0-9]{40,}", "Notion, integration tokens"),
)
"""Prefixes that issuers document so that scanners find their tokens."""

TOKEN_PREFIXES: Final = tuple(sorted({prefix for form in TOKEN_FORMS for prefix in form.prefixes}))
"""Every prefix; a text without any holds no such token."""

_SECRET_WORDS: Final = frozenset(
    "password passwd passphrase pwd secret token credential credentials apikey signature sig authorization cookie"
    " accesskey secretkey privatekey accountkey sharedkey connectionstring identitytoken registrytoken sessiontoken"
    " accesstoken refreshtoken secretaccesskey clientsecret".split()
)
"""The last word of a name that names a secret."""
_SECRET_PAIRS: Final = frozenset(
    {
        ("api", "key"),
        ("access", "key"),
        ("secret", "key"),
        ("private", "key"),
        ("account", "key"),
        ("shared", "key"),
        ("encryption", "key"),
        ("signing", "key"),
        ("auth", "key"),
        ("master", "key"),
        ("connection", "string"),
        ("registry", "auth"),
        ("basic", "auth"),
        ("redis", "auth"),
    }
)
"""The last two words, where the last alone names no secret."""
_AMBIGUOUS: Final = frozenset(
    "secret token credential credentials signature sig authorization cookie auth policy pass se".split()
)
"""Names that error messages use as words: "failed to fetch anonymous token: unexpected status"."""
_EXACT: Final = frozenset(
    "auth pass policy se skoid awsaccesskeyid ossaccesskeyid key-pair-id x-goog-credential".split()
)
"""Whole names: the ``auth`` of Docker's config.json, and parameters of pre-signed URLs (CloudFront, Azure, OSS)."""
URL_PARAMETERS: Final = frozenset({"sig", "se", "policy", "skoid"})
"""Parameters of pre-signed URLs whose names are short enough to mean something else outside of URLs."""
_LAST_WORDS: Final = _SECRET_WORDS | {pair[-1] for pair in _SECRET_PAIRS} | (_EXACT - URL_PARAMETERS)
NAME_ENDS: Final = tuple(
    sorted(word for word in _LAST_WORDS if not any(word != end and word.endswith(end) for end in _LAST_WORDS))
)
"""What the name of every secret but :data:`URL_PARAMETERS` ends with, in lower case, apart from a number."""
_PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@functools.lru_cache(maxsize=1024)
def names_secret(name: str) -> bool:
    """Whether the value of a key, flag, parameter or environment variable of this name is a secret.

    The last words decide: ``AWS_SECRET_ACCESS_KEY`` and ``dbPassword`` name one; ``secretName``, ``token_type``,
    ``passwordFile`` and ``max_tokens`` do not.

    >>> names_secret("AWS_SECRET_ACCESS_KEY"), names_secret("secretName")
    (True, False)
    """
    if name.lower() in _EXACT:
        return True
    parts = [part.lower() for part in _PARTS.findall(name)]
    if parts and parts[-1].isdigit():
        parts.pop()
    if not parts:
        return False
    return parts[-1] in _SECRET_WORDS or tuple(parts[-2:]) in _SECRET_PAIRS


@functools.lru_cache(maxsize=256)
def names_password(name: str) -> bool:
    """Whether a name can only be followed by a value: ``token`` and ``secret`` also begin sentences, this does not."""
    parts = [part.lower() for part in _PARTS.findall(name)]
    return len(parts) > 1 or name.lower() not in _AMBIGUOUS
