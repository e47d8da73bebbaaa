"""Rules for rate limits of registries and of what is in front of them.

They come before every refusal, because several registries report a limit as 403 or ``denied``.
"""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category
from flytekitplugins_podtriage.core.rules.rule import Rule

_LOGIN_OR_MIRROR = (
    "Add an image pull secret for {registry}: authenticated pulls have a higher limit. Or pull through a mirror or cache, "
    "or set imagePullPolicy IfNotPresent and keep the image on the nodes."
)

RULES: Final = (
    Rule(
        id="registry-login-blocked",
        category=Category.AUTH,
        means="{registry} blocks the account or the address after too many failed log-ins",
        remedy=(
            "Correct the password or token in the image pull secret for {registry}, and remove what else logs in with the "
            "old one; the block ends by itself."
        ),
        source="docs.docker.com/docker-hub ('too many failed login attempts for username or IP address'); quay, GitLab",
        phrases=(
            "too many failed login attempts",
            "too many failed logins",
            "too many login attempts",
            "too many failed attempts",
            "too many authentication failures",
            "user account is locked",
            "account is temporarily locked",
        ),
    ),
    Rule(
        id="pull-kubelet-qps",
        category=Category.REGISTRY_RATE_LIMITED,
        means="the kubelet's own limit of pulls per second was reached on this node",
        remedy="Usually resolves by itself; if it repeats, raise registryPullQPS and registryBurst of the kubelet.",
        source="kubernetes pkg/kubelet/images/helpers.go (throttledImageService.PullImage)",
        phrases=("pull QPS exceeded",),
    ),
    Rule(
        id="quota-quay-namespace",
        category=Category.QUOTA,
        means="the storage quota of a namespace on {registry} is used up, so its pull-through cache cannot store the image",
        remedy="Have the registry's operator raise the namespace's quota or prune it; the upstream image may be fine.",
        source="quay data/model/quota.py and endpoints/v2/errors.py (QuotaExceeded: 'Quota has been exceeded on namespace')",
        phrases=("quota has been exceeded on namespace",),
    ),
    Rule(
        id="pull-429",
        category=Category.REGISTRY_RATE_LIMITED,
        means="{registry} limits how often this node may pull (HTTP 429)",
        remedy=_LOGIN_OR_MIRROR,
        source="RFC 6585 section 4 (429); docs.docker.com/docker-hub/usage/pulls",
        statuses={429},
    ),
    Rule(
        id="pull-too-many-requests",
        category=Category.REGISTRY_RATE_LIMITED,
        means="{registry} limits how often this node may pull",
        remedy=_LOGIN_OR_MIRROR,
        source="distribution registry/api/errcode/register.go (ErrorCodeTooManyRequests, 'toomanyrequests')",
        phrases=("toomanyrequests", "too many requests", "TooManyRequestsException", "HAP429"),
        not_statuses={404},
    ),
    Rule(
        id="pull-rate-limit",
        category=Category.REGISTRY_RATE_LIMITED,
        means="{registry} limits how often this node may pull",
        remedy=_LOGIN_OR_MIRROR,
        source="docs.docker.com/docker-hub/usage/pulls ('You have reached your pull rate limit'); GitLab, Cloudflare (1015) and "
        "Alibaba Cloud documentation on rate limits and flow control",
        phrases=(
            "rate limit",
            "rate limits",
            "rate limited",
            "rate limiting",
            "ratelimit",
            "ratelimited",
            "rate limiter",
            "rateLimitExceeded",
            "userRateLimitExceeded",
            "pull limit",
            "download limit",
            "request limit",
            "requests limit",
            "RequestLimitExceeded",
            "LimitExceededException",
            "pull limits",
            "download limits",
            "requested too many times",
            "frequency limit",
            "flow control",
            "too many concurrent",
            "maximum number of requests",
            "error 1015",
            "error code 1015",
        ),
        unless=("client side rate limiting", "client rate limiter"),
        not_statuses={404},
    ),
    Rule(
        id="pull-storage-account",
        category=Category.REGISTRY_RATE_LIMITED,
        means="the storage account of {registry} itself is over its limit",
        remedy="Usually resolves by itself: the account is the registry's own. If it persists, pull through a mirror.",
        source="learn.microsoft.com, scalability targets of storage accounts (ServerBusy: 'Egress is over the account limit.')",
        phrases=(
            "egress is over the account limit",
            "ingress is over the account limit",
            "operations per second is over the account limit",
        ),
    ),
    Rule(
        id="pull-rate-exceeded",
        category=Category.REGISTRY_RATE_LIMITED,
        means="{registry} limits how often, or how much, this node may pull",
        remedy="Request a higher quota from the registry, or pull through a cache near the cluster.",
        source="AWS docs, Amazon ECR throttling ('Rate exceeded', 'Data limit exceeded'); IBM Cloud Container Registry quotas",
        phrases=(
            "rate exceeded",
            "data limit exceeded",
            "throttled",
            "throttling",
            "ThrottlingException",
            "bandwidth limit",
            "traffic limit",
            "transfer limit",
            "transfer quota",
            "traffic quota",
            "bandwidth quota",
            "download quota",
            "pull quota",
            "bandwidth exceeded",
            "per minute limit",
        ),
        unless=("client side throttling", "cpu throttling"),
        not_statuses={404},
    ),
    Rule(
        id="pull-google-quota",
        category=Category.REGISTRY_RATE_LIMITED,
        means="a request quota of Artifact Registry or Container Registry is used up",
        remedy="Raise the quota that the message names in the cloud project, or pull through a cache near the cluster.",
        source="cloud.google.com/artifact-registry/quotas; google.rpc.QuotaFailure ('Quota exceeded for quota metric')",
        phrases=(
            "quota exceeded for quota",
            "quota exceeded for metric",
            "quota metric",
            "requests per minute",
            "requests per project",
            "quota limit",
            "quotaExceeded",
            "RESOURCE_EXHAUSTED",
            "ResourceExhausted",
        ),
        unless=("larger than max", "message larger than"),
        not_statuses={404},
    ),
    Rule(
        id="pull-slow-down",
        category=Category.REGISTRY_RATE_LIMITED,
        means="the object store behind {registry} throttles requests",
        remedy="Usually resolves by itself; if it persists, the registry's operator should spread or cache its storage.",
        source="AWS docs, S3 error responses (503 SlowDown, 'Please reduce your request rate')",
        phrases=("slow down", "SlowDown", "reduce your request rate", "ServerBusy", "server is busy"),
    ),
    Rule(
        id="pull-retry-after",
        category=Category.REGISTRY_RATE_LIMITED,
        means="{registry} asks to retry later",
        remedy=_LOGIN_OR_MIRROR,
        source="RFC 9110 section 10.2.3 (Retry-After); GHCR's 'retry-after: ..., allowed: ...'",
        phrases=("retry after", "try again later", "retry later"),
        also=("allowed", "registry", "denied", "pull", "limit", "exceeded"),
        not_statuses={404},
    ),
)
