"""What registries, mirrors and credential providers say: the registry's fault beside the user's."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.match import match_message

CASES = [
    (
        "a blob that was never pushed is the image's",
        "Error: reading blob sha256:aa: fetching blob: blob unknown to registry",
        None,
        "corrupt_content",
        "USER",
    ),
    ("a blob that the registry has lost is not", "unknown blob", None, "corrupt_content", "SYSTEM"),
    (
        "a layer that answers 404 is the registry",
        'failed to pull and unpack image "r.example/a/b:1": failed to copy: httpReadSeeker: failed open: unexpected status code https://r.example/v2/a/b/blobs/sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 404 Not Found',
        None,
        "corrupt_content",
        "SYSTEM",
    ),
    (
        "a step on a layer that answers 404 is the registry",
        'failed to pull and unpack image "r.example/a/b:1": failed to copy: httpReadSeeker: failed open: failed with status code [blobs sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]: 404 Not Found',
        None,
        "corrupt_content",
        "SYSTEM",
    ),
    (
        "a layer that is gone is the registry",
        'failed to pull and unpack image "r.example/a/b:1": failed to copy: httpReadSeeker: failed open: content at https://r.example/v2/a/b/blobs/sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa not found: not found',
        None,
        "corrupt_content",
        "SYSTEM",
    ),
    (
        "a layer known by its type is the registry",
        'failed to pull and unpack image "r.example/a/b:1": failed to copy: httpReadSeeker: failed open: could not fetch content descriptor sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (application/vnd.oci.image.layer.v1.tar+gzip) from remote: not found',
        None,
        "corrupt_content",
        "SYSTEM",
    ),
    (
        "a config known by its type is the registry",
        'failed to pull and unpack image "r.example/a/b:1": failed to copy: httpReadSeeker: failed open: could not fetch content descriptor sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (application/vnd.docker.container.image.v1+json) from remote: not found',
        None,
        "corrupt_content",
        "SYSTEM",
    ),
    (
        "a manifest known by its type is the user",
        'failed to pull and unpack image "r.example/a/b:1": failed to copy: httpReadSeeker: failed open: could not fetch content descriptor sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (application/vnd.docker.distribution.manifest.v2+json) from remote: not found',
        None,
        "not_found",
        "USER",
    ),
    (
        "a manifest that answers 404 is the user",
        'failed to pull and unpack image "r.example/a/b:1": unexpected status from HEAD request to https://r.example/v2/a/b/manifests/1: 404 Not Found',
        None,
        "not_found",
        "USER",
    ),
    (
        "a blob that answers 403 is the user",
        'failed to pull and unpack image "r.example/a/b:1": unexpected status code https://r.example/v2/a/b/blobs/sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 403 Forbidden',
        None,
        "auth",
        "USER",
    ),
    (
        "a blob that answers 503 is the registry",
        'failed to pull and unpack image "r.example/a/b:1": unexpected status code https://r.example/v2/a/b/blobs/sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 503 Service Unavailable',
        None,
        "registry_unavailable",
        "SYSTEM",
    ),
    (
        "a registry without any endpoint is the registry",
        "Could not reach any registry endpoint",
        None,
        "registry_unavailable",
        "SYSTEM",
    ),
    (
        "a web page is no manifest",
        "failed to pull and unpack image \"r.example/a/b:1\": invalid character '<' looking for beginning of value",
        None,
        "registry_unavailable",
        "SYSTEM",
    ),
    (
        "a page by its type is no manifest",
        'failed to pull and unpack image "r.example/a/b:1": unexpected content type text/html',
        None,
        "registry_unavailable",
        "SYSTEM",
    ),
    (
        "another character is corrupt content",
        "failed to pull and unpack image \"r.example/a/b:1\": invalid character 'x' looking for beginning of value",
        None,
        "corrupt_content",
        "SYSTEM",
    ),
    (
        "a page that comes with 403 is a refusal",
        "error parsing HTTP 403 response body: invalid character '<' looking for beginning of value: \"<html>\"",
        None,
        "auth",
        "USER",
    ),
    (
        "a page that comes with 404 is not found",
        "error parsing HTTP 404 response body: invalid character '<' looking for beginning of value: \"<html>\"",
        None,
        "not_found",
        "USER",
    ),
    (
        "a mirror that answers 400 is the platform",
        'failed to pull and unpack image "r.example/a/b:1": unexpected status from HEAD request to https://mirror.example/v2/a/b/manifests/1?ns=docker.io: 400 Bad Request',
        None,
        "registry_unavailable",
        "SYSTEM",
    ),
    (
        "a registry that answers 400 may refuse the log-in",
        'failed to pull and unpack image "r.example/a/b:1": unexpected status from HEAD request to https://r.example/v2/a/b/manifests/1: 400 Bad Request',
        None,
        "auth",
        "USER",
    ),
    (
        "a mirror that answers 401 is a refusal",
        'failed to pull and unpack image "r.example/a/b:1": unexpected status from HEAD request to https://mirror.example/v2/a/b/manifests/1?ns=docker.io: 401 Unauthorized',
        None,
        "auth",
        "USER",
    ),
    (
        "a token that is invalid is the user",
        'failed to pull and unpack image "r.example/a/b:1": failed to authorize: invalid_token',
        None,
        "auth",
        "USER",
    ),
    (
        "a token that the challenge calls invalid is the user",
        'failed to pull and unpack image "r.example/a/b:1": server message: Bearer error="invalid_token"',
        None,
        "auth",
        "USER",
    ),
    (
        "too many log-ins are no rate limit",
        "toomanyrequests: too many failed login attempts for username or IP address",
        None,
        "auth",
        "USER",
    ),
    (
        "too many pulls are one",
        "toomanyrequests: You have reached your pull rate limit.",
        None,
        "registry_rate_limited",
        "SYSTEM",
    ),
    ("a bill that is not paid is the user", "payment required: capacity has use up", None, "auth", "USER"),
    (
        "a credential provider that cannot run is the node",
        "failed to get credentials: error execing credential provider plugin ecr-credential-provider for image 1.dkr.ecr.eu-west-1.amazonaws.com/a: exit status 1",
        None,
        "auth",
        "SYSTEM",
    ),
    (
        "a credential provider that takes too long is the node",
        "error execing credential provider plugin ecr-credential-provider for image a: context deadline exceeded",
        None,
        "auth",
        "SYSTEM",
    ),
    (
        "credentials that are missing are the user",
        "pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials",
        None,
        "auth",
        "USER",
    ),
    (
        "a permission that a registry denies is the user",
        "denied: permission_denied: read_package",
        None,
        "auth",
        "USER",
    ),
    ("a permission that a pull lacks is the user", "Permission denied", "ErrImagePull", "auth", "USER"),
    ("a permission alone names no registry", "Permission denied", None, "unknown", "SYSTEM"),
    (
        "a server that denies a mount is no registry",
        "mount.nfs: access denied by server while mounting 10.0.0.9:/data",
        None,
        "volume",
        "SYSTEM",
    ),
    (
        "a network of Docker that is missing is no image",
        "Error response from daemon: network gitlab-network not found",
        None,
        "unknown",
        "SYSTEM",
    ),
    (
        "a credential helper that is missing is the node",
        'error getting credentials - err: exec: "docker-credential-ecr-login": executable file not found in $PATH, out: ``',
        None,
        "auth",
        "SYSTEM",
    ),
    (
        "a redirection is no manifest",
        "unexpected status code 307 Temporary Redirect of the registry",
        None,
        "registry_unavailable",
        "SYSTEM",
    ),
    (
        "a node without a role is the platform",
        "failed to retrieve credentials: no EC2 IMDS role found, operation error ec2imds: GetMetadata, http response error StatusCode: 404",
        None,
        "auth",
        "SYSTEM",
    ),
    (
        "a node without any credential is the platform",
        "NoCredentialProviders: no valid providers in chain. Deprecated.",
        None,
        "auth",
        "SYSTEM",
    ),
]


@pytest.mark.parametrize(
    ("message", "reason", "category", "kind"), [pytest.param(*case, id=name) for name, *case in CASES]
)
def test_cause(message: str, reason: str | None, category: str, kind: str) -> None:
    rule = match_message(message, reason).rule
    assert (rule.category, rule.kind) == (category, kind), rule.id
