"""Rules for the responses of a registry that refuses a pull, and for what is not to be had."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category
from flytekitplugins_podtriage.core.rules.rule import Rule
from flytekitplugins_podtriage.core.text.references import Peer

_ERRCODE = "distribution registry/api/errcode/register.go and OCI distribution-spec, error codes"

_OF_FILES = (
    "exec",
    "mkdir",
    "chdir",
    "open",
    "mount",
    "is forbidden",
    "operation not permitted",
    "access denied by server",
    "unix",
    "write",
)
"""Words beside a denial of a file, a process or the API server, which is no registry's."""

_OTHER_OBJECTS = (
    "pod",
    "pods",
    "service",
    "services",
    "namespace",
    "namespaces",
    "node",
    "nodes",
    "file",
    "module",
    "job",
    "container",
)
"""Objects other than images that may not exist."""

_MAY_PULL = (
    "Give the task's service account an image pull secret that may pull {image}. Check the name too: registries respond in the "
    "same way if the repository does not exist. On a cloud's registry (ECR, Artifact Registry, ACR), grant the pull to the "
    "nodes' role or to their credential provider instead: an ECR token in a pull secret lasts only 12 hours."
)

_REFUSALS = (
    "unauthorized",
    "authentication required",
    "insufficient scope",
    "authorization failed",
    "denied",
    "forbidden",
    "payment required",
    "incorrect username or password",
    "invalid username password",
    "invalid client secret",
    "invalid grant",
    "token has expired",
    "invalid token",
    "access to the requested resource is not authorized",
    "failed to authorize",
    "credentials",
    "ImagePullSecrets",
    "email must be verified",
    "may require authorization",
)

_ECR = (
    "Let the nodes' role or their credential provider pull (AmazonEC2ContainerRegistryReadOnly), across accounts also the "
    "repository's policy: an image pull secret for ECR holds a token that lasts only 12 hours. Check the name of {image} too."
)

RULES: Final = (
    Rule(
        id="registry-refused-ecr-status",
        category=Category.AUTH,
        means="{registry} refuses the pull: the credentials are missing, expired, or insufficient for this image",
        remedy=_ECR,
        source="AWS docs, Amazon ECR private registry authentication; RFC 9110 sections 15.5.2 and 15.5.4 (401, 403)",
        statuses={401, 403},
        peer=Peer.ECR,
    ),
    Rule(
        id="registry-refused-status",
        category=Category.AUTH,
        means="{registry} refuses the pull: the credentials are missing, wrong, or insufficient for this image",
        remedy=_MAY_PULL,
        source=f"RFC 9110 sections 15.5.2 and 15.5.4 (401, 403); {_ERRCODE} (UNAUTHORIZED, DENIED)",
        statuses={401, 402, 403, 451},
    ),
    Rule(
        id="registry-bearer-refused",
        category=Category.AUTH,
        means="the token server of {registry} rejects the credentials",
        remedy="Renew the image pull secret for {registry}.",
        source="containers/image docker/docker_client.go ('Requesting bearer token: invalid status code from registry')",
        phrases=("requesting bear token", "requesting bearer token", "unable to retrieve auth token"),
        not_statuses={404, 408, *range(500, 600)},
    ),
    Rule(
        id="registry-not-found",
        category=Category.NOT_FOUND,
        means="{registry} does not have the image",
        remedy="Check the repository and tag of {image}, and that it was pushed to this registry.",
        source=f"{_ERRCODE} (MANIFEST_UNKNOWN, NAME_UNKNOWN, NOT_FOUND); containerd errdefs ('not found')",
        phrases=(
            "manifest unknown",
            "name unknown",
            "repository name not known to registry",
            "manifest not found",
            "image not found",
            "tag does not exist",
            "repository does not exist or may require docker login",
            "no such image",
            "no such manifest",
            "tag unknown",
            "unable to find image",
            "could not find image",
            "failed to find image",
            "could not fetch content descriptor",
            "from remote not found",
            "does not exist in the registry",
            "named manifest is not known to the registry",
            "artifact not found",
            "manifests are missing in your target registry",
            "image manifest does not exist",
            "project nameref not found",
            "repository not found",
        ),
        unless=("denied", "unauthorized", "authorization failed", "insufficient scope"),
    ),
    Rule(
        id="registry-refused-ecr",
        category=Category.AUTH,
        means="{registry} refuses the pull: the credentials are missing, expired, or insufficient for this image",
        remedy=_ECR,
        source="AWS docs, Amazon ECR private registry authentication; containerd and docker ('no basic auth credentials')",
        phrases=_REFUSALS,
        unless=(*_OF_FILES, "permission denied"),
        peer=Peer.ECR,
    ),
    Rule(
        id="registry-refused",
        category=Category.AUTH,
        means="{registry} refuses the pull: the credentials are missing, wrong, or insufficient for this image",
        remedy=_MAY_PULL,
        source=f"{_ERRCODE} (UNAUTHORIZED, DENIED); containerd core/remotes/docker (authorizer, 'pull access denied')",
        phrases=_REFUSALS,
        unless=(*_OF_FILES, "permission denied"),
    ),
    Rule(
        id="registry-permission-denied",
        category=Category.AUTH,
        means="{registry} refuses the pull: the credentials are missing, wrong, or insufficient for this image",
        remedy=_MAY_PULL,
        source="GHCR and GCR ('denied: permission_denied: ...', 'Permission denied for %q from request %q')",
        phrases=("permission denied",),
        also=(
            "denied permission denied",
            "unauthorized",
            "authentication",
            "from request",
            "registry",
            "repository",
            "pull",
            "image",
            "urlref",
            "token",
            "artifactregistry",
        ),
        unless=_OF_FILES,
    ),
    Rule(
        id="registry-permission-denied-reason",
        category=Category.AUTH,
        means="{registry} refuses the pull: the credentials are missing, wrong, or insufficient for this image",
        remedy=_MAY_PULL,
        source="kubernetes pkg/kubelet/images/types.go (ErrImagePull)",
        phrases=("permission denied",),
        reasons={"ErrImagePull", "ImagePullBackOff"},
        unless=_OF_FILES,
    ),
    Rule(
        id="registry-repository-not-found",
        category=Category.NOT_FOUND,
        means="{registry} does not have the image",
        remedy="Check the repository and tag of {image}, and that it was pushed to this registry.",
        source="containerd core/remotes/docker/resolver.go (errdefs.ErrNotFound); CRI code NotFound",
        phrases=(
            "nameref not found",
            "urlref not found",
            "code notfound desc",
            "does not exist or no pull access",
            "failed to resolve image",
            "not found not found",
            "from daemon unknown",
            "nameref unknown",
            "urlref unknown",
        ),
        unless=(
            "secret",
            "configmap",
            "key",
            "volume",
            "persistentvolumeclaim",
            "serviceaccount",
            "couldn t find",
            "network not found",
            *(f"{kind} nameref not found" for kind in _OTHER_OBJECTS),
        ),
    ),
    Rule(
        id="registry-mirror-400",
        category=Category.REGISTRY_UNAVAILABLE,
        means="a mirror of {registry} does not understand the request",
        remedy="Check the mirror in the container runtime's hosts configuration: it has to be a pull-through cache, at that path.",
        source="containerd core/remotes/docker/resolver.go (addNamespace: '?ns=' goes to hosts other than the image's own)",
        phrases=("mirrorref",),
        statuses={400, 405, 406},
    ),
    Rule(
        id="registry-400",
        category=Category.AUTH,
        means="{registry} rejects the request; some registries respond so to invalid credentials",
        remedy="Renew the image pull secret for {registry}, and check the name of {image}.",
        source="RFC 9110 section 15.5.1 (400); containers/image docker/docker_client.go",
        statuses={400, 405, 406},
    ),
)

