"""What the registries of the sandbox answer, in the words of containerd as kubelets pass them on.

Source: recorded pulls of containerd 1.6.20 against a registry that failed in these ways.
"""

from __future__ import annotations

import functools
import re
import zlib
from http import HTTPStatus
from typing import Final

import attrs

from flytekitplugins_podtriage.core.text.references import registry_of_image
from flytekitplugins_podtriage.sandbox.faults.grammar import Fault

QUICK: Final = 100
"""How long a pull takes that nothing hinders, or that fails at once, in milliseconds."""
_TIMEOUT: Final = 10_000
"""After how long a TLS handshake is given up (net/http, TLSHandshakeTimeout), in milliseconds."""

# distribution/reference, regexp.go.
_REFERENCE: Final = re.compile(
    r"(?:(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[0-9a-fA-F:]+\])(?::\d+)?/)?"
    r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*"
    r"(?::\w[\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*:[0-9a-fA-F]{32,})?"
)
_HUB: Final = "toomanyrequests: You have reached your pull rate limit."
_ADDRESS: Final = re.compile(r"\d+(?:\.\d+){3}:\d+")


@attrs.frozen(slots=True)
class Answer:
    """How a pull goes."""

    takes: int | None
    """In milliseconds; None: it does not end by itself."""
    error: str | None = None
    """What the runtime says if it failed."""


@functools.lru_cache(maxsize=256)
def unreadable(image: str) -> str | None:
    """Return what the kubelet says of a reference that cannot be parsed; None if it can be."""
    if _REFERENCE.fullmatch(image):
        return None
    path = re.sub(r"(:[^/:@]*)?(@.*)?$", "", image).split("/", 1)[-1]
    said = "invalid reference format"
    if path != path.lower():
        said = f"{said}: repository name ({path}) must be lowercase"
    return f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": {said}'


def meant(fault: Fault, image: str) -> bool:
    """Whether a fault is about the registry of an image."""
    return not fault.registry or registry_of_image(image) == fault.registry


def unlucky(fault: Fault, key: str) -> bool:
    """Whether a flaky fault strikes; always the same for the same seed and key."""
    if fault.flaky is None:
        return True
    return zlib.crc32(f"{fault.seed}/{key}".encode()) / 2**32 < fault.flaky


@functools.lru_cache(maxsize=256)
def refusal(fault: Fault, image: str) -> Answer:
    """Return how a pull goes that meets a fault."""
    if fault.what == "hang":
        return Answer(None)
    if fault.what == "qps":
        return Answer(QUICK, "pull QPS exceeded")
    named = _named(image)
    said = _said(fault, *named) if fault.number is None else _status(fault, *named)
    return Answer(_TIMEOUT if fault.what == "timeout" else QUICK, said)


def _named(image: str) -> tuple[str, str, str, str]:
    """Return an image as containerd calls it, the host that it asks, the repository, and the tag or digest."""
    host = registry_of_image(image)
    first, slash, rest = image.partition("/")
    if not slash or first != host:
        rest = image
    if host == "docker.io" and "/" not in rest:
        rest = f"library/{rest}"
    repository, _, tag = rest.partition("@" if "@" in rest else ":")
    full = f"{host}/{rest}" if tag else f"{host}/{rest}:latest"
    return full, "registry-1.docker.io" if host == "docker.io" else host, repository, tag or "latest"


def _said(fault: Fault, image: str, host: str, repository: str, tag: str) -> str:
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


def _status(fault: Fault, image: str, host: str, repository: str, tag: str) -> str:
    """Return what is said of an HTTP status, by what was asked for: the manifest, a token or a layer."""
    number = fault.number or 0
    unpack = f'failed to pull and unpack image "{image}": '
    resolve = f'{unpack}failed to resolve reference "{image}": '
    answer = f"{number} {_phrase(fault)}"
    if fault.name == "token":
        return f"{resolve}failed to authorize: failed to fetch anonymous token: unexpected status: {answer}"
    if fault.name in ("manifest", "layer"):
        # The manifest by its digest, or a layer: the request before it, HEAD by tag, went well (fetcher.go).
        digest = f"sha256:{8 * f'{zlib.crc32(repository.encode()):08x}'}"
        at = f"https://{host}/v2/{repository}/{'blobs' if fault.name == 'layer' else 'manifests'}/{digest}"
        copy = f"{unpack}failed to copy: httpReadSeeker: failed open: "
        if number == 404:
            return f"rpc error: code = NotFound desc = {copy}content at {at} not found: not found"
        told = fault.text or (_HUB if number == 429 and fault.name == "layer" else "")
        return f"{copy}unexpected status code {at}: {answer}{f' - Server message: {told}' if told else ''}"
    if number == 404:
        return f"rpc error: code = NotFound desc = {resolve}{image}: not found"
    return f"{resolve}pulling from host {host} failed with status code [manifests {tag}]: {answer}"


def _phrase(fault: Fault) -> str:
    """Return the reason phrase of a status; Go prints one without as its number and a space."""
    if fault.phrase is not None:
        return fault.phrase
    try:
        return HTTPStatus(fault.number or 0).phrase
    except ValueError:
        return ""
