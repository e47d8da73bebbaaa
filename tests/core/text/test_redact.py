"""Secrets are masked whatever form they have; what only looks like one stays readable."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.core.text.redact import MASK, mask
from flytekitplugins_podtriage.core.text.secret_tokens import TOKEN_FORMS, names_secret

SECRET = "hunter2hunter2"

TEXTS_WITH_A_SECRET = {
    "a basic Authorization header": "Authorization: Basic {}",
    "a bearer Authorization header in JSON": '{{"authorization": "Bearer {}"}}',
    "a scheme of a vendor's own": '-H "Authorization: ApiKey {}"',
    "a header without a scheme": "authorization: {}",
    "a proxy's header": "Proxy-Authorization: Basic {}",
    "an API key header": "x-api-key: {}",
    "a cookie": "Cookie: session={}; theme=dark",
    "an environment variable": "AWS_SECRET_ACCESS_KEY={}",
    "an exported variable in quotes": 'export OPENAI_API_KEY="{}"',
    "a numbered variable": "DB_PASSWORD_2={}",
    "a password in camel case": "dbPassword={}",
    "a YAML value": "password: {}",
    "a YAML value in quotes": "passphrase: '{} {}'",
    "a JSON member": '{{"client_secret": "{}"}}',
    "a JSON member without a space": '{{"password":"{}"}}',
    "a JSON member, escaped": '{{\\"password\\":\\"{}\\"}}',
    "a Python dictionary": "{{'apiKey': '{}'}}",
    "an error around a pair": "error: invalid password={}",
    "a flag with a space": "mysql --password {} db",
    "a flag with an equals sign": "docker login --password={} reg.example.com",
    "a short flag of a login": "docker login -u bob -p {} reg.example.com",
    "credentials of curl": "curl -u bob:{} https://api.example.com",
    "credentials of curl, after a tab": "curl\t-u\tbob:{} https://api.example.com",
    "credentials of skopeo": "skopeo copy --src-creds bob:{} docker://a/b dir:x",
    "user information of a URL": "https://bob:{}@registry.example.com/v2/",
    "a password alone in a URL": "redis://:{}@cache:6379/0",
    "user information of an image reference": "bob:{}@registry.example.com/app:1",
    "a signature in a query": "https://s3.example.com/x?X-Amz-Signature={}&X-Amz-Date=20240101",
    "a policy in a query that is cut off": "https://d1.cloudfront.example/blob?Policy={}",
    "an account key of Azure": "AccountName=a;AccountKey={};EndpointSuffix=core.windows.net",
    "Docker's config.json": '{{"auths":{{"r.example.com":{{"auth":"{}"}}}}}}',
    "a bare bearer token": "got 401 with Bearer {}{}",
    "a JSON Web Token": "eyJhbGciOiJIUzI1NiJ9.{}.{}",
    "a private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIE{}\n{}\n-----END RSA PRIVATE KEY-----",
    "a private key in a variable": "TLS_PRIVATE_KEY=-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
    "a private key, cut off": "-----BEGIN OPENSSH PRIVATE KEY-----\n{}",
}


@pytest.mark.parametrize("form", TEXTS_WITH_A_SECRET)
def test_the_secret_is_masked_and_its_name_kept(form: str) -> None:
    text = TEXTS_WITH_A_SECRET[form]
    masked = mask(text.format(*[SECRET] * text.count("{}")))
    assert SECRET not in masked
    assert MASK in masked


@pytest.mark.parametrize("form", TEXTS_WITH_A_SECRET)
@given(secret=st.from_regex(r"\A[A-Za-z0-9]{12,40}\Z"))
def test_whatever_is_planted_is_never_printed(form: str, secret: str) -> None:
    text = TEXTS_WITH_A_SECRET[form]
    secret = f"S3{secret}"
    masked = mask(f"pull failed: {text.format(*[secret] * text.count('{}'))} (attempt 2)")
    assert secret not in masked


@pytest.mark.parametrize("separator", [":", "=", ": ", " = ", '" : "', "' = '", '\\":\\"', "_2=", "2 : ", '-10": "'])
@pytest.mark.parametrize("name", ["db_password", "apiKey", "CONNECTION_STRING", "X-Goog-Credential", "accessToken"])
def test_a_value_is_masked_whatever_parts_it_from_its_name(name: str, separator: str) -> None:
    masked = mask(f"cannot pull: {name}{separator}{SECRET}, sorry")
    assert masked.startswith(f"cannot pull: {name}{separator}{MASK}")
    assert SECRET not in masked


@pytest.mark.parametrize("form", TOKEN_FORMS, ids=lambda form: f"{form.issuer} {form.prefixes[0]}")
def test_a_token_with_a_documented_prefix_is_masked_wherever_it_stands(form: object) -> None:
    for prefix in form.prefixes:  # type: ignore[attr-defined]
        body = _example(form.body)  # type: ignore[attr-defined]
        assert mask(f"cannot use {prefix}{body}, sorry") == f"cannot use {MASK}, sorry"


def _example(pattern: str) -> str:
    """A text that a token's body may be."""
    for candidate in (
        "0123456789abcdef0123456789abcdef01234567",
        "0123456789ABCDEF0123456789ABCDEF01234567",
        "1234567/abcdefghij0123456789abcdefghij",
        "abcdefghij0123456789.abcdefghij0123456789",
        "0123456789abcdef0123456789abcdef",
        "ABCDEFGHIJ0123456789abcdefghij0123456789ABCDEFGHIJ0123456789",
    ):
        if re.fullmatch(pattern, candidate):
            return candidate
    raise AssertionError(f"no example for {pattern}")


READABLE = (
    "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to "
    "https://auth.docker.io/token?scope=repository%3Aa%2Fb%3Apull&service=registry.docker.io: 429 Too Many Requests",
    "no basic auth credentials",
    'www-authenticate: Bearer realm="https://auth.docker.io/token",service="registry.docker.io"',
    'MountVolume.SetUp failed for volume "s" : secret "regcred" not found',
    "references non-existent secret key: ca.crt",
    "couldn't find key password in Secret ns/name",
    "unable to retrieve some image pull secrets (regcred)",
    "token_type=bearer max_tokens=4096 secretName=regcred",
    "docker.io/acme/app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "arn:aws:iam::123456789012:role/puller",
    "uid: 0f1e2d3c-aaaa-bbbb-cccc-1234567890ab",
    "unauthorized: authentication required",
    "invalid_token: the access token expired",
    "basic credentials are wrong",
    "key: value, author: bob, signal: 9, keyboard=us",
    "password authentication failed for user",
    "the secret is not found; the token has expired",
    "exit code 137, sk-learn, pul-request, hf_hub",
)


@pytest.mark.parametrize("text", READABLE)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert mask(text) == text


@given(st.text())
def test_masking_is_total_and_idempotent(text: str) -> None:
    masked = mask(text)
    assert mask(masked) == masked


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AWS_SECRET_ACCESS_KEY", True),
        ("dbPassword", True),
        ("x-api-key", True),
        ("GITHUB_TOKEN", True),
        ("REGISTRY_AUTH", True),
        ("sig", True),
        ("secretName", False),
        ("token_type", False),
        ("max_tokens", False),
        ("passwordFile", False),
        ("tokenUrl", False),
        ("monkey", False),
        ("key", False),
        ("design", False),
        ("author", False),
    ],
)
def test_the_last_words_of_a_name_tell_whether_it_names_a_secret(name: str, expected: bool) -> None:
    assert names_secret(name) is expected
