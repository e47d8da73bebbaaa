"""Asking flyteadmin: one call, or all the pages of one, with whatever goes wrong told in one line.

The calls are flytekit's own (``SynchronousFlyteClient.raw``): its configuration, login and retries hold. Messages of
flyteidl are passed through as they are, for flytekit's models drop part of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from traceback import walk_tb
from typing import Any

import grpc

from flytekitplugins_podtriage.flyte.admin.errors import (
    FlyteAnswerTooLarge,
    FlyteForbidden,
    FlyteLoginRequired,
    FlyteNotFound,
    FlyteRefused,
    FlyteUnavailable,
    FlyteUnreachable,
)

PAGE = 100
"""How many entries a page is asked to have: flytekit's own default, and what flyteadmin is used to."""
DEADLINE = 60.0
"""Seconds that one call may take, where flytekit can be told; the first versions of 1.16 cannot."""

_DETAIL = 240
_LOGIN = "flytekit.clients.auth"


class Admin:
    """A flyteadmin to ask."""

    def __init__(self, client: Any, deadline: float = DEADLINE) -> None:
        """Take flytekit's ``SynchronousFlyteClient``; ``deadline`` is in seconds and for each call."""
        self._raw = client.raw
        self._deadline = deadline
        self.endpoint = str(getattr(client, "url", "flyteadmin"))

    def call(self, method: str, request: Any, about: str) -> Any:
        """Make one call.

        Args:
            method: a method of flytekit's ``RawSynchronousFlyteClient``.
            request: flyteidl's request.
            about: what is asked for, for messages.

        Raises:
            FlyteUnreachable: there is no good answer.
        """
        try:
            with _deadline(self._deadline):
                return getattr(self._raw, method)(request)
        except Exception as error:  # flytekit's exceptions, gRPC's, and whatever a login raises
            raise _told(error, self.endpoint, method, about) from error

    def pages(self, method: str, request: Any, field: str, about: str) -> Iterator[Any]:
        """Yield the entries of a paged call, page by page; ``field`` is where an answer has them.

        A page that is too large for the wire is asked for again with half as many entries: tokens are offsets
        (flyteadmin pkg/manager/impl/*_manager.go), so that the size may change between pages.

        Raises:
            FlyteUnreachable: there is no good answer.
        """
        limit, token = PAGE, ""
        while True:
            request.limit, request.token = limit, token
            try:
                answer = self.call(method, request, about)
            except FlyteAnswerTooLarge:
                if limit == 1:
                    raise
                limit //= 2
                continue
            yield from getattr(answer, field)
            if not answer.token or answer.token == token:
                return
            token = answer.token


def _deadline(seconds: float) -> AbstractContextManager[Any]:
    """Bound the calls made inside; an older flytekit 1.16 cannot."""
    try:
        from flytekit.clients.grpc_utils.deadline_interceptor import scoped_grpc_deadline
    except ImportError:
        return nullcontext()
    bound: Callable[[float], AbstractContextManager[Any]] = scoped_grpc_deadline
    return bound(seconds)


def _told(error: BaseException, endpoint: str, method: str, about: str) -> FlyteUnreachable:
    """Return what went wrong as an error of the family."""
    status = _status(error)
    detail = _one_line(_details(status) if status is not None else str(error) or type(error).__name__)
    code = status.code() if status is not None else None
    at = f"flyteadmin at {endpoint}"
    if code is grpc.StatusCode.UNAUTHENTICATED or _is_login(error):
        return FlyteLoginRequired(f"{at}: not logged in: {detail}; flytekit's login has to work (pyflyte, auth_mode)")
    if code is grpc.StatusCode.PERMISSION_DENIED:
        return FlyteForbidden(f"{at}: {method} of {about} is forbidden: {detail}; ask for the right to view it")
    if code is grpc.StatusCode.NOT_FOUND:
        return FlyteNotFound(f"{at}: there is no {about}; allowed: one that flyteadmin still has")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return FlyteUnavailable(f"{at}: no answer in time about {about}; try again, or ask for less")
    if code is grpc.StatusCode.UNAVAILABLE:
        return FlyteUnavailable(f"{at}: it cannot be reached: {detail}; check the endpoint, and whether it is insecure")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in detail:
        return FlyteAnswerTooLarge(f"{at}: the answer about {about} is too large: {detail}")
    what = code.name if code is not None else type(error).__name__
    return FlyteRefused(f"{at}: {method} of {about}: {what}: {detail}")


def _status(error: BaseException) -> Any:
    """Find the gRPC status that an exception stands for; None if there is none."""
    for step in _chain(error):
        if isinstance(step, grpc.RpcError) and callable(getattr(step, "code", None)):
            return step
    return None


def _details(status: Any) -> str:
    """Return the words of a status."""
    details = getattr(status, "details", None)
    return str(details() or "no details") if callable(details) else str(status)


def _is_login(error: BaseException) -> bool:
    """Whether flytekit's login failed, rather than a call.

    A login is tried inside a call, once flyteadmin has answered Unauthenticated, and may fail in any way there is; what
    tells is that the error came through the modules that log in (``flytekit.clients.auth_helper``, ``.auth.*``).
    """
    for step in _chain(error):
        if type(step).__name__ == "FlyteAuthenticationException" or type(step).__module__.startswith(_LOGIN):
            return True
        if any(frame.f_globals.get("__name__", "").startswith(_LOGIN) for frame, _ in walk_tb(step.__traceback__)):
            return True
    return False


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those that led to it."""
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
