"""Rules for the responses of a registry."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category, ErrorKind
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

CREDENTIALS: Final = (
    Rule(
        id="registry-credential-provider",
        category=Category.AUTH,
        kind=ErrorKind.SYSTEM,
        means="the node's credential provider for registries could not be run, so the pull has no credentials",
        remedy=(
            "Check the kubelet's credential provider on the node: its binary and configuration (--image-credential-provider-"
            "bin-dir, --image-credential-provider-config), and the node's role."
        ),
        source="kubernetes pkg/credentialprovider/plugin/plugin.go ('error execing credential provider plugin %s for image %s')",
        phrases=(
            "credential provider plugin",
            "exec plugin",
            "external registry credential provider",
            "error getting credentials err exec",
        ),
        unless=("toomanyrequests",),
    ),
)
"""The node's own part in a log-in; a time-out inside such a message is the provider's."""

BROKEN_OFF: Final = (
    Rule(
        id="registry-blob-broken-off",
        category=Category.REGISTRY_UNAVAILABLE,
        means="{registry}, or its storage, broke off a part of the image, and could not resume it",
        remedy="Usually resolves by itself; check the registry's status page, or pull through a mirror.",
        source=(
            "containers/image docker/body_reader.go ('%w (after reconnecting, fetching blob: %v)'): the first error is the cause, "
            "whatever status came after it"
        ),
        phrases=("after reconnecting",),
    ),
    Rule(
        id="registry-storage-refused",
        category=Category.REGISTRY_UNAVAILABLE,
        means="the storage that {registry} redirects to refuses its own link to a part of the image",
        remedy=(
            "The manifest came, so the pull's credentials are right. Check the node's clock (such links expire), and what stands "
            "between the node and the storage: a proxy, a firewall, the policy of a VPC endpoint."
        ),
        source="distribution registry/storage (redirects to signed URLs); AWS docs, 'Amazon ECR interface VPC endpoints' (S3 gateway)",
        phrases=("storageref blobref",),
        statuses={400, 401, 403},
    ),
)
"""A part of an image that broke off: the registry had let the pull in."""

RULES: Final = (
    Rule(
        id="registry-node-role",
        category=Category.AUTH,
        kind=ErrorKind.SYSTEM,
        means="the node has no role of its cloud that could log in to {registry}",
        remedy="Attach a role (on EC2 an instance profile) that may pull to the nodes, and let them use their metadata service.",
        source="aws-sdk-go aws/credentials (NoCredentialProviders), aws-sdk-go-v2 credentials/ec2rolecreds; golang.org/x/oauth2/google",
        phrases=(
            "nocredentialproviders",
            "no ec2 imds role found",
            "no valid providers in chain",
            "could not find default credentials",
        ),
    ),
    Rule(
        id="registry-token-expired",
        category=Category.AUTH,
        means="the token in the credentials for {registry} has expired",
        remedy=(
            "On ECR let the nodes' role or their credential provider pull (AmazonEC2ContainerRegistryReadOnly): a token in an image "
            "pull secret lasts only 12 hours. Elsewhere log in again, and renew the secret for {registry}."
        ),
        source="AWS docs, Amazon ECR private registry authentication ('Your authorization token has expired. Reauthenticate')",
        phrases=("authorization token has expired",),
    ),
    Rule(
        id="registry-network-rule",
        category=Category.AUTH,
        kind=ErrorKind.SYSTEM,
        means="{registry} rejects the node's IP address",
        remedy="Allow the cluster's addresses in the registry's firewall, or pull through a mirror.",
        source="learn.microsoft.com, ACR firewall ('client with IP ... is not allowed access'); Docker Hub export control page",
        phrases=(
            "is not allowed access",
            "export control regulations",
            "not allowed by network rules",
            "blocked by network",
            "has been blocked by",
            "your ip address",
            "access from your country",
        ),
        unless=("unauthorized",),
    ),
    Rule(
        id="registry-500",
        category=Category.REGISTRY_UNAVAILABLE,
        means="{registry} is failing (HTTP 5xx)",
        remedy="Usually resolves by itself; check the registry's status page, or pull through a mirror.",
        source="RFC 9110 section 15.6 (5xx: the server is at fault)",
        statuses=frozenset(range(500, 600)),
    ),
    Rule(
        id="registry-server-error",
        category=Category.REGISTRY_UNAVAILABLE,
        means="{registry}, or a proxy in front of it, is failing",
        remedy="Usually resolves by itself; check the registry's status page, or pull through a mirror.",
        source="Go net/http/transport.go (a proxy's answer to CONNECT becomes its reason phrase); CRI-O RegistryUnavailable",
        phrases=(
            "internal server error",
            "bad gateway",
            "service unavailable",
            "gateway timeout",
            "gateway time out",
            "registry is unavailable",
            "registryunavailable",
            "could not reach any registry endpoint",
            "temporarily unavailable",
            "authorization server did not include a token",
            "unable to decode token response",
            "decoding bearer token",
            "missing realm in bearer auth challenge",
            "no realm specified for token auth challenge",
            "failed to find supported auth scheme",
            "missing or empty content type header",
            "missing content length header",
            "stopped after 10 redirects",
            "under maintenance",
            "maintenance mode",
            "read only mode",
        ),
        unless=("resource temporarily unavailable",),
        not_statuses=frozenset(range(400, 500)),
    ),
    Rule(
        id="registry-html",
        category=Category.REGISTRY_UNAVAILABLE,
        means="a web page or a redirection came in place of what {registry} should have sent",
        remedy=(
            "Open the address that the message names: a proxy, a log-in page or a load balancer answers in the registry's "
            "place, or the address is not that of a registry."
        ),
        source="Go encoding/json/scanner.go (\"invalid character '<' looking for beginning of value\")",
        phrases=(
            "invalid character markup",
            "unexpected content type text html",
            "unexpected content type nameref",
            "doctype html",
            "301 moved permanently",
            "302 found",
            "307 temporary redirect",
            "308 permanent redirect",
        ),
        not_statuses={401, 403, 404},
    ),
    Rule(
        id="registry-blob-404",
        category=Category.CORRUPT_CONTENT,
        means="{registry} has the image's manifest, but lacks a part of the image",
        remedy="Have the registry (or mirror) delete its incomplete copy, or push {image} again with all its layers.",
        source="OCI distribution-spec ('Pulling blobs': 404); containerd core/remotes/docker/fetcher.go",
        phrases=("blobref", "fetching blob"),
        statuses={404},
    ),
    Rule(
        id="registry-blob-not-found",
        category=Category.CORRUPT_CONTENT,
        means="{registry} has the image's manifest, but lacks a part of the image",
        remedy="Have the registry (or mirror) delete its incomplete copy, or push {image} again with all its layers.",
        source="containerd core/remotes/docker/fetcher.go ('could not fetch content descriptor %v (%v) from remote', by its type)",
        phrases=("content descriptor nameref blobref", "blobref urlref not found"),
    ),
    Rule(
        id="registry-token-address",
        category=Category.REGISTRY_UNAVAILABLE,
        means="the address at which {registry} hands out tokens does not exist (HTTP 404); that says nothing of the image",
        remedy="Check the host of {image}, and that what answers there is a registry: its log-in address is wrong.",
        source="containerd core/remotes/docker/authorizer.go ('failed to fetch oauth token', 'failed to fetch anonymous token')",
        phrases=("failed to fetch oauth token", "failed to fetch anonymous token"),
        statuses={404},
    ),
    Rule(
        id="registry-child-manifest",
        category=Category.NOT_FOUND,
        means="{registry} has the tag, but not the manifest that it refers to",
        remedy=(
            "Push {image} again, for all its platforms: a clean-up of the registry may have deleted the manifest, or a mirror "
            "never got it. The repository and the tag are right."
        ),
        source="containerd core/remotes/docker/fetcher.go ('content at %v not found'), after the tag was resolved",
        phrases=(
            "failed to copy httpreadseeker failed open content at https urlref not found",
            "failed to copy httpreadseeker failed open content at nameref not found",
            "failed to copy httpreadseeker failed open content at https mirrorref urlref not found",
        ),
        unless=("blobref",),
    ),
    Rule(
        id="registry-not-found-404",
        category=Category.NOT_FOUND,
        means="{registry} does not have the image",
        remedy="Check the repository and tag of {image}, and that it was pushed to this registry.",
        source=f"{_ERRCODE} (404)",
        statuses={404},
    ),
    Rule(
        id="registry-blob-unknown",
        category=Category.CORRUPT_CONTENT,
        kind=ErrorKind.USER,
        means="{registry} does not know a part of the image that its manifest names",
        remedy="Push {image} again: its manifest refers to content that the registry does not have.",
        source=f"{_ERRCODE} (BLOB_UNKNOWN, MANIFEST_BLOB_UNKNOWN: the manifest refers to what was never pushed)",
        phrases=("blob unknown",),
    ),
    Rule(
        id="registry-unknown-blob",
        category=Category.CORRUPT_CONTENT,
        means="{registry} has lost a part of the image",
        remedy="Have the registry (or mirror) delete its incomplete copy, or push {image} again with all its layers.",
        source="distribution blobs.go (ErrBlobUnknown, 'unknown blob': the storage has no such content)",
        phrases=("unknown blob",),
    ),
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
