"""What rules tell people to do can cure what they found."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.match import match_message
from flytekitplugins_podtriage.core.rules import admission, disruptions, network, pod_sandbox, scheduling, volumes
from flytekitplugins_podtriage.core.rules.rule import Rule

ABOUT_NO_PULL = (
    *network.RULES,
    *admission.KUBELET,
    *admission.API_SERVER,
    *scheduling.RULES,
    *volumes.RULES,
    *pod_sandbox.NETWORK,
    *disruptions.RULES,
    *disruptions.DELETIONS,
)


@pytest.mark.parametrize("rule", ABOUT_NO_PULL, ids=lambda rule: rule.id)
def test_a_rule_that_need_not_be_about_a_pull_fills_in_no_registry_and_no_image(rule: Rule) -> None:
    for text in (rule.means, rule.remedy):
        assert "{" not in text
        assert "the registry" not in text


X509 = "tls: failed to verify certificate: x509: "


@pytest.mark.parametrize(
    ("message", "words"),
    [
        pytest.param(
            X509 + "certificate has expired or is not yet valid: current time 2025-01-02T00:00:00Z is after 2025-01-01",
            "renew its certificate",
            id="an expired certificate is renewed by whoever runs the server",
        ),
        pytest.param(
            X509 + "certificate signed by unknown authority", "Install the certificate authority", id="an unknown one"
        ),
        pytest.param(X509 + "certificate is valid for a.test, not b.test", "right host", id="a wrong name"),
        pytest.param(
            "http: server gave HTTP response to HTTPS client", "plain HTTP", id="a protocol that the server lacks"
        ),
        pytest.param(
            "pull access denied: authorization failed: no basic auth credentials",
            "an ECR token in a pull secret lasts only 12 hours",
            id="a cloud's registry takes the nodes' role",
        ),
        pytest.param(
            "error execing credential provider plugin ecr-credential-provider for image a: exit status 1",
            "--image-credential-provider-config",
            id="a credential provider is configured on the node",
        ),
        pytest.param(
            "toomanyrequests: too many failed login attempts for username or IP address",
            "Correct the password",
            id="failed log-ins need another password and no mirror",
        ),
        pytest.param(
            "0/5 nodes are available: 4 Insufficient nvidia.com/gpu, 1 node(s) had untolerated taint {a: b}.",
            "how many nodes each condition excludes",
            id="what excluded the nodes",
        ),
        pytest.param(
            "no EC2 IMDS role found, operation error ec2imds: GetMetadata, context deadline exceeded",
            "metadata service",
            id="the metadata service is no registry",
        ),
        pytest.param(
            "mount.nfs: access denied by server while mounting 10.0.0.1:/x", "export rules", id="an NFS server is none"
        ),
    ],
)
def test_a_remedy_names_what_cures(message: str, words: str) -> None:
    assert words in match_message(message).remedy
