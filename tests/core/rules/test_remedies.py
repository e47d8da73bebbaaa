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
        pytest.param(
            'MountVolume.SetUp failed for volume "a": mount.nfs4: access denied by server while mounting 127.0.0.1:/',
            "`iam`",
            id="a mount through a tunnel of EFS",
        ),
        pytest.param(
            'MountVolume.SetUp failed for volume "a" : mount.nfs: Protocol not supported',
            "nfs-common",
            id="a node without a client of NFS",
        ),
        pytest.param(
            'MountVolume.SetUp failed for volume "a" : mount: wrong fs type, bad option, bad superblock on 10.0.0.1:/x',
            "nfs-common",
            id="a node without a helper of mount",
        ),
        pytest.param(
            'MountVolume.SetUp failed for volume "a" : mount.nfs: Failed to resolve server nfs: Name or service not known',
            "server's name",
            id="a storage server that has no address",
        ),
        pytest.param(
            "denied: Your authorization token has expired. Reauthenticate and try again.",
            "lasts only 12 hours",
            id="a token that has expired",
        ),
        pytest.param(
            "pull access denied for 1.dkr.ecr.eu-west-1.amazonaws.com/a, repository does not exist or may require authorization: no basic auth credentials",
            "Let the nodes' role",
            id="ECR takes the nodes' role first",
        ),
        pytest.param(
            "failed to copy: httpReadSeeker: failed open: content at https://r.example/v2/a/manifests/sha256:ab not found: not found",
            "for all its platforms",
            id="an index whose manifest has gone",
        ),
        pytest.param(
            "unexpected status code https://r.example/v2/a/blobs/sha256:ab: 503 Egress is over the account limit.",
            "registry's own",
            id="the storage account of a registry",
        ),
        pytest.param('Back-off pulling image "a:1"', "`Failed` event", id="a back-off without a cause"),
        pytest.param(
            'container "a" in pod "b" is waiting to start: trying and failing to pull image',
            "`Failed` event",
            id="a log of a pod that waits",
        ),
        pytest.param(
            "insufficient quota for cpu in flavor a, request > maximum capacity (24 > 16)",
            "waiting does not help",
            id="a request that never fits",
        ),
        pytest.param(
            "runc create failed: error running hook #0: exit status 137", "memory limit", id="a hook that was killed"
        ),
        pytest.param(
            "Discovered failed Kubernetes job dagster-step-1 for step a.",
            "how the pod itself ended",
            id="a job that failed while it ran",
        ),
    ],
)
def test_a_remedy_names_what_cures(message: str, words: str) -> None:
    assert words in match_message(message).remedy
