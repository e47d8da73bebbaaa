"""One list and one watch, kept going whatever the API server does.

The rules are client-go's (tools/cache/reflector.go) and its issues': a list without a resource version, in pages; a
watch from there on, with bookmarks, that the server is asked to end after a random time; after a disconnect the watch
resumes from the last version; only a version that the server has forgotten (410, as a status or inside the stream)
requires a new list; one that it has not reached (504, "Too large resource version") is retried after a second. Nothing
is requested again without a growing wait, unless the watch had made progress.

Beyond client-go's: a list of an older state than was reached already is refused, since by it pods that exist would be
gone; watches on which nothing arrives, one after the other, lead to a new list; and who learns otherwise that the API
server answers again, or that the watch misses something, says so (:meth:`Reflector.retry_now`,
:meth:`Reflector.reconnect`).

A :class:`Reflector` does not wait by itself: :meth:`Reflector.once` does one round and returns how long to wait.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, Generic

import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy, ClusterError
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.error_mapping import malformed_response, response_error
from flytekitplugins_podtriage.kube.client.errors import TransportError, TransportTimeout
from flytekitplugins_podtriage.kube.client.http import Stream
from flytekitplugins_podtriage.kube.client.objects import DECODE_ERRORS, Page
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.status import Status, read_status, retry_after
from flytekitplugins_podtriage.kube.informer.backoff import Backoff, WatchOptions
from flytekitplugins_podtriage.kube.informer.ndjson import LineTooLong, lines
from flytekitplugins_podtriage.kube.informer.resource_version import newer
from flytekitplugins_podtriage.kube.informer.store import Store
from flytekitplugins_podtriage.kube.informer.stream import Source
from flytekitplugins_podtriage.kube.informer.watch_events import (
    Bookmark,
    Decoder,
    Deleted,
    Error,
    Object,
    partial_line,
)

_log = logging.getLogger("flytekitplugins_podtriage")
_MAX_FAILURES: Final = 3
"""After how many failures without progress the version is dropped: it may be what the server fails on."""
_MAX_LAGS: Final = 5
"""After how many "Too large resource version" the version is dropped: a restored etcd counts from a lower one."""
_NO_METADATA: Final = wire.Metadata()


class Reflector(Generic[Object]):
    """A list and a watch of one resource.

    Args:
        connection: for messages; the source sends the requests.
        resource: the plural name.
        namespace: None: all.
        clock: a monotonic clock, in seconds.
        chance: returns a random number in [0, 1).
        on_listed: called once, after the first complete list.
    """

    def __init__(
        self,
        connection: Connection,
        source: Source,
        decoder: Decoder[Object],
        store: Store[Object],
        resource: str,
        namespace: str | None = None,
        *,
        options: WatchOptions | None = None,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        on_listed: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._source = source
        self._decoder = decoder
        self._store = store
        self._list_operation = Operation("list", resource, namespace)
        self._watch_operation = Operation("watch", resource, namespace)
        self._options = options or WatchOptions()
        self._clock = clock
        self._backoff = Backoff(self._options, chance)
        self._on_listed = on_listed
        self._version: str | None = None
        self._lags, self._paged = 0, True
        self._warned_undecodable = False
        self._logged: type[ClusterError] | None = None
        self._made = clock()
        self._reached: str | None = None
        self._older_since: float | None = None
        self._arrived, self._silent = False, 0
        self._stopped, self._wake = threading.Event(), threading.Event()
        self._stream: Stream | None = None
        self._thread: threading.Thread | None = None
        self.listed = threading.Event()
        """Set after the first complete list."""
        self.error: ClusterError | None = None
        """The last error, until it is over."""
        self.failing_since: float | None = None
        """When the errors began, by the clock; None if there is none."""
        self.heard: float | None = None
        """When the API server last reported anything here, by the clock: a list, a watch that begins, a line of it."""

    @property
    def live(self) -> bool:
        """Whether a watch is open. One that hangs without an error is: it is closed when nothing arrives for long."""
        return self.listed.is_set() and self.error is None and self._stream is not None

    def retry_now(self) -> None:
        """Cut short the wait after requests without a response: the API server has answered another one."""
        if isinstance(self.error, TransportError):
            self._wake.set()

    def reconnect(self) -> None:
        """End the open watch, to begin another one from where it got to: it misses what has happened since."""
        stream = self._stream
        if stream is not None:
            stream.cut()

    def fresh(self, within: float) -> bool:
        """Whether everything that existed so many seconds ago has been reported."""
        return self.listed.is_set() and (self.failing_since is None or self._clock() - self.failing_since < within)

    def age(self) -> float:
        """Return how many seconds ago the API server last reported anything; an idle watch has a bookmark a minute."""
        return self._clock() - (self._made if self.heard is None else self.heard)

    # The thread

    def start(self) -> None:
        """Run in a thread that does not keep the process alive."""
        name = f"podtriage-watch-{self._list_operation.resource}"
        self._thread = threading.Thread(target=self.run, name=name, daemon=True)
        self._thread.start()

    def run(self) -> None:
        """Run until :meth:`stop`."""
        while not self._stopped.is_set():
            self._wake.wait(self.once())
            self._wake.clear()

    def stop(self, timeout: float = 2.0) -> None:
        """End it, and wait for its thread so many seconds."""
        self._stopped.set()
        self._wake.set()
        self.reconnect()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    # One round

    def once(self) -> float:
        """List if necessary, and watch until the watch ends; return how many seconds to wait before the next round."""
        try:
            if self._version is None:
                wait = self._list()
                if wait is not None:
                    return wait
            return self._watch()
        except ClusterError as error:
            if self._stopped.is_set():  # the stream was cut by stop()
                return 0.0
            return self._failed(error)
        except Exception as error:  # noqa: BLE001  # a bug, of the store or here: the watch must go on
            operation = self._operation
            _log.exception("podtriage: %s: starting over", operation)
            self._version = None
            message = f"{self._connection.location}: {operation}: {type(error).__name__}: {error}"
            return self._failed(ClusterError(message))

    @property
    def _operation(self) -> Operation:
        return self._list_operation if self._version is None else self._watch_operation

    def _list(self) -> float | None:
        """List all objects; return how long to wait if that failed."""
        uids: set[str] = set()
        token: str | None = None
        self._store.begin_list()
        while True:
            query = {"limit": str(self._options.page_size)} if self._paged else {}
            response = self._source.list(self._list_operation, {**query, "continue": token} if token else query)
            if response.status != 200:
                # A list in one piece has no token that can expire.
                self._paged = self._paged and not (response.status == 410 and token)
                return self._refused(response.status, response.headers, read_status(response.body))
            page = self._decode_page(response.body, uids)
            version = page.metadata.resource_version if page.metadata is not None else None
            self._refuse_older(version)
            for item in page.items or ():
                if item.metadata is not None and item.metadata.uid:
                    uids.add(item.metadata.uid)
                    self._store.put(item, listed=True)
            token = page.next_token
            if self._stopped.is_set():
                return 0.0
            if token is None:
                break
        self._store.end_list(uids, version)
        self._version = version or "0"
        self._reached = version
        self._paged = True
        self._silent = 0
        self.heard = self._clock()
        if not self.listed.is_set():
            self.listed.set()
            self._on_listed()
        return None

    def _refuse_older(self, version: str | None) -> None:
        """Refuse a list of an older state than was reached, unless the server has no other for very long.

        Raises:
            ClusterBusy: it is of an older state.
        """
        if not newer(self._reached, version):
            self._older_since = None
            return
        now = self._clock()
        if self._older_since is None:
            self._older_since = now
        if now - self._older_since >= self._options.older_for:
            return
        raise ClusterBusy(
            f"{self._connection.location}: {self._list_operation}: the list is of resource version {version}, but "
            f"{self._reached} was reached before: an API server that lags behind, or an etcd restored from a backup "
            "(then restart podtriage)"
        )

    def _decode_page(self, body: bytes, uids: set[str]) -> Page[Object]:
        """Decode a page; the uids of the items that cannot be decoded are added, since these objects exist.

        Raises:
            ClusterBusy: it is not a page of a list.
        """
        try:
            page = self._decoder.page(body)
        except DECODE_ERRORS:
            try:
                page, others = self._decoder.partial_page(body)
            except DECODE_ERRORS as error:
                raise malformed_response(self._connection, self._list_operation, "a list", error) from error
            for metadata in others:
                self._warn_undecodable(metadata)
            uids.update(metadata.uid for metadata in others if metadata.uid)
        if not page.is_list:
            raise malformed_response(self._connection, self._list_operation, "a list")
        return page

    def _watch(self) -> float:
        """Watch until the watch ends; return how long to wait then."""
        assert self._version is not None
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(self._backoff.watch_timeout()),
        }
        began = self._clock()
        with self._source.watch(self._watch_operation, query, self._options.idle_timeout) as stream:
            if stream.status != 200:
                return self._refused(stream.status, stream.headers, read_status(b"".join(stream.chunks)))
            self._stream = stream
            if self._stopped.is_set():  # perhaps before stop() could cut the stream
                return 0.0
            self.error, self.failing_since = None, None
            self.heard, self._arrived = self._clock(), False
            try:
                error = self._follow(stream)
            except TransportTimeout:
                error = None  # nothing arrived, as on an idle server that sends no bookmarks
                self._note_silence()
            finally:
                self._stream = None
        if error is not None:
            return self._refused(error.code or 500, {}, error)
        duration = self._clock() - began
        if duration < self._options.min_duration and not self._stopped.is_set():
            return self._backoff.after_failure()
        if duration >= self._options.max_wait:
            self._backoff.failures, self._logged = 0, None
        return 0.0

    def _note_silence(self) -> None:
        """Count a watch on which nothing arrived; after some of them list again."""
        self._silent = 0 if self._arrived else self._silent + 1
        if self._silent >= self._options.silent_watches:
            self._silent, self._version = 0, None

    def _follow(self, stream: Stream) -> Status | None:
        """Store what a watch reports; return why it ended, if the server said so.

        Raises:
            ClusterBusy: it was disconnected, or sent something that is not a watch event.
        """
        store, decode = self._store, self._decoder.line
        try:
            for line in lines(stream.chunks):
                if self._stopped.is_set():
                    return None
                self.heard, self._arrived = self._clock(), True
                try:
                    event = decode(line)
                except (msgspec.ValidationError, RecursionError):
                    self._store_partially(line)
                    continue
                if isinstance(event, Error):
                    return event.object
                metadata = event.object.metadata or _NO_METADATA
                if isinstance(event, Bookmark):
                    if metadata.resource_version:
                        store.advance(metadata.resource_version)
                elif isinstance(event, Deleted):
                    store.delete(metadata.uid or "", event.object)
                else:
                    store.put(event.object, listed=False)
                self._progress(metadata.resource_version)
        except (LineTooLong, *DECODE_ERRORS) as error:
            # The watch resumes from the last good line; if that fails too, there is a new list.
            operation = self._operation
            if self._backoff.failures:
                self._version = None
            raise malformed_response(self._connection, operation, "a stream of watch events", error) from error
        return None

    def _store_partially(self, line: bytes) -> None:
        """Store what can be read of a line whose object cannot be decoded: its deletion."""
        kind, metadata = partial_line(line)
        self._warn_undecodable(metadata)
        if kind == "DELETED":
            self._store.delete(metadata.uid or "", None)
        self._progress(metadata.resource_version)

    def _progress(self, version: str | None) -> None:
        """Note the resource version that the watch has reached."""
        if version:
            self._version = version
            if not newer(self._reached, version):
                self._reached = version
            self._backoff.failures = self._lags = 0
            self._logged = None

    def _warn_undecodable(self, metadata: wire.Metadata) -> None:
        if not self._warned_undecodable:
            self._warned_undecodable = True
            _log.warning(
                "podtriage: %s: %s/%s cannot be decoded and is ignored; further ones are not logged",
                self._watch_operation.resource,
                metadata.namespace,
                metadata.name,
            )

    # Failures

    def _refused(self, code: int, headers: Mapping[str, str], status: Status) -> float:
        """Handle an error response; return how long to wait."""
        if code == 410 or status.reason in ("Expired", "Gone"):
            self._version = None
            wait = self._backoff.after_failure()
            return wait if self._backoff.failures > 1 else 0.0  # once is normal after any interruption
        error = response_error(self._connection, self._operation, code, status)
        if status.version_too_large:
            self._lags += 1
            if self._lags > _MAX_LAGS:
                self._lags, self._version = 0, None
            self._record(error)
            return self._options.lag_wait
        if code in (429, 503, 504):
            return max(retry_after(headers, status) or 0.0, self._failed(error))
        if self._backoff.failures >= _MAX_FAILURES:
            self._version = None
        if code >= 500 or code == 401:
            return self._failed(error)
        self._record(error)
        return self._backoff.after_failure(persistent=not self.listed.is_set())

    def _failed(self, error: ClusterError) -> float:
        """Record an error; return how long to wait."""
        self._record(error)
        return self._backoff.after_failure()

    def _record(self, error: ClusterError) -> None:
        """Keep an error, and log it unless one of its kind is logged already."""
        if self.failing_since is None:
            self.failing_since = self._clock()
        self.error = error
        if self._logged is None or not isinstance(error, self._logged):
            self._logged = type(error)
            _log.warning("podtriage: %s", error)
