"""One GET, with whatever goes wrong told in one line.

The pool of connections of the official client is used, not its calls: they changed between versions (``call_api`` and
``_preload_content`` of 25 to 31 are gone in 37), the pool and ``Configuration.auth_settings`` did not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import urllib3

from flytekitplugins_podtriage.core.text.secrets import mask
from flytekitplugins_podtriage.kube.connection import Cluster
from flytekitplugins_podtriage.kube.errors import (
    ClusterForbidden,
    ClusterLoginRequired,
    ClusterNotFound,
    ClusterRefused,
    ClusterUnavailable,
    ClusterUnreachable,
)
from flytekitplugins_podtriage.kube.right import Right

_BUSY = frozenset({429, 503, 504})
"""Statuses after which the same question may be asked again (priority and fairness; a cache that lags behind)."""
_TRIES = 4
_LONGEST_WAIT = 10.0
_DETAIL = 240


class _Details(msgspec.Struct, rename="camel"):
    retry_after_seconds: float | None = None


class _ListMeta(msgspec.Struct):
    continue_: str | None = msgspec.field(default=None, name="continue")


class _Status(msgspec.Struct):
    """A ``Status`` of the API server (k8s.io/apimachinery pkg/apis/meta/v1), as far as it is read."""

    kind: str | None = None
    message: str | None = None
    reason: str | None = None
    details: _Details | None = None
    metadata: _ListMeta | None = None


class Expired(ClusterRefused):
    """A page's continue token is too old (410); ``continue_`` is the token that goes on without a common moment."""

    def __init__(self, message: str, continue_: str | None) -> None:
        super().__init__(message)
        self.continue_ = continue_


def get(cluster: Cluster, path: str, query: Mapping[str, str], about: str, right: Right) -> bytes:
    """Return the body of an answer.

    Args:
        cluster: whom to ask.
        path: the path, with its parts quoted (:func:`quoted`).
        query: the query's names and values.
        about: what is asked for, for messages.
        right: the right that it needs, for a message.

    Raises:
        Expired: the continue token in the query is too old.
        ClusterUnreachable: there is no good answer.
    """
    for last in (False,) * (_TRIES - 1) + (True,):
        status, headers, body = _once(cluster, path, query, about)
        if status == 200:
            return body
        said = _read_status(body)
        if status not in _BUSY or last:
            break
        cluster.sleep(_wait(headers, said))
    raise _told(cluster, status, said, about, right)


def quoted(name: str) -> str:
    """Return a name as one part of a path."""
    return quote(name, safe="")


def _once(cluster: Cluster, path: str, query: Mapping[str, str], about: str) -> tuple[int, Mapping[str, str], bytes]:
    client = cluster.client
    url = f"{client.configuration.host.rstrip('/')}{path}" + (f"?{urlencode(query)}" if query else "")
    try:
        headers = {"Accept": "application/json", "User-Agent": "podtriage"}
        for setting in client.configuration.auth_settings().values():
            if setting["in"] == "header" and setting["value"]:
                headers[setting["key"]] = setting["value"]
        answer = client.rest_client.pool_manager.request(
            "GET", url, headers=headers, retries=False, timeout=urllib3.Timeout(cluster.timeout), redirect=False
        )
        body: bytes = answer.data
    except Exception as error:  # urllib3's, ssl's, and whatever a login that has run out raises
        raise ClusterUnavailable(
            f"{cluster.name} at {client.configuration.host}: no answer about {about}: {_why(error)}; "
            "check the address, and whether the cluster is up"
        ) from error
    length = answer.headers.get("Content-Length", "")
    if length.isdigit() and not answer.headers.get("Content-Encoding") and len(body) < int(length):
        raise _truncated(cluster, about, f"{len(body)} of {length} bytes")
    return int(answer.status), answer.headers, body


def _truncated(cluster: Cluster, about: str, why: str) -> ClusterUnavailable:
    return ClusterUnavailable(
        f"{cluster.name} at {cluster.client.configuration.host}: the answer about {about} is broken off or no JSON: "
        f"{why}; try again"
    )


def decoded(cluster: Cluster, body: bytes, kind: Any, about: str) -> Any:
    """Decode an answer with msgspec.

    Raises:
        ClusterUnavailable: it is no JSON of that form.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _truncated(cluster, about, _why(error)) from error


def _told(cluster: Cluster, status: int, said: _Status, about: str, right: Right) -> ClusterUnreachable:
    """Return an answer that is not 200 as an error of the family."""
    at = f"{cluster.name} at {cluster.client.configuration.host}"
    detail = _one_line(said.message or said.reason or "no more is said")
    if status == 401:
        return ClusterLoginRequired(f"{at}: not logged in (401): {detail}; log in again (kubectl has to work)")
    if status == 403:
        return ClusterForbidden(
            f"{at}: may not {right} (403): {detail}; a role that may, bound to the user: {right.remedy}"
        )
    if status == 404:
        return ClusterNotFound(f"{at}: there is no {about} (404): {detail}")
    if status == 410:
        return Expired(
            f"{at}: the list of {about} has expired (410): {detail}; try again",
            said.metadata.continue_ if said.metadata else None,
        )
    if status in _BUSY:
        return ClusterUnavailable(f"{at}: too busy to tell of {about} ({status}): {detail}; try again")
    if 300 <= status < 400:
        return ClusterRefused(f"{at}: {about}: redirected ({status}); is it the address of an API server?")
    return ClusterRefused(f"{at}: {about}: HTTP {status}: {detail}")


def _read_status(body: bytes) -> _Status:
    """Read what an answer says of itself; a proxy's page is quoted from its beginning."""
    try:
        status = msgspec.json.decode(body, type=_Status)
        if status.kind == "Status":
            return status
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    return _Status(message=body[:_DETAIL].decode(errors="replace"))


def _wait(headers: Mapping[str, str], said: _Status) -> float:
    """Return how long to wait, in seconds: as long as the server asks for, at most ten, else one."""
    asked = headers.get("Retry-After", "")
    if asked.isdigit():
        return min(float(asked), _LONGEST_WAIT)
    if said.details is not None and said.details.retry_after_seconds is not None:
        return min(max(said.details.retry_after_seconds, 0.0), _LONGEST_WAIT)
    return 1.0


def _why(error: BaseException) -> str:
    return _one_line(str(error) or type(error).__name__)


def _one_line(text: str) -> str:
    """Return a text as one short line without secrets."""
    line = " ".join(mask(text[: 4 * _DETAIL]).split())
    return line if len(line) <= _DETAIL else f"{line[: _DETAIL - 3]}..."
