"""What one message says: sentence by sentence, each with its negative twin."""

from __future__ import annotations

import json

import pytest

from flytekitplugins_podtriage import diagnose
from flytekitplugins_podtriage.core.text.redact import mask

CONTAINERD = 'failed to pull and unpack image "docker.io/acme/app:v1": '
CASES = [
    # words beside a status
    (
        "a status decides without a reason phrase",
        "unexpected status from HEAD request to https://r/v2/a: 429",
        "registry_rate_limited",
    ),
    ("a status decides with a strange reason phrase", 'StatusCode: 429, ""', "registry_rate_limited"),
    ("a port is no status", "dial tcp 10.0.0.1:429: connect: connection refused", "network_timeout"),
    ("a tag is no status", "manifest for acme/app:429 not found: manifest unknown", "not_found"),
    ("a tag in brackets is no status", "failed with status code [manifests 429]: 401 Unauthorized", "auth"),
    (
        "the daemon's own 500 is no status of the registry",
        "API error (500): pull access denied for a, repository does not exist",
        "auth",
    ),
    ("an exit code is no status", "terminated with exit code 1", "app_error"),
    ("the body of a 404 does not count", "404 Not Found - Server message: 429 Too Many Requests", "not_found"),
    # limits
    (
        "a limit without a number is one",
        "toomanyrequests: You have reached your pull rate limit.",
        "registry_rate_limited",
    ),
    (
        "a limit dressed as a denial is one",
        "denied: Quota exceeded for quota metric 'Requests'",
        "registry_rate_limited",
    ),
    (
        "a limit dressed as 403 is one",
        "403 Forbidden - Server message: denied: rate limit exceeded",
        "registry_rate_limited",
    ),
    ("a plain denial is none", "403 Forbidden - Server message: denied", "auth"),
    ("a resource quota is none", 'pods "a" is forbidden: exceeded quota: team, requested: cpu=1', "quota"),
    ("a disk quota is none", CONTAINERD + "write /var/lib/x: disk quota exceeded", "node_disk"),
    ("the kubelet's own limit is one", 'Failed to pull image "bash": pull QPS exceeded', "registry_rate_limited"),
    (
        "CNI's 429 is none of the registry's",
        'failed to setup network for sandbox "a": plugin type="cilium-cni" failed (add): [429] putEndpointIdTooManyRequests',
        "sandbox_network",
    ),
    # the way to the registry
    ("no such host is DNS", 'Head "https://r/v2/": dial tcp: lookup r on 10.0.0.10:53: no such host', "dns"),
    (
        "a lookup that times out is DNS",
        "dial tcp: lookup r on 10.0.0.10:53: read udp 1.2.3.4:5->6.7.8.9:53: i/o timeout",
        "dns",
    ),
    ("a connection that times out is not", "dial tcp 10.0.0.1:443: i/o timeout", "network_timeout"),
    ("a TLS time-out is the network's", "net/http: TLS handshake timeout", "network_timeout"),
    ("a certificate is TLS", "tls: failed to verify certificate: x509: certificate signed by unknown authority", "tls"),
    (
        "a proxy that refuses is the proxy",
        "proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused",
        "proxy",
    ),
    ("a proxy that wants credentials is not auth", 'Get "https://r/v2/": Proxy Authentication Required', "proxy"),
    (
        "refused by a registry on the node itself",
        "dial tcp 127.0.0.1:5000: connect: connection refused",
        "registry_unavailable",
    ),
    (
        "the runtime's socket is no registry",
        "dial unix /run/containerd/containerd.sock: connect: connection refused",
        "node_runtime",
    ),
    # the image
    ("an unknown manifest", "reading manifest v1 in docker.io/acme/app: manifest unknown", "not_found"),
    (
        "another platform is not an absent image",
        CONTAINERD + "no match for platform in manifest: not found",
        "platform_mismatch",
    ),
    ("a lost snapshot is not an absent image", "snapshot abc does not exist: not found", "node_runtime"),
    ("a secret is not an image", 'secret "db" not found', "config_missing"),
    (
        "an upper-case repository",
        "invalid reference format: repository name (Team/App) must be lowercase",
        "invalid_reference",
    ),
    (
        "a digest that does not fit",
        'failed commit on ref "layer": unexpected commit digest sha256:a, expected sha256:b',
        "corrupt_content",
    ),
    (
        "the sandbox image is never the user's",
        'failed to get sandbox image "pause:3": failed to pull image "pause:3": not found',
        "node_runtime",
    ),
    # after the start
    (
        "a traceback",
        'Traceback (most recent call last):\n  File "a.py"\nValueError: 429 Too Many Requests',
        "app_error",
    ),
    ("a missing command", 'exec: "train": executable file not found in $PATH: unknown', "command_not_found"),
    ("another architecture", "exec /bin/tool: exec format error", "platform_mismatch"),
    ("words that nobody knows", "the flux capacitor has come loose", "unknown"),
    ("no words", "", "unknown"),
]


