"""The network, whatever was asked, and words that name no network."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.match import match_message

CASES = [
    (
        "a certificate that has expired is TLS",
        "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2025-01-02T00:00:00Z is after 2025-01-01T00:00:00Z",
        None,
        "tls",
        "SYSTEM",
    ),
    (
        "a certificate for another name is TLS",
        "x509: certificate is valid for other.test, not r.example",
        None,
        "tls",
        "SYSTEM",
    ),
    ("a server without TLS is TLS", "http: server gave HTTP response to HTTPS client", None, "tls", "SYSTEM"),
    ("a client certificate that is asked for is TLS", "remote error: tls: certificate required", None, "tls", "SYSTEM"),
    (
        "a firewall of the node is the network",
        "dial tcp 1.2.3.4:443: connect: operation not permitted",
        None,
        "network_timeout",
        "SYSTEM",
    ),
    ("an operation alone names no network", "operation not permitted", None, "unknown", "SYSTEM"),
    ("a resource alone names no registry", "Resource temporarily unavailable", None, "unknown", "SYSTEM"),
    (
        "a registry that is unavailable is one",
        "The registry is temporarily unavailable",
        None,
        "registry_unavailable",
        "SYSTEM",
    ),
    (
        "waiting for an answer is the network",
        "timed out waiting for response headers",
        None,
        "network_timeout",
        "SYSTEM",
    ),
    ("waiting for a condition names no network", "timed out waiting for the condition", None, "unknown", "SYSTEM"),
    (
        "waiting for a pod names no network",
        "prepare environment: waiting for pod running: timed out waiting for pod to start.",
        None,
        "unknown",
        "SYSTEM",
    ),
    (
        "the metadata service is the network",
        "no EC2 IMDS role found, operation error ec2imds: GetMetadata, canceled, context deadline exceeded",
        None,
        "network_timeout",
        "SYSTEM",
    ),
    (
        "the API server is the network",
        "Unable to connect to the server: net/http: TLS handshake timeout",
        None,
        "network_timeout",
        "SYSTEM",
    ),
    (
        "the API server's address is the network",
        'Post "https://10.96.0.1:443/api/v1/namespaces/a/pods": http2: server sent GOAWAY and closed the connection',
        None,
        "network_timeout",
        "SYSTEM",
    ),
]


@pytest.mark.parametrize(
    ("message", "reason", "category", "kind"), [pytest.param(*case, id=name) for name, *case in CASES]
)
def test_cause(message: str, reason: str | None, category: str, kind: str) -> None:
    rule = match_message(message, reason).rule
    assert (rule.category, rule.kind) == (category, kind), rule.id
