"""Rules for the responses of a registry that fails, or lacks an image or a part of one."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.rules.rule import Rule

_ERRCODE = "distribution registry/api/errcode/register.go and OCI distribution-spec, error codes"

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
)
"""What a registry that is at fault, or lacks what it should have, responds with."""
