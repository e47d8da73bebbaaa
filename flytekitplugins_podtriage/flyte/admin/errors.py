"""All errors of reading from flyteadmin. Each message is one line: what failed, where, and what to do.

* ValueError
  x InvalidExecution        the argument does not name an execution
* RuntimeError
  + FlyteUnreachable        flyteadmin cannot be called, or the call failed
    x FlyteNotConfigured    no endpoint is configured, or the configuration cannot be used
    x FlyteLoginRequired    flyteadmin requires a login, or the login failed
    x FlyteForbidden        the user may not make this call
    x FlyteNotFound         no such execution, node or task
    x FlyteUnavailable      no response from the endpoint, or not in time
    x FlyteResponseTooLarge the response is larger than the client accepts
    x FlyteRefused          any other status: a bug of flyteadmin, or a request that its version does not support
"""

from __future__ import annotations


class InvalidExecution(ValueError):
    """The argument does not name an execution; the message lists the forms that do."""


class FlyteUnreachable(RuntimeError):
    """Flyteadmin cannot be called, or the call failed: the base of all errors below."""


class FlyteNotConfigured(FlyteUnreachable):
    """No endpoint is configured, or the configuration cannot be read."""


class FlyteLoginRequired(FlyteUnreachable):
    """Flyteadmin answered Unauthenticated, or flytekit could not get a token."""


class FlyteForbidden(FlyteUnreachable):
    """Flyteadmin answered PermissionDenied."""


class FlyteNotFound(FlyteUnreachable):
    """Flyteadmin has no such execution, node or task."""


class FlyteUnavailable(FlyteUnreachable):
    """The endpoint does not respond, TLS fails, or the response takes too long."""


class FlyteResponseTooLarge(FlyteUnreachable):
    """The response is larger than the client (20 MB in flytekit) or the server allows."""


class FlyteRefused(FlyteUnreachable):
    """Flyteadmin answered with another status."""
