"""The errors of asking a cluster, all of them. Each message is one line: what failed, where, and what helps.

* RuntimeError
  + ClusterUnreachable      the question could not be answered
    x KubeconfigUnusable    no configuration, one that cannot be read, or one without the context asked for
    x ClusterUnavailable    nobody answers, TLS does not come about, or the answer breaks off
    x ClusterLoginRequired  the API server wants a login (401)
    x ClusterForbidden      the login is known, and may not do this (403)
    x ClusterNotFound       there is no such object (404), or its name can be none
    x ClusterRefused        any other answer
"""

from __future__ import annotations


class ClusterUnreachable(RuntimeError):
    """The cluster could not be asked, or did not answer: the family of every error below."""


class KubeconfigUnusable(ClusterUnreachable):
    """There is no configuration, it cannot be read, or it has no such context."""


class ClusterUnavailable(ClusterUnreachable):
    """Nobody answers at the address, TLS does not come about, or the answer breaks off."""


class ClusterLoginRequired(ClusterUnreachable):
    """The API server answered 401."""


class ClusterForbidden(ClusterUnreachable):
    """The API server answered 403; the message names the right that is missing."""


class ClusterNotFound(ClusterUnreachable):
    """The API server answered 404, or was not asked because no object can have such a name."""


class ClusterRefused(ClusterUnreachable):
    """The API server (or a proxy before it) answered something else."""
