"""The errors of the sandbox's registries, as containerd words them and kubelets pass them on.

Source: recorded pulls of containerd 1.6.20 from a registry that failed in these ways.
"""

from __future__ import annotations

import functools
import re
import zlib
from http import HTTPStatus
from typing import Final

import attrs

from flytekitplugins_podtriage.core.text.references import registry_of_image
from flytekitplugins_podtriage.sandbox.faults.fault_types import Fault

QUICK: Final = 100
"""How long a pull takes that succeeds, or fails immediately, in milliseconds."""
_TIMEOUT: Final = 10_000
"""The timeout of a TLS handshake (net/http, TLSHandshakeTimeout), in milliseconds."""

# distribution/reference, regexp.go.
_REFERENCE: Final = re.compile(
    r"(?:(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[0-9a-fA-F:]+\])(?::\d+)?/)?"
    r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*"
    r"(?::\w[\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*:[0-9a-fA-F]{32,})?"
)
_HUB: Final = "toomanyrequests: You have reached your pull rate limit."
_ADDRESS: Final = re.compile(r"\d+(?:\.\d+){3}:\d+")


@attrs.frozen(slots=True)
class PullResult:
    """How a pull fails."""

    duration: int | None
    """In milliseconds; None: it hangs."""
    error: str = ""
    """The runtime's error message."""


@functools.lru_cache(maxsize=256)
def inspect_error(image: str) -> str | None:
    """Return the kubelet's error for an image reference that cannot be parsed; None if it can be."""
    if _REFERENCE.fullmatch(image):
        return None
    path = re.sub(r"(:[^/:@]*)?(@.*)?$", "", image).split("/", 1)[-1]
    message = "invalid reference format"
    if path != path.lower():
        message = f"{message}: repository name ({path}) must be lowercase"
    return f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": {message}'


def targets(fault: Fault, image: str) -> bool:
    """Whether a fault applies to the registry of an image."""
    return not fault.registry or registry_of_image(image) == fault.registry


def hits(fault: Fault, key: str) -> bool:
    """Whether a fault, which may be flaky, occurs; always the same for the same seed and key."""
    if fault.flaky is None:
        return True
    return zlib.crc32(f"{fault.seed}/{key}".encode()) / 2**32 < fault.flaky


@functools.lru_cache(maxsize=256)
def pull_result(fault: Fault, image: str) -> PullResult:
    """Return how a pull with a fault goes."""
    if fault.what == "hang":
        return PullResult(None)
    if fault.what == "qps":
        return PullResult(QUICK, "pull QPS exceeded")
    message = (_other_error if fault.number is None else _status_error)(fault, *_parts(image))
    return PullResult(_TIMEOUT if fault.what == "timeout" else QUICK, message)


def _parts(image: str) -> tuple[str, str, str, str]:
    """Return an image as containerd names it, the host it connects to, the repository, and the tag or digest."""
    host = registry_of_image(image)
    first, slash, rest = image.partition("/")
    if not slash or first != host:
        rest = image
    if host == "docker.io" and "/" not in rest:
        rest = f"library/{rest}"
    repository, _, tag = rest.partition("@" if "@" in rest else ":")
    full = f"{host}/{rest}" if tag else f"{host}/{rest}:latest"
    return full, "registry-1.docker.io" if host == "docker.io" else host, repository, tag or "latest"


def _other_error(fault: Fault, image: str, host: str, repository: str, tag: str) -> str:
    unpack = f'failed to pull and unpack image "{image}": '
    resolve = f'{unpack}failed to resolve reference "{image}": '
    request = f'{resolve}failed to do request: Head "https://{host}/v2/{repository}/manifests/{tag}": '
    digest = f"sha256:{8 * f'{zlib.crc32(repository.encode()):08x}'}"
    name = host.rsplit(":", 1)[0]
    peer = host if _ADDRESS.fullmatch(host) else "198.51.100.7:443"
    return {
        "not found": f"rpc error: code = NotFound desc = {resolve}{image}: not found",
        "denied": f"{resolve}pulling from host {host} failed with status code [manifests {tag}]: 403 Forbidden",
        "dns": f"{request}dial tcp: lookup {name} on 10.96.0.10:53: server misbehaving",
        "no such host": f"{request}dial tcp: lookup {name} on 10.96.0.10:53: no such host",
        "timeout": f"{request}net/http: TLS handshake timeout",
        "refused": f"{request}dial tcp {peer}: connect: connection refused",
        "reset": f"{request}read tcp 10.244.0.1:48684->{peer}: read: connection reset by peer",
        "tls": f"{request}x509: certificate signed by unknown authority",
        "cut": f"{unpack}failed to read expected number of bytes: unexpected EOF",
        "corrupt": f'rpc error: code = FailedPrecondition desc = {unpack}failed commit on ref "layer-{digest}": '
        f"unexpected commit digest sha256:{64 * '0'}, expected {digest}: failed precondition",
        "malformed": f"{unpack}children: invalid desc {digest}: unexpected end of JSON input",
        "no platform": f"rpc error: code = NotFound desc = {unpack}no match for platform in manifest: not found",
    }[fault.what]


def _status_error(fault: Fault, image: str, host: str, repository: str, tag: str) -> str:
    """Return the message for an HTTP status, by what was requested: the manifest, a token or a layer."""
    number = fault.number or 0
    unpack = f'failed to pull and unpack image "{image}": '
    resolve = f'{unpack}failed to resolve reference "{image}": '
    status = f"{number} {_phrase(fault)}"
    if fault.name == "token":
        return f"{resolve}failed to authorize: failed to fetch anonymous token: unexpected status: {status}"
    if fault.name in ("manifest", "layer"):
        # The manifest by its digest, or a layer; the request before it, HEAD by tag, succeeded (fetcher.go).
        digest = f"sha256:{8 * f'{zlib.crc32(repository.encode()):08x}'}"
        url = f"https://{host}/v2/{repository}/{'blobs' if fault.name == 'layer' else 'manifests'}/{digest}"
        copy = f"{unpack}failed to copy: httpReadSeeker: failed open: "
        if number == 404:
            return f"rpc error: code = NotFound desc = {copy}content at {url} not found: not found"
        text = fault.text or (_HUB if number == 429 and fault.name == "layer" else "")
        return f"{copy}unexpected status code {url}: {status}{f' - Server message: {text}' if text else ''}"
    if number == 404:
        return f"rpc error: code = NotFound desc = {resolve}{image}: not found"
    return f"{resolve}pulling from host {host} failed with status code [manifests {tag}]: {status}"


def _phrase(fault: Fault) -> str:
    """Return the reason phrase of a status; if it has none, Go prints its number and a space."""
    if fault.phrase is not None:
        return fault.phrase
    try:
        return HTTPStatus(fault.number or 0).phrase
    except ValueError:
        return ""
