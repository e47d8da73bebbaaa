"""The image, the registry and the waiting time that a message names."""

from __future__ import annotations

import enum
import re

from flytekitplugins_podtriage.core.text.white_space import WHITE_SPACE

_QUOTED_IMAGE = re.compile(r"(?:[Ii]mage|reference) \"([^\"\s]{1,512})\"")
_BARE_IMAGE = re.compile(r"(?:docker://|manifest for |access denied for |in (?=\S{1,512}/))([^\s\",]{1,512})")
_HOST = re.compile(f"https?://([^{WHITE_SPACE}/\"'<>?#]{{1,255}})")
_LOOKUP = re.compile(r"\b(?:lookup|from host|container registry|dial tcp:? lookup) ([A-Za-z0-9.-]{1,255}(?::\d{1,5})?)")
_RETRY = re.compile(
    r"(?i)(?:retry[- ]after|try again in|retry in|wait)[:=\"' ]{0,4}(?:about |for |approximately )?"
    r"(\d{1,9}(?:\.\d{1,9})?) ?(ns|us|µs|μs|ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)?\b"
)
_UNIT = {"n": 1e-9, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "s": 1.0, "m": 60.0, "h": 3600.0}
_SCHEME = re.compile(r"\A[a-z]{2,12}://")
_LINKS = ("docs.", "www.", "hub.docker.com", "aka.ms", "learn.microsoft.com", "cloud.google.com")
"""Beginnings of hosts that registries' messages link to as documentation; none of them is the registry."""


class Peer(enum.Enum):
    """Which host a connection was made to, or attempted to."""

    LOOPBACK = "loopback"
    """An address of the node itself: no network is involved (RFC 1122 section 3.2.1.3)."""
    UNRESOLVABLE = "unresolvable"
    """A name that never resolves, which the image's reference has: it ends in ``.invalid`` (RFC 6761 section 6.4)."""
    ECR = "ecr"
    """A private registry of Amazon ECR, whose tokens last 12 hours."""


def image_of(text: str) -> str | None:
    """Return the reference of the image that the message names, as spelled there."""
    if '"' in text and (match := _QUOTED_IMAGE.search(text)):
        return match[1]
    if ("docker://" in text or " for " in text or " in " in text) and (match := _BARE_IMAGE.search(text)):
        return match[1].rstrip(":.,;)]")
    return None


def registry_of(text: str, image: str | None) -> str | None:
    """Return the host of the registry that responded; if the text names none, that of the image.

    A reference whose first part is no host is Docker Hub's (distribution/reference, splitDockerDomain); all servers of
    Docker Hub are called ``docker.io``. Links to documentation do not count, but if nothing else is named, a link to
    Docker's means Docker Hub.
    """
    link = False
    if "://" in text:
        for match in _HOST.finditer(text):
            host = match[1].rpartition("@")[2]
            if not host.startswith(_LINKS):
                return _registry_of_host(host)
            link = link or host.endswith(".docker.com")
    if "lookup " in text or "host " in text or "registry " in text:
        named = _LOOKUP.search(text)
        if named is not None:
            return _registry_of_host(named[1])
    if image is not None:
        return registry_of_image(image)
    return "docker.io" if link else None


def _registry_of_host(host: str) -> str:
    """Return the registry that a host belongs to."""
    return "docker.io" if host.endswith((".docker.io", ".docker.com")) else host


def registry_of_image(image: str) -> str:
    """Return the registry host of an image reference.

    >>> registry_of_image("nginx:1.27"), registry_of_image("ghcr.io/acme/app"), registry_of_image("localhost/app")
    ('docker.io', 'ghcr.io', 'localhost')
    """
    if "://" in image:  # no valid reference has a scheme, but people write one
        image = _SCHEME.sub("", image)
    first, slash, _ = image.partition("/")
    first = first.rpartition("@")[2]
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        return first
    return "docker.io"


def peer_of(text: str, registry: str | None, image: str | None = None) -> Peer | None:
    """Return whether the connection was made to the node itself, or to a name that never resolves.

    A name that never resolves counts where the image's reference has it, or where the text has no reference: a registry
    may redirect to another, and a mirror's name is the node's configuration.
    """
    if "127." in text and ("->127." in text or "dial tcp 127." in text or "mounting 127." in text):
        return Peer.LOOPBACK
    if registry is None:
        return None
    host = registry.partition(":")[0]
    if host == "localhost" or registry.startswith(("127.", "[::1]")):
        return Peer.LOOPBACK
    if not host.endswith(".invalid"):
        return Peer.ECR if ".dkr.ecr." in host else None
    is_named = image is None or registry_of_image(image).partition(":")[0] == host
    return Peer.UNRESOLVABLE if is_named else None


def retry_after_of(text: str) -> float | None:
    """Return how long the registry asked to wait, in seconds: ``Retry-After: 30``, ``try again in 5 minutes``.

    RFC 9110 section 10.2.3; GHCR writes a Go duration (``retry-after: 25.51µs``). A number without a unit is seconds.
    Dates are ignored: they would need a clock.
    """
    match = _RETRY.search(text)
    if match is None:
        return None
    unit = (match[2] or "s").lower()
    factor = 1e-3 if unit == "ms" else _UNIT[unit[0]]
    return float(match[1]) * factor