BY_REASON: Final = (
    Rule(
        id="registry-unavailable-reason",
        category=Category.REGISTRY_UNAVAILABLE,
        means="{registry} does not respond",
        remedy="Usually resolves by itself; check the registry's status page, or pull through a mirror.",
        source="kubernetes pkg/kubelet/images/types.go (ErrRegistryUnavailable)",
        reasons={"RegistryUnavailable"},
    ),
    Rule(
        id="image-signature-reason",
        category=Category.CONFIG_INVALID,
        means="the node's policy requires a signature that the image does not have",
        remedy="Sign {image} as the cluster's policy requires, or have the policy allow its source.",
        source="kubernetes pkg/kubelet/images/types.go (ErrSignatureValidationFailed)",
        reasons={"SignatureValidationFailed"},
    ),
    Rule(
        id="image-inspect-reason",
        category=Category.NODE_RUNTIME,
        means="the container runtime on the node cannot tell whether it has the image",
        remedy="Check the container runtime on the node; a retry on another node should succeed.",
        source="kubernetes pkg/kubelet/images/types.go (ErrImageInspect)",
        reasons={"ImageInspectError", "InspectFailed"},
    ),
    Rule(
        id="pod-not-synced",
        category=Category.NODE_RUNTIME,
        means="the kubelet could not bring the pod to what it should be",
        remedy="Check the container runtime on the node; a retry on another node should succeed.",
        source="kubernetes pkg/kubelet/pod_workers.go (FailedSync: whatever a sync of the pod returned)",
        reasons={"FailedSync"},
    ),
    Rule(
        id="pull-back-off",
        category=Category.UNKNOWN,
        means="the image cannot be pulled, and the text does not say why",
        remedy="Get the first `Failed` event of the pod, which has the cause: `kubectl get events` or `kubectl describe pod NAME`.",
        source="kubernetes pkg/kubelet/images/image_manager.go ('Back-off pulling image'); pkg/registry/core/pod/strategy.go",
        phrases=("back off pulling image", "trying and failing to pull image"),
    ),
    Rule(
        id="config-error-reason",
        category=Category.CONFIG_INVALID,
        means="the kubelet cannot create a container from the pod's configuration",
        remedy="Correct the pod template as the message says.",
        source="kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go (ErrCreateContainerConfig)",
        reasons={"CreateContainerConfigError"},
    ),
)
"""By the reason of a waiting container alone, if no rule matches its message."""