@pytest.mark.parametrize(("message", "category"), [pytest.param(text, word, id=name) for name, text, word in CASES])
def test_category(message: str, category: str) -> None:
    assert diagnose(message).category == category


@pytest.mark.parametrize(
    ("reason", "message", "category", "kind"),
    [
        ("Evicted", "The node was low on resource: memory. ", "evicted", "SYSTEM"),
        ("Evicted", "Pod ephemeral local storage usage exceeds the total limit of containers 4Mi. ", "evicted", "USER"),
        ("OutOfcpu", "", "admission_rejected", "SYSTEM"),
        (
            "UnexpectedAdmissionError",
            "Allocate failed due to no healthy devices present, which is unexpected",
            "gpu_device",
            "SYSTEM",
        ),
        ("Terminated", "Pod was terminated in response to imminent node shutdown.", "node_shutdown", "SYSTEM"),
        ("FailedMount", 'MountVolume.SetUp failed for volume "v" : configmap "c" not found', "config_missing", "USER"),
        (
            "FailedMount",
            'MountVolume.SetUp failed for volume "v" : rpc error: code = DeadlineExceeded',
            "volume",
            "SYSTEM",
        ),
        ("CreateContainerError", "context deadline exceeded", "node_runtime", "SYSTEM"),
        ("ErrImagePull", "context deadline exceeded", "network_timeout", "SYSTEM"),
        ("ErrImageNeverPull", "", "never_pull", "USER"),
        ("FlyteSaysSo", "", "unknown", "SYSTEM"),
    ],
)
def test_the_reason_beside_a_message_counts(reason: str, message: str, category: str, kind: str) -> None:
    diagnosis = diagnose(message, reason=reason)
    assert (diagnosis.category, diagnosis.kind) == (category, kind)


def test_unknown_words_say_that_they_are() -> None:
    diagnosis = diagnose("the flux capacitor has come loose", reason="FailedMount")
    assert diagnosis.rule == "volume-reason"
    assert diagnose("the flux capacitor of the node has come loose").rule == "unknown"
    assert "add a rule of your own" in diagnose("the flux capacitor of the node has come loose").remedy


def test_words_without_a_sign_of_who_says_them_are_unknown_and_the_remedy_says_what_to_give() -> None:
    diagnosis = diagnose("the flux capacitor has come loose")
    assert (diagnosis.category, diagnosis.rule) == ("unknown", "unknown-speaker")
    assert "kubectl describe pod" in diagnosis.remedy


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("429 Too Many Requests, Retry-After: 30", 30.0),
        ("toomanyrequests: retry-after: 25.51µs, allowed: 44000/minute", 25.51e-6),
        ("denied: rate limit exceeded, try again in 5 minutes", 300.0),
        ("retry after 2h", 7200.0),
        ('{"error":"too many requests","retry_after": 7}', None),
        ("Retry-After: Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("429 Too Many Requests", None),
    ],
)
def test_the_time_that_the_registry_asks_for_is_read(text: str, seconds: float | None) -> None:
    assert diagnose(text).retry_after == (pytest.approx(seconds) if seconds is not None else None)


