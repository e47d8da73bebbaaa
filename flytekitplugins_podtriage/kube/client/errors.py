"""The errors of requests to a cluster. Each message is one line: the cluster, the operation, what happened, what helps.

All belong to the family of :class:`~flytekitplugins_podtriage.core.pod_cluster.ClusterError`, which callers catch:

* ClusterError
  + ClusterBusy             no usable response, or the server cannot answer now (408, 409, 429, 5xx): try again
    - ClusterUnreachable    no response in time
      . TransportError      no response, or not all of it
        . TransportTimeout  nothing arrived in time
  + ClusterDenied           not logged in (401)
    - Forbidden             logged in, but without the permission (403)
    - KubeconfigUnusable    no kubeconfig, an unreadable one, or one without the requested context
  + NotFound                the object does not exist (404)
  + ListExpired             the continue token of a list is too old (410)
  + PodExists, PodRejected, QuotaExceeded    a pod was not created
"""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.pod_cluster import ClusterDenied, ClusterError, ClusterUnreachable
from flytekitplugins_podtriage.core.text.redact import mask

LINE: Final = 240
"""How long a quoted text may be, in characters."""


class TransportError(ClusterUnreachable):
    """There is no response, or not all of it."""


class TransportTimeout(TransportError):
    """Nothing arrived in time."""


class Forbidden(ClusterDenied):
    """The API server answered 403; the message names the missing permission."""


class KubeconfigUnusable(ClusterDenied):
    """There is no kubeconfig, it cannot be read, or it has no such context."""


class NotFound(ClusterError):
    """The API server answered that the object does not exist, or no object can have such a name."""


class ListExpired(ClusterError):
    """The continue token of a list is too old (410)."""

    def __init__(self, message: str, *, next_token: str | None) -> None:
        super().__init__(message)
        self.next_token = next_token
        """The token to continue with, at a later state of the list; None: the list has to be started over."""


def one_line(text: str, most: int = LINE) -> str:
    """Return a text as one short line without secrets."""
    line = " ".join(mask(text[: 4 * most]).split())
    return line if len(line) <= most else f"{line[: most - 3]}..."


def describe(error: BaseException) -> str:
    """Return the message of an error as one short line without secrets."""
    return one_line(str(error) or type(error).__name__)
