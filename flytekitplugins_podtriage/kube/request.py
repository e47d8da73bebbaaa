"""One GET, with whatever goes wrong told in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from flytekitplugins_podtriage.kube.client.connection import Cluster
from flytekitplugins_podtriage.kube.client.errors import (
    ClusterForbidden,
    ClusterLoginRequired,
    ClusterNotFound,
    ClusterRefused,
    ClusterUnavailable,
    ClusterUnreachable,
)
from flytekitplugins_podtriage.kube.client.http import Unanswered, send, why
from flytekitplugins_podtriage.kube.client.permission import Right
from flytekitplugins_podtriage.kube.client.status import Status, asked_to_wait, read_status

_BUSY = frozenset({429, 503, 504})
"""Statuses after which the same question may be asked again (priority and fairness; a cache that lags behind)."""
_TRIES = 4


class Expired(ClusterRefused):
    """A page's continue token is too old (410); ``continue_`` is the token that goes on without a common moment."""

    def __init__(self, message: str, continue_: str | None) -> None:
        super().__init__(message)
        self.continue_ = continue_


def get(cluster: Cluster, path: str, query: Mapping[str, str], about: str, right: Right) -> bytes:
    """Return the body of an answer.

    Args:
        cluster: whom to ask.
        path: the path, with its parts quoted (:func:`~flytekitplugins_podtriage.kube.client.http.quoted`).
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
        said = read_status(body)
        if status not in _BUSY or last:
            break
        wait = asked_to_wait(headers, said)
        cluster.sleep(1.0 if wait is None else wait)
    raise _told(cluster, status, said, about, right)


def _once(cluster: Cluster, path: str, query: Mapping[str, str], about: str) -> tuple[int, Mapping[str, str], bytes]:
    try:
        answer = send(cluster, "GET", path, query)
    except Unanswered as error:
        raise ClusterUnavailable(
            f"{cluster.name} at {cluster.client.configuration.host}: no answer about {about}: {error}; "
            "check the address, and whether the cluster is up"
        ) from error
    return int(answer.status), answer.headers, answer.data


def _truncated(cluster: Cluster, about: str, how: str) -> ClusterUnavailable:
    return ClusterUnavailable(
        f"{cluster.name} at {cluster.client.configuration.host}: the answer about {about} is broken off or no JSON: "
        f"{how}; try again"
    )


def decoded(cluster: Cluster, body: bytes, kind: Any, about: str) -> Any:
    """Decode an answer with msgspec.

    Raises:
        ClusterUnavailable: it is no JSON of that form.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _truncated(cluster, about, why(error)) from error


def _told(cluster: Cluster, status: int, said: Status, about: str, right: Right) -> ClusterUnreachable:
    """Return an answer that is not 200 as an error of the family."""
    at = f"{cluster.name} at {cluster.client.configuration.host}"
    detail = said.detail
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