@pytest.mark.parametrize(
    ("text", "registry", "image"),
    [
        ('Failed to pull image "nginx:1": toomanyrequests: x', "docker.io", "nginx:1"),
        ('Failed to pull image "ghcr.io/a/b:1": denied', "ghcr.io", "ghcr.io/a/b:1"),
        (
            'failed to resolve reference "quay.io/a/b:1": unexpected status from HEAD request to https://mirror.example/v2/a/b/manifests/1?ns=quay.io: 500',
            "mirror.example",
            "quay.io/a/b:1",
        ),
        (
            "initializing source docker://localhost:5000/a:1: reading manifest 1 in localhost:5000/a: manifest unknown",
            "localhost:5000",
            "localhost:5000/a:1",
        ),
        ('Head "https://registry-1.docker.io/v2/library/busybox/manifests/latest": unauthorized', "docker.io", None),
        ("no space left on device", None, None),
    ],
)
def test_registry_and_image_are_fields(text: str, registry: str | None, image: str | None) -> None:
    diagnosis = diagnose(text)
    assert (diagnosis.registry, diagnosis.image) == (registry, image)


@pytest.mark.parametrize(
    "wrapped",
    [
        "[1/1] currentAttempt done. Last Error: USER::Grace period [3m0s] exceeded|containers with unready status: [429]|{}",
        "SYSTEM::{}",
        "\x1b[31m{}\x1b[0m",
        "  Warning  Failed  5m (x4 over 7m)  kubelet  {}",
    ],
)
def test_what_backends_and_consoles_put_around_a_message_changes_nothing(wrapped: str) -> None:
    message = 'Back-off pulling image "acme/app:v1": ErrImagePull: failed to pull and unpack image "acme/app:v1": manifest unknown'
    assert diagnose(wrapped.format(message)).category == "not_found"


def test_the_last_mirror_decides_and_the_others_are_kept_as_evidence() -> None:
    diagnosis = diagnose(
        "initializing source docker://a/b:1: (Mirrors also failed: [m1/a/b:1: reading manifest 1 in m1/a/b: toomanyrequests: x]): "
        "a/b:1: reading manifest 1 in a/b: manifest unknown"
    )
    assert diagnosis.category == "not_found"
    assert any("toomanyrequests" in item.text for item in diagnosis.evidence[1:])


def test_a_refusal_of_one_credential_yields_to_the_attempt_that_got_further() -> None:
    diagnosis = diagnose(
        'Failed to pull image "a/b:1": [rpc error: code = Unknown desc = failed to pull and unpack image "a/b:1": 429 Too Many Requests, '
        'failed to pull and unpack image "a/b:1": failed to authorize: failed to fetch anonymous token: 401 Unauthorized]'
    )
    assert diagnosis.category == "registry_rate_limited"


@pytest.mark.parametrize(
    "secret",
    [
        "https://bob:hunter2hunter2@registry.example/v2/",
        "https://s3.example/x?X-Amz-Signature=hunter2hunter2&X-Amz-Date=1",
        "https://a.blob.example/x?sv=1&sig=hunter2hunter2%3D",
        "Authorization: Bearer hunter2hunter2hunter2hunter2",
        '{"token":"hunter2hunter2"}',
        "https://auth.example/token?access_token=hunter2hunter2",
        "ghp_hunter2hunter2hunter2",
        "password=hunter2hunter2",
    ],
)
def test_secrets_are_masked_in_what_is_returned_for_display(secret: str) -> None:
    diagnosis = diagnose(f"failed to do request: {secret}: 429 Too Many Requests")
    assert "hunter2" not in json.loads(diagnosis.to_json())["evidence"][0]["text"]
    assert "***" in mask(secret)


@pytest.mark.parametrize(
    "harmless", ["failed to fetch oauth token: unexpected status", "sig = 3", "token?scope=repository%3Aa"]
)
def test_what_is_no_secret_is_left_alone(harmless: str) -> None:
    assert mask(harmless) == harmless


def test_the_excerpt_of_a_huge_message_is_short() -> None:
    diagnosis = diagnose("x " * 500_000 + "toomanyrequests: 429 Too Many Requests")
    assert diagnosis.category == "registry_rate_limited"
    assert len(diagnosis.evidence[0].text) <= 500


def test_the_excerpt_of_a_long_message_is_cut_around_the_words_that_decided() -> None:
    text = "pull " + "before " * 300 + "toomanyrequests: rate limit " + "after " * 300
    quoted = diagnose(text).evidence[0].text
    assert "before toomanyrequests: rate limit after" in quoted
    assert quoted.startswith("[...] ") and quoted.endswith(" [...]") and len(quoted) <= 500


