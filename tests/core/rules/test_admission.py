"""Pods that the API server or the kubelet does not accept: each refusal, beside one that looks alike."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.match import match_message

CASES = [
    (
        "a webhook that times out is the platform",
        'Internal error occurred: failed calling webhook "validate.kyverno.svc-fail": failed to call webhook: Post "https://kyverno-svc.kyverno.svc:443/validate?timeout=10s": context deadline exceeded',
        None,
        "admission_rejected",
        "SYSTEM",
    ),
    (
        "a webhook without a pod behind it is the platform",
        'Internal error occurred: failed calling webhook "validate.kyverno.svc-fail": failed to call webhook: Post "https://kyverno-svc.kyverno.svc:443/validate?timeout=10s": no endpoints available for service "kyverno-svc"',
        None,
        "admission_rejected",
        "SYSTEM",
    ),
    (
        "a webhook that refuses connections is the platform",
        'Internal error occurred: failed calling webhook "validate.kyverno.svc-fail": failed to call webhook: Post "https://kyverno-svc.kyverno.svc:443/validate?timeout=10s": dial tcp 10.0.0.1:443: connect: connection refused',
        None,
        "admission_rejected",
        "SYSTEM",
    ),
    (
        "a webhook with a bad certificate is no TLS error of a registry",
        'Internal error occurred: failed calling webhook "validate.kyverno.svc-fail": failed to call webhook: Post "https://kyverno-svc.kyverno.svc:443/validate?timeout=10s": x509: certificate signed by unknown authority',
        None,
        "admission_rejected",
        "SYSTEM",
    ),
    (
        "a webhook whose service is gone is the platform",
        'Internal error occurred: failed calling webhook "validate.kyverno.svc-fail": failed to call webhook: Post "https://kyverno-svc.kyverno.svc:443/validate?timeout=10s": service "kyverno-svc" not found',
        None,
        "admission_rejected",
        "SYSTEM",
    ),
    (
        "a webhook of an old API server is the platform",
        'failed calling admission webhook "x.example": Post https://x.svc:443/?timeout=30s: net/http: TLS handshake timeout',
        None,
        "admission_rejected",
        "SYSTEM",
    ),
    (
        "a webhook that denies is the user",
        "admission webhook \"validate.kyverno.svc-fail\" denied the request: \n\nresource Pod/default/x was blocked due to the following policies \n\nrequire-limits:\n  check: 'validation error: CPU and memory limits are required. rule check failed at path /spec/containers/0/resources/limits/'",
        None,
        "admission_rejected",
        "USER",
    ),
    (
        "Gatekeeper that denies is the user",
        'admission webhook "validation.gatekeeper.sh" denied the request: [k8sallowedrepos] container <app> has an invalid image repo <nginx>, allowed repos are ["gcr.io/acme/"]',
        None,
        "admission_rejected",
        "USER",
    ),
    (
        "a policy that denies a tag is the user and no missing image",
        'admission webhook "validation.gatekeeper.sh" denied the request: [disallowed-tags] container <app> uses a disallowed tag <app:latest>',
        None,
        "admission_rejected",
        "USER",
    ),
    (
        "a policy that cannot ask the registry is the platform",
        'admission webhook "mutate.kyverno.svc-fail" denied the request: \n\nresource Pod/a/b was blocked due to the following policies\n\nverify: failed to verify image ghcr.io/a/b:1: Get "https://ghcr.io/v2/": dial tcp 1.2.3.4:443: i/o timeout',
        None,
        "admission_rejected",
        "SYSTEM",
    ),
    (
        "a signature that is missing is the user",
        'admission webhook "policy.sigstore.dev" denied the request: validation failed: failed policy: signed: spec.containers[0].image: no matching signatures',
        None,
        "admission_rejected",
        "USER",
    ),
    (
        "Pod Security is the user",
        'pods "x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "main" must set securityContext.allowPrivilegeEscalation=false)',
        None,
        "admission_rejected",
        "USER",
    ),
    (
        "a PodSecurityPolicy is the user",
        'pods "x" is forbidden: unable to validate against any pod security policy: [spec.containers[0].securityContext.privileged: Invalid value: true: Privileged containers are not allowed]',
        None,
        "admission_rejected",
        "USER",
    ),
    (
        "a PodSecurityPolicy that none allows is the user",
        'pods "kube-pipeline" is forbidden: PodSecurityPolicy: unable to admit pod: []',
        None,
        "admission_rejected",
        "USER",
    ),
    (
        "a security context constraint of OpenShift is the user",
        'pods "x" is forbidden: unable to validate against any security context constraint: [provider "anyuid": Forbidden: not usable by user or serviceaccount]',
        None,
        "admission_rejected",
        "USER",
    ),
    (
        "a ValidatingAdmissionPolicy is the user",
        "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'team' with binding 'b' denied request: failed expression: object.spec.replicas <= 5",
        None,
        "admission_rejected",
        "USER",
    ),
    (
        "a quota is no policy",
        'pods "x" is forbidden: exceeded quota: team, requested: cpu=1, used: cpu=4, limited: cpu=4',
        None,
        "quota",
        "SYSTEM",
    ),
    (
        "a quota that wants limits is the user",
        'pods "x" is forbidden: failed quota: team: must specify limits.cpu for: main',
        None,
        "quota",
        "USER",
    ),
    (
        "a LimitRange is the user",
        'pods "x" is forbidden: maximum cpu usage per Container is 2, but limit is 4',
        None,
        "quota",
        "USER",
    ),
    (
        "what FlytePropeller may not do is the platform",
        'pods is forbidden: User "system:serviceaccount:flyte:flytepropeller" cannot create resource "pods" in API group "" in the namespace "team-development"',
        None,
        "auth",
        "SYSTEM",
    ),
    (
        "what an executor may not do is the platform",
        'pods "x" is forbidden: User "system:serviceaccount:argo:default" cannot patch resource "pods" in API group "" in the namespace "argo"',
        None,
        "auth",
        "SYSTEM",
    ),
    (
        "a secret that the node may not yet read is a delay",
        'MountVolume.SetUp failed for volume "v" : secrets "s" is forbidden: User "system:node:n" cannot get resource "secrets" in API group "" in the namespace "a": no relationship found between node \'n\' and this object',
        None,
        "volume",
        "SYSTEM",
    ),
    (
        "a namespace that nobody made is the platform",
        'namespaces "team-development" not found',
        None,
        "admission_rejected",
        "SYSTEM",
    ),
    (
        "a namespace that is going is the platform",
        'pods "x" is forbidden: unable to create new content in namespace team because it is being terminated',
        None,
        "admission_rejected",
        "SYSTEM",
    ),
    (
        "a priority class that does not exist is the user",
        'pods "x" is forbidden: no PriorityClass with name gold was found',
        None,
        "config_missing",
        "USER",
    ),
    (
        "a service account that does not exist is the user",
        'pods "x" is forbidden: error looking up service account a/b: serviceaccount "b" not found',
        None,
        "config_missing",
        "USER",
    ),
    (
        "an invalid field is the user",
        'Pod "x" is invalid: spec.containers[0].image: Required value',
        None,
        "config_invalid",
        "USER",
    ),
    (
        "a request above its limit is the user",
        'Pod "x" is invalid: spec.containers[0].resources.requests: Invalid value: "4": must be less than or equal to cpu limit of 2',
        None,
        "config_invalid",
        "USER",
    ),
    (
        "a mount without a volume is the user and no missing image",
        'Pod "x" is invalid: spec.containers[0].volumeMounts[0].name: Not found: "data"',
        None,
        "config_invalid",
        "USER",
    ),
    (
        "a host name that is none is the user",
        "setting up build pod: provided host alias alpine_edge for service alpine:edge is invalid DNS. a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'",
        None,
        "config_invalid",
        "USER",
    ),
    (
        "a pod that the kubelet does not admit is the platform",
        "Failed to admit pod x_ns(uid) - node has conditions: [DiskPressure]",
        None,
        "admission_rejected",
        "SYSTEM",
    ),
    (
        "a pod that the kubelet rejected is the platform",
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 2, used: 7, capacity: 8",
        None,
        "admission_rejected",
        "SYSTEM",
    ),
    (
        "a policy that speaks of quotas is none",
        'admission webhook "pods.policy.example" denied the request: exceeded quota of the team',
        None,
        "admission_rejected",
        "USER",
    ),
    (
        "a conversion webhook is the platform",
        'conversion webhook for karpenter.sh/v1beta1, Kind=NodePool failed: Post "https://karpenter.kube-system.svc:8443/?timeout=30s": service "karpenter" not found',
        None,
        "admission_rejected",
        "SYSTEM",
    ),
    (
        "Binary Authorization is the user",
        'pods "x" is forbidden: image policy webhook backend denied one or more images: Image r.example/a:1 denied by Binary Authorization policy',
        None,
        "admission_rejected",
        "USER",
    ),
]


@pytest.mark.parametrize(
    ("message", "reason", "category", "kind"), [pytest.param(*case, id=name) for name, *case in CASES]
)
def test_cause(message: str, reason: str | None, category: str, kind: str) -> None:
    rule = match_message(message, reason).rule
    assert (rule.category, rule.kind) == (category, kind), rule.id
