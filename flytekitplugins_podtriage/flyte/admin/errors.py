"""All errors of reading from flyteadmin. Each message is one line: what failed, where, and what to do."""

from __future__ import annotations


class InvalidExecution(ValueError):
    """The argument does not name an execution; the message lists the forms that do."""


class FlyteUnreachable(RuntimeError):
    """Flyteadmin cannot be called, or the call failed: the base of all errors below."""


class FlyteNotConfigured(FlyteUnreachable):
    """No endpoint is configured, or the configuration cannot be used."""


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
    """Flyteadmin answered with another status: its bug, or a request that its version does not support."""
