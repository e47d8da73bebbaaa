"""Calls of flyteadmin: a single one, or all pages of a list; every failure is an error with a message of one line.

The calls are flytekit's (``SynchronousFlyteClient.raw``), with its configuration, login and retries. The messages of
flyteidl are returned as they are, since flytekit's models drop part of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from traceback import walk_tb
from typing import Any

import grpc

from flytekitplugins_podtriage.flyte.admin.errors import (
    FlyteForbidden,
    FlyteLoginRequired,
    FlyteNotFound,
    FlyteRefused,
    FlyteResponseTooLarge,
    FlyteUnavailable,
    FlyteUnreachable,
)

PAGE = 100
"""How many entries to request per page: flytekit's default."""
DEADLINE = 60.0
"""Seconds that one call may take; the first versions of flytekit 1.16 have no such limit."""

_DETAIL = 240
_LOGIN = "flytekit.clients.auth"


class AdminClient:
    """Calls one flyteadmin through flytekit's ``SynchronousFlyteClient``; ``deadline`` is in seconds."""

    def __init__(self, client: Any, deadline: float = DEADLINE) -> None:
        self._raw = client.raw
        self._deadline = deadline
        self.endpoint = str(getattr(client, "url", "flyteadmin"))

    def call(self, method: str, request: Any, about: str) -> Any:
        """Call a method of flytekit's ``RawSynchronousFlyteClient``; messages say what the request is ``about``.

        Raises:
            FlyteUnreachable: the call failed.
        """
        try:
            with _deadline(self._deadline):
                return getattr(self._raw, method)(request)
        except Exception as error:  # flytekit's exceptions, gRPC's, and those of a login
            raise _translate(error, self.endpoint, method, about) from error

    def pages(self, method: str, request: Any, field: str, about: str) -> Iterator[Any]:
        """Yield the entries of a paged call, page by page; ``field`` is the response's field that has them.

        A page that is too large for the client is requested again with half as many entries: tokens are offsets
        (flyteadmin pkg/manager/impl/*_manager.go), so the size may change between pages.

        Raises:
            FlyteUnreachable: a call failed.
        """
        limit, token = PAGE, ""
        while True:
            request.limit, request.token = limit, token
            try:
                response = self.call(method, request, about)
            except FlyteResponseTooLarge:
                if limit == 1:
                    raise
                limit //= 2
                continue
            yield from getattr(response, field)
            if not response.token or response.token == token:
                return
            token = response.token


def _deadline(seconds: float) -> AbstractContextManager[Any]:
    """Limit the duration of the calls made inside; an older flytekit 1.16 cannot."""
    try:
        from flytekit.clients.grpc_utils.deadline_interceptor import scoped_grpc_deadline
    except ImportError:
        return nullcontext()
    limit: Callable[[float], AbstractContextManager[Any]] = scoped_grpc_deadline
    return limit(seconds)


def _translate(error: BaseException, endpoint: str, method: str, about: str) -> FlyteUnreachable:
    """Return the error of this package that an exception stands for."""
    status = _status(error)
    detail = _one_line(_details(status) if status is not None else str(error) or type(error).__name__)
    code = status.code() if status is not None else None
    at = f"flyteadmin at {endpoint}"
    if code is grpc.StatusCode.UNAUTHENTICATED or _is_login(error):
        return FlyteLoginRequired(f"{at}: not logged in: {detail}; check flytekit's login (pyflyte, auth_mode)")
    if code is grpc.StatusCode.PERMISSION_DENIED:
        return FlyteForbidden(f"{at}: {method} of {about} is forbidden: {detail}; ask for permission to view it")
    if code is grpc.StatusCode.NOT_FOUND:
        return FlyteNotFound(f"{at}: no {about}; it does not exist, or flyteadmin has deleted it")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return FlyteUnavailable(f"{at}: timeout while reading {about}; try again, or request less")
    if code is grpc.StatusCode.UNAVAILABLE:
        return FlyteUnavailable(f"{at}: cannot be reached: {detail}; check the endpoint, and whether it is insecure")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in detail:
        return FlyteResponseTooLarge(f"{at}: the response about {about} is too large: {detail}")
    what = code.name if code is not None else type(error).__name__
    return FlyteRefused(f"{at}: {method} of {about}: {what}: {detail}")


def _status(error: BaseException) -> Any:
    """Return the gRPC error that caused an exception; None if there is none."""
    steps = (step for step in _chain(error) if isinstance(step, grpc.RpcError))
    return next((step for step in steps if callable(getattr(step, "code", None))), None)


def _details(status: Any) -> str:
    """Return the details of a status."""
    details = getattr(status, "details", None)
    return str(details() or "no details") if callable(details) else str(status)


def _is_login(error: BaseException) -> bool:
    """Return whether flytekit's login failed, rather than a call.

    A login happens inside a call, after flyteadmin has answered Unauthenticated, and may raise anything; the traceback
    shows that the modules of the login were involved (``flytekit.clients.auth_helper``, ``.auth.*``).
    """
    for step in _chain(error):
        if type(step).__name__ == "FlyteAuthenticationException" or type(step).__module__.startswith(_LOGIN):
            return True
        if any(frame.f_globals.get("__name__", "").startswith(_LOGIN) for frame, _ in walk_tb(step.__traceback__)):
            return True
    return False


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and its causes."""
    step: BaseException | None = error
    for _ in range(20):
        if step is None:
            return
        yield step
        step = step.__cause__ or step.__context__


def _one_line(text: str) -> str:
    """Return a text as one short line without secrets."""
    from flytekitplugins_podtriage.core.text.redact import mask

    line = " ".join(mask(text[: 4 * _DETAIL]).split())
    return line if len(line) <= _DETAIL else f"{line[: _DETAIL - 3]}..."
