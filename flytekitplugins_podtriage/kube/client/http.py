"""One HTTP request to the API server, through the official client's login and pool of connections.

The client's calls are not used: they changed between versions (``call_api`` and ``_preload_content`` of 25 to 31 are
gone in 37), the pool and ``Configuration.auth_settings`` did not. ``auth_settings`` runs the client's own refresh hook,
which renews a login that it knows to have run out; one that the server takes no longer (401) is read anew here, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from flytekitplugins_podtriage.kube.client.connection import Cluster
from flytekitplugins_podtriage.kube.client.status import one_line


class Unanswered(Exception):
    """There is no answer, or no whole one; the message is one line."""


class Unanswering(Unanswered):
    """Nothing came in time."""


def send(
    cluster: Cluster,
    method: str,
    path: str,
    query: Mapping[str, str] | None = None,
    *,
    body: bytes | None = None,
    timeout: urllib3.Timeout | None = None,
    stream: bool = False,
) -> Any:
    """Return the answer to a request, whatever its status: urllib3's ``HTTPResponse``.

    Args:
        cluster: whom to ask.
        method: ``GET``, ``POST``, ``DELETE``.
        path: the path, with its parts quoted (:func:`quoted`).
        query: the query's names and values.
        body: JSON to be sent.
        timeout: None: the cluster's.
        stream: whether the body is left to be read; it is for the caller then to release or close the answer.

    Raises:
        Unanswered: there is no answer, or (not as a stream) not all of it.
    """
    login = _login(cluster)
    answer = _once(cluster, method, path, query, body, timeout, stream, login)
    if answer.status == 401 and _log_in_again(cluster, login):
        if stream:
            answer.drain_conn()
            answer.release_conn()
        answer = _once(cluster, method, path, query, body, timeout, stream, _login(cluster))
    return answer


def quoted(name: str) -> str:
    """Return a name as one part of a path."""
    return quote(name, safe="")


def why(error: BaseException) -> str:
    """Return an error as one short line."""
    return one_line(str(error) or type(error).__name__)


def as_unanswered(error: Exception) -> Unanswered:
    """Return what went wrong with a connection (urllib3's, ssl's, http.client's errors) as one of this module's."""
    kind = Unanswering if isinstance(error, urllib3.exceptions.TimeoutError) else Unanswered
    return kind(why(error))


def _once(
    cluster: Cluster,
    method: str,
    path: str,
    query: Mapping[str, str] | None,
    body: bytes | None,
    timeout: urllib3.Timeout | None,
    stream: bool,
    login: Mapping[str, str],
) -> Any:
    client = cluster.client
    url = f"{client.configuration.host.rstrip('/')}{path}" + (f"?{urlencode(query)}" if query else "")
    headers = {"Accept": "application/json", "User-Agent": "podtriage", **login}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        answer = client.rest_client.pool_manager.request(
            method,
            url,
            body=body,
            headers=headers,
            retries=False,
            timeout=timeout or urllib3.Timeout(cluster.timeout),
            redirect=False,
            preload_content=not stream,
        )
        size = 0 if stream else len(answer.data)
    except Exception as error:
        raise as_unanswered(error) from error
    length = answer.headers.get("Content-Length", "")
    if not stream and length.isdigit() and not answer.headers.get("Content-Encoding") and size < int(length):
        raise Unanswered(f"it breaks off after {size} of {length} bytes")
    return answer


def _login(cluster: Cluster) -> dict[str, str]:
    """Return the headers that say who asks.

    Raises:
        Unanswered: the login has run out, and cannot be renewed.
    """
    try:
        settings = cluster.client.configuration.auth_settings().values()
        return {each["key"]: each["value"] for each in settings if each["in"] == "header" and each["value"]}
    except Exception as error:  # whatever the client's refresh hook raises
        raise Unanswered(f"the login cannot be renewed: {why(error)}") from error


def _log_in_again(cluster: Cluster, used: Mapping[str, str]) -> bool:
    """Log in anew after a 401, once however many threads met it; whether it is worth asking again."""
    if cluster.login is None:
        return False
    with cluster.lock:
        try:
            if _login(cluster) == used:
                cluster.login()
        except Exception:  # noqa: BLE001  # then the 401 stands, and tells more than this would
            return False
    return True
