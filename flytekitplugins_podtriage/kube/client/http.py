"""HTTP requests to the API server, through the official client's login and connection pool.

The client's own calls are not used: they changed between versions (``call_api`` and ``_preload_content`` of 25 to 31
are gone in 37), while the pool and ``Configuration.auth_settings`` did not. ``auth_settings`` runs the client's refresh
hook, which renews a login that it knows to be expired; one that the server rejects (401) is renewed here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final
from urllib.parse import urlencode

import attrs
import urllib3

from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.errors import TransportError, TransportTimeout, describe
from flytekitplugins_podtriage.kube.client.operation import Operation

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
"""A patch whose members replace those of the object, and leave all others as they are (RFC 7386)."""
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
"""The same, but lists are merged as the API's types say (k8s.io/api, ``patchStrategy``); Kubernetes' own types only."""
_CHUNK: Final = 65536


@attrs.frozen
class Timeouts:
    """How long requests may take, in seconds."""

    connect: float = 5.0
    """Until there is a connection."""
    read: float = 15.0
    """Between two chunks of a response."""
    total: float = 20.0
    """In all, with the wait for a thread."""
    listing: float = 30.0
    """``read`` for the lists that a watch begins with."""

    def urllib3(self, read: float | None = None) -> urllib3.Timeout:
        """Return them as urllib3's, whose first positional argument would be the total."""
        return urllib3.Timeout(connect=self.connect, read=self.read if read is None else read)


@attrs.frozen
class Response:
    """A complete response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@attrs.frozen
class Stream:
    """A response whose body arrives in chunks."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]
    """The body; reading may raise :class:`TransportError`."""
    cut: Callable[[], None]
    """Ends the stream, from any thread: a blocked read returns or raises."""


def send(
    connection: Connection,
    operation: Operation,
    query: Mapping[str, str] | None = None,
    *,
    body: bytes | None = None,
    content_type: str = JSON,
    timeout: urllib3.Timeout | None = None,
    renew_login: bool = True,
) -> Response:
    """Send a request, perhaps with a body; return the response, whatever its status.

    The content type of a patch is its kind, such as :data:`MERGE_PATCH`. After a 401 the login is renewed and the
    request sent once more, which may take as long again, unless ``renew_login`` is false.

    Raises:
        TransportError: there is no response, or not all of it.
    """
    request = _Request(
        connection,
        operation,
        query=query or {},
        body=body,
        content_type=content_type,
        timeout=timeout,
        renew_login=renew_login,
    )
    response = request.send()
    size, length = len(response.data), response.headers.get("Content-Length", "")
    if length.isdigit() and not response.headers.get("Content-Encoding") and size < int(length):
        raise request.error(f"the response breaks off after {size} of {length} bytes; try again")
    return Response(status=int(response.status), headers=response.headers, body=response.data)


@contextmanager
def stream(
    connection: Connection, operation: Operation, query: Mapping[str, str], *, timeout: urllib3.Timeout
) -> Iterator[Stream]:
    """Send a request and return the response as a stream, which is closed in the end; see :func:`send`."""
    request = _Request(connection, operation, query=query, timeout=timeout, stream=True)
    response = request.send()
    try:
        yield Stream(int(response.status), response.headers, request.chunks(response), lambda: _cut(response))
    finally:
        with suppress(Exception):  # the rest of it does not matter
            response.close()
        response.release_conn()


@attrs.frozen
class _Request:
    connection: Connection
    operation: Operation
    query: Mapping[str, str]
    body: bytes | None = None
    content_type: str = JSON
    timeout: urllib3.Timeout | None = None
    stream: bool = False
    renew_login: bool = True

    def send(self) -> Any:
        """Return urllib3's response; after a 401 log in again, and send it once more."""
        login = self._login()
        response = self._send(login)
        if response.status == 401 and self.renew_login and self._log_in_again(login):
            if self.stream:
                response.drain_conn()
                response.release_conn()
            response = self._send(self._login())
        return response

    def _send(self, login: Mapping[str, str]) -> Any:
        client, clock = self.connection.client, self.connection.clock
        url = f"{client.configuration.host.rstrip('/')}{self.operation.path}"
        headers = {"Accept": JSON, "User-Agent": "podtriage", **login}
        if self.body is not None:
            headers["Content-Type"] = self.content_type
        sent = clock.monotonic()
        try:
            response = client.rest_client.pool_manager.request(
                self.operation.method,
                f"{url}?{urlencode(self.query)}" if self.query else url,
                body=self.body,
                headers=headers,
                retries=False,
                timeout=self.timeout or urllib3.Timeout(self.connection.timeout),
                redirect=False,
                preload_content=not self.stream,
            )
        except Exception as error:
            self.connection.health.failed()
            hint = "check the address, and whether the cluster is up"
            self._observe(None)
            raise self.error(f"no response: {describe(error)}; {hint}", error) from error
        received = clock.monotonic()
        clock.observe(response.headers.get("Date"), sent, received)
        operation = self.operation
        self.connection.health.answered(operation.verb, operation.resource, int(response.status), sent, received)
        self._observe(int(response.status))
        return response

    def chunks(self, response: Any) -> Iterator[bytes]:
        """Yield the body as it arrives."""
        read1 = getattr(response, "read1", None)  # urllib3 >= 2.1
        try:
            if read1 is None:
                yield from response.stream(_CHUNK)
                return
            while chunk := read1(_CHUNK):
                yield chunk
        except Exception as error:
            if not isinstance(error, urllib3.exceptions.TimeoutError):  # an idle watch ends like that
                self.connection.health.failed()
                self._observe(None)
            raise self.error(f"the response breaks off: {describe(error)}", error) from error

    def _observe(self, status: int | None) -> None:
        if self.connection.observe is not None:
            self.connection.observe(self.operation.verb, self.operation.resource, status)

    def error(self, message: str, cause: Exception | None = None) -> TransportError:
        """Return the error for a failure, perhaps with its cause (urllib3's, ssl's and http.client's errors)."""
        kind = TransportTimeout if isinstance(cause, urllib3.exceptions.TimeoutError) else TransportError
        return kind(f"{self.connection.location}: {self.operation}: {message}")

    def _login(self) -> dict[str, str]:
        """Return the headers that authenticate the user."""
        try:
            settings = self.connection.client.configuration.auth_settings().values()
            return {each["key"]: each["value"] for each in settings if each["in"] == "header" and each["value"]}
        except Exception as error:  # whatever the client's refresh hook raises
            raise self.error(f"the login cannot be renewed: {describe(error)}") from error

    def _log_in_again(self, used: Mapping[str, str]) -> bool:
        """Log in again after a 401, once however many threads met it; return whether to repeat the request."""
        if self.connection.login is None:
            return False
        with self.connection.lock:
            try:
                if self._login() == used:
                    self.connection.login()
            except Exception:  # noqa: BLE001  # the 401 stands, and says more than this error would
                return False
        return True


def _cut(response: Any) -> None:
    """End a read that blocks another thread; closing the response would wait for it."""
    connection: Any = getattr(response, "connection", None) or getattr(response, "_connection", None)
    with suppress(Exception):  # it may be over already
        connection.sock.shutdown(2)