def test_a_secret_that_the_excerpt_cuts_is_masked_all_the_same() -> None:
    for padding in range(120, 190):
        text = "pull " + "x " * 300 + f"password={'s' * 40}secret " + "y" * padding + " toomanyrequests " + "z " * 300
        assert "sssss" not in diagnose(text).evidence[0].text


@pytest.mark.parametrize(
    "text",
    [
        'failed calling webhook "a": Post "https://policy.ns.svc:443/v1?timeout=3s": context deadline exceeded',
        'MountVolume.SetUp failed for volume "x": Get "https://kms.example/v1": 503 Service Unavailable',
    ],
)
def test_the_host_of_what_is_no_pull_is_no_registry(text: str) -> None:
    diagnosis = diagnose(text)
    assert (diagnosis.registry, diagnosis.http_status) == (None, None)


def test_a_message_that_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match="a message is text, not bytes"):
        diagnose(b"429")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "category", "kind"),
    [
        ('resource not found, name [ns/f3-n0-0]. reason: pods "f3-n0-0" not found', "deleted", "SYSTEM"),
        ("object [ns/f3-n0-0] terminated in the background, manually", "deleted", "SYSTEM"),
        ("\r\n[main] terminated with exit code (137). Reason [OOMKilled]. Message: \n.", "oom", "USER"),
        ("\r\n[main] terminated with exit code (137). Reason [Error]. Message: \n.", "killed", "SYSTEM"),
        ("\r\n[main] terminated with exit code (1). Reason [Error]. Message: \n.", "app_error", "USER"),
        ("task execution timeout [1h0m0s] expired", "deadline", "USER"),
        (
            'Grace period [3m0s] exceeded|containers with unready status: [p]|failed to reserve container name "p_0": name "p_0" is reserved for "a"',
            "node_runtime",
            "SYSTEM",
        ),
        (
            "[3/3] currentAttempt done. Last Error: SYSTEM::containers with unready status: [not-found]",
            "unknown",
            "SYSTEM",
        ),
    ],
)
def test_what_flyte_itself_says_of_an_attempt_is_understood(message: str, category: str, kind: str) -> None:
    diagnosis = diagnose(message)
    assert (diagnosis.category, diagnosis.kind) == (category, kind)


@pytest.mark.parametrize(
    ("message", "registry"),
    [
        ("toomanyrequests: You may increase the limit: https://www.docker.com/increase-rate-limit", "docker.io"),
        ("toomanyrequests: see https://docs.docker.com/docker-hub/download-rate-limit/", "docker.io"),
        ('Failed to pull image "ghcr.io/a/b": denied, see https://docs.github.com/packages', "ghcr.io"),
        (
            'Failed to pull image "mirror.example/a/b": 429, see https://www.docker.com/increase-rate-limit',
            "mirror.example",
        ),
        ("Get https://registry-1.docker.io/v2/: EOF; see https://docs.example.com/help", "docker.io"),
        ("Get https://production.cloudfront.docker.com/registry-v2/x: EOF", "docker.io"),
        ("denied, see https://docs.example.com/help", None),
        ('Failed to pull image "https://reg.example/a:b": EOF', "reg.example"),
    ],
)
def test_a_link_to_read_is_no_registry(message: str, registry: str | None) -> None:
    assert diagnose(message).registry == registry


@pytest.mark.parametrize(
    ("image", "shown"),
    [
        ("https://bob:hunter2@reg.example/a:b", "https://***@reg.example/a:b"),
        ("bob:hunter2@reg.example/a:b", "***@reg.example/a:b"),
        ("reg.example/a:b?sig=abcdefgh", "reg.example/a:b?sig=***"),
        ("reg.example/a:b@sha256:" + "a" * 64, "reg.example/a:b@sha256:" + "a" * 64),
        ("a:b@sha512:" + "a" * 128, "a:b@sha512:" + "a" * 128),
    ],
)
def test_secrets_in_an_image_reference_are_masked_in_all_that_is_returned(image: str, shown: str) -> None:
    diagnosis = diagnose(f'Failed to pull image "{image}": failed to pull and unpack image "{image}": manifest unknown')

    assert diagnosis.image == shown
    assert shown in diagnosis.remedy
    assert "hunter2" not in repr(diagnosis) and "abcdefgh" not in repr(diagnosis)
