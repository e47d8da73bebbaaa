"""The errors of asking flyteadmin, all of them. Each message is one line: what failed, where, and what helps.

* ValueError
  x InvalidExecution        what was given names no execution
* RuntimeError
  + FlyteUnreachable        the question could not be answered
    x FlyteNotConfigured    no endpoint is configured, or the configuration cannot be used
    x FlyteLoginRequired    flyteadmin wants a login, or the login failed
    x FlyteForbidden        the login is known, and may not make this call
    x FlyteNotFound         there is no such execution, node or task
    x FlyteUnavailable      nobody answers at the endpoint, or not in time
    x FlyteAnswerTooLarge   the answer is larger than the client takes
    x FlyteRefused          any other status: a bug there, or a request that this flyteadmin does not take
"""

from __future__ import annotations


class InvalidExecution(ValueError):
    """What was given names no execution; the message says which forms are allowed."""


class FlyteUnreachable(RuntimeError):
    """Flyteadmin could not be asked, or did not answer: the family of every error below."""


class FlyteNotConfigured(FlyteUnreachable):
    """No endpoint is configured, or the configuration cannot be read."""


class FlyteLoginRequired(FlyteUnreachable):
    """Flyteadmin answered Unauthenticated, or flytekit could not get a token."""


class FlyteForbidden(FlyteUnreachable):
    """Flyteadmin answered PermissionDenied."""


class FlyteNotFound(FlyteUnreachable):
    """Flyteadmin knows of no such execution, node or task."""


class FlyteUnavailable(FlyteUnreachable):
    """Nobody answers at the endpoint, TLS does not come about, or the answer takes too long."""


class FlyteAnswerTooLarge(FlyteUnreachable):
    """The answer is larger than the client (20 MB in flytekit) or the server takes."""


class FlyteRefused(FlyteUnreachable):
    """Flyteadmin answered with another status."""
