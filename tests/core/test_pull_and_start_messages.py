"""Messages of pulls and starts that have a look-alike with another cause: blobs, names that never resolve, users."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage import diagnose
from flytekitplugins_podtriage.core.text.tokens import tokenize

IMAGE = "registry.example.com/acme/app:v1"
PULL = f'failed to pull and unpack image "{IMAGE}": failed to copy: httpReadSeeker: failed open: '
V2 = "https://registry.example.com/v2/acme/app"
DIGEST = "sha256:ae96a8456559dc3e6685308e85ab2fc941d1ec0c10dcde50b4e273c917c04148"
STORAGE = "https://cdn.example.com/docker/registry/v2/blobs/sha256/ae/ae96a845/data?X-Amz-Expires=1200"


def descriptor(media_type: str) -> str:
    """Return what containerd says of a descriptor that the registry does not have."""
    return f"{PULL}could not fetch content descriptor {DIGEST} ({media_type}) from remote: not found"


LACKING = [
    descriptor("application/vnd.docker.container.image.v1+json"),
    descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip"),
    descriptor("application/vnd.oci.image.config.v1+json"),
    descriptor("application/vnd.oci.image.layer.v1.tar+gzip"),
    f"{PULL}unexpected status code {V2}/blobs/{DIGEST}: 404",
    f"{PULL}unexpected status from GET request to {V2}/blobs/{DIGEST}: 404 Not Found",
    f"{PULL}unexpected status code {STORAGE}: 404 Not Found",
    f"{PULL}unexpected status code https://cdn.example.com/layers/sha256/ae/ae96a8: 404 Not Found",
    f"{PULL}content at {V2}/blobs/{DIGEST} not found: not found",
    f"pulling from host registry.example.com failed with status code [blobs {DIGEST}]: 404 Not Found",
    f'Error: reading blob {DIGEST}: fetching blob: StatusCode: 404, "<html>..."',
    f"Error: reading blob {DIGEST}: fetching blob: received unexpected HTTP status: 404 Not Found",
    "error pulling image configuration: download failed after attempts=1: unknown blob",
]


@pytest.mark.parametrize("message", LACKING)
def test_content_that_a_registrys_own_manifest_names_is_the_registrys_to_have(message: str) -> None:
    diagnosis = diagnose(message, reason="ErrImagePull")
    assert (diagnosis.kind, diagnosis.category) == ("SYSTEM", "corrupt_content")


@pytest.mark.parametrize(
    ("message", "kind", "category"),
    [
        (descriptor("application/vnd.docker.distribution.manifest.v2+json"), "USER", "not_found"),
        (descriptor("application/vnd.oci.image.index.v1+json"), "USER", "not_found"),
        (f"{PULL}unexpected status code {V2}/manifests/{DIGEST}: 404 Not Found", "USER", "not_found"),
        (f"{PULL}content at {V2}/manifests/{DIGEST} not found: not found", "USER", "not_found"),
        ("unexpected status code https://r.example.com/v2/blobs/app/manifests/v1: 404 Not Found", "USER", "not_found"),
        ("pulling from host r.example.com failed with status code [manifests v1]: 404 Not Found", "USER", "not_found"),
        (f"Error: reading blob {DIGEST}: fetching blob: blob unknown", "USER", "corrupt_content"),
        ("manifest blob unknown: blob unknown to registry", "USER", "corrupt_content"),
        (f"{PULL}unexpected status code {V2}/blobs/{DIGEST}: 403 Forbidden", "USER", "auth"),
        (f"{PULL}unexpected status code {V2}/blobs/{DIGEST}: 429 Too Many Requests", "SYSTEM", "registry_rate_limited"),
        (f"{PULL}unexpected status code {STORAGE}: 503 Service Unavailable", "SYSTEM", "registry_unavailable"),
        (f'{PULL}failed to do request: Get "{V2}/blobs/{DIGEST}": dial tcp: i/o timeout', "SYSTEM", "network_timeout"),
    ],
)
def test_what_else_a_pull_says_of_manifests_and_blobs_means_what_it_did(message: str, kind: str, category: str) -> None:
    diagnosis = diagnose(message, reason="ErrImagePull")
    assert (diagnosis.kind, diagnosis.category) == (kind, category)


def test_a_hostile_text_of_blobs_takes_linear_time() -> None:
    assert "blobref" not in tokenize("://" * 20_000 + "/blobs/sh").words
    assert "blobref" in tokenize("://" * 20_000 + "/blobs/sha256:0a").words


def lookup(image: str, host: str) -> str:
    """Return what containerd says of a host that does not resolve."""
    return (
        f'Failed to pull image "{image}": failed to pull and unpack image "{image}": failed to copy: httpReadSeeker: '
        f'failed open: failed to do request: Get "https://{host}/v2/x": dial tcp: lookup {host} on 10.0.0.10:53: no such host'
    )


@pytest.mark.parametrize(
    ("message", "kind", "rule"),
    [
        (lookup("registry.invalid/app:v1", "registry.invalid"), "USER", "network-dns-reserved"),
        (lookup("registry.invalid:5000/app:v1", "registry.invalid:5000"), "USER", "network-dns-reserved"),
        ("dial tcp: lookup registry.invalid on 10.0.0.10:53: no such host", "USER", "network-dns-reserved"),
        (lookup(IMAGE, "storage.invalid"), "SYSTEM", "network-dns"),
        (lookup("acme/app:v1", "mirror.invalid"), "SYSTEM", "network-dns"),
        (lookup("registry.invalid/app:v1", "other.invalid"), "SYSTEM", "network-dns"),
        (lookup(IMAGE, "registry.example.com"), "SYSTEM", "network-dns"),
    ],
)
def test_a_name_that_never_resolves_is_the_users_where_the_image_has_it(message: str, kind: str, rule: str) -> None:
    diagnosis = diagnose(message, reason="ErrImagePull")
    assert (diagnosis.kind, diagnosis.category, diagnosis.rule) == (kind, "dns", rule)


MOUNT = "/var/lib/containerd/tmpmounts/containerd-mount953365867"
CREATE = "failed to create containerd container: "


@pytest.mark.parametrize(
    ("message", "kind", "category"),
    [
        (
            f"{CREATE}mount callback failed on {MOUNT}: open {MOUNT}/etc/passwd: no such file or directory",
            "USER",
            "config_invalid",
        ),
        (
            f"Error: {CREATE}mount callback failed on {MOUNT}: open {MOUNT}/etc/group: no such file or directory",
            "USER",
            "config_invalid",
        ),
        (
            f"{CREATE}mount callback failed on {MOUNT}: openat etc/passwd: path escapes from parent",
            "USER",
            "config_invalid",
        ),
        (
            f"{CREATE}mount callback failed on {MOUNT}: unable to find user app: no matching entries in passwd file",
            "USER",
            "config_invalid",
        ),
        (f"{CREATE}mount callback failed on {MOUNT}: no users found", "USER", "config_invalid"),
        (
            "Error response from daemon: unable to find user app: no matching entries in passwd file",
            "USER",
            "config_invalid",
        ),
        (f"{CREATE}failed to mount {MOUNT}: no such file or directory", "SYSTEM", "unknown"),
        (
            f"{CREATE}mount callback failed on {MOUNT}: open {MOUNT}/etc/passwd: input/output error",
            "SYSTEM",
            "node_disk",
        ),
        (f"{CREATE}mkdir {MOUNT}: no space left on device", "SYSTEM", "node_disk"),
    ],
)
def test_a_user_that_the_image_does_not_have(message: str, kind: str, category: str) -> None:
    diagnosis = diagnose(message, reason="CreateContainerError")
    assert (diagnosis.kind, diagnosis.category) == (kind, category)
