"""One list and one watch, kept going whatever the API server does.

The lessons are client-go's (tools/cache/reflector.go) and its issues': a list without a resource version, in pages; a
watch from there on, with bookmarks, that the server is asked to end after a random time; after a cut the watch goes on
where it was; only a version that the server has forgotten (410, as a status or inside the stream) takes a new list; a
version that it does not know yet (504, "Too large resource version") takes a second's patience. Nobody is asked again
without a wait that grows, unless the watch had got somewhere.

A :class:`Watch` does not wait by itself: :meth:`Watch.once` does one round and returns how long to wait.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, Generic, Protocol, TypeVar

import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.pod_cluster import ClusterError
from flytekitplugins_podtriage.kube.client.connection import Cluster
from flytekitplugins_podtriage.kube.client.error_mapping import at, refused, unanswered
from flytekitplugins_podtriage.kube.client.http import Unanswered, Unanswering
from flytekitplugins_podtriage.kube.client.permission import Right
from flytekitplugins_podtriage.kube.client.status import Status, asked_to_wait, read_status
from flytekitplugins_podtriage.kube.informer.backoff import Pace, Waits
from flytekitplugins_podtriage.kube.informer.ndjson import LineTooLong, lines
from flytekitplugins_podtriage.kube.informer.stream import Source, Stream
from flytekitplugins_podtriage.kube.informer.watch_events import (
    UNREADABLE,
    Bookmark,
    Decoding,
    Deleted,
    Error,
    Object,
    Page,
    rough_line,
    rough_page,
)

_log = logging.getLogger("flytekitplugins_podtriage")
_STUBBORN: Final = 3
"""After how many refusals without a step forward the version is given up: it may be what the server stumbles over."""
Told_contra = TypeVar("Told_contra", contravariant=True)
_LAGS: Final = 5
"""After how many answers "too large a version" the version is given up: an etcd that was restored counts from lower."""


class Store(Protocol[Told_contra]):
    """Who is told what a watch sees. It is told by one thread."""

    def begin(self) -> None:
        """Note that a list begins: what it tells is newer than all that was told before."""

    def put(self, found: Told_contra, *, listed: bool) -> None:
        """Take in an object that is there, from a list or from the watch."""

    def drop(self, uid: str, last: Told_contra | None) -> None:
        """Take in that an object is gone, with its last state if that can be read."""

    def settle(self, present: set[str], version: str | None) -> None:
        """Take in that a list is whole: of all others than these uids, none was there at this resource version."""

    def advance(self, version: str) -> None:
        """Take in that everything up to this resource version has been told."""


class Watch(Generic[Object]):
    """A list and a watch of one resource.

    Args:
        cluster: whose they are, for messages.
        source: answers.
        decoding: how the objects are decoded.
        store: who is told.
        resource: its name, as RBAC has it.
        namespace: where; None: in all.
        pace: how it goes about it.
        clock: a clock that does not go back, in seconds.
        chance: a number in [0, 1).
        on_listed: called once, after the first whole list.
    """

    def __init__(
        self,
        cluster: Cluster,
        source: Source,
        decoding: Decoding[Object],
        store: Store[Object],
        resource: str,
        namespace: str | None = None,
        *,
        pace: Pace | None = None,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        on_listed: Callable[[], None] = lambda: None,
    ) -> None:
        self._cluster = cluster
        self._source = source
        self._decoding = decoding
        self._store = store
        self._list_right = Right("list", resource, namespace)
        self._watch_right = Right("watch", resource, namespace)
        self._pace = pace or Pace()
        self._clock = clock
        self._waits = Waits(self._pace, chance)
        self._on_listed = on_listed
        self._version: str | None = None
        self._lags = 0
        self._paged = True
        self._told_unreadable = False
        self._logged: type[ClusterError] | None = None
        self._stopped = threading.Event()
        self._stream: Stream | None = None
        self._thread: threading.Thread | None = None
        self.listed = threading.Event()
        """Set as soon as there was a whole list."""
        self.error: ClusterError | None = None
        """What it met last, and is not over."""
        self.since: float | None = None
        """By the clock, since when it has met nothing but that."""

    def fresh(self, within: float) -> bool:
        """Whether all that there was so many seconds ago has been told."""
        since = self.since
        return self.listed.is_set() and (since is None or self._clock() - since < within)

    # A thread of its own

    def start(self) -> None:
        """Begin, in a thread that does not keep the process alive."""
        self._thread = threading.Thread(
            target=self.run, name=f"podtriage-watch-{self._list_right.resource}", daemon=True
        )
        self._thread.start()

    def run(self) -> None:
        """Go on until :meth:`stop`."""
        while not self._stopped.is_set():
            self._stopped.wait(self.once())

    def stop(self, patience: float = 2.0) -> None:
        """End it, and wait for its thread so many seconds."""
        self._stopped.set()
        stream = self._stream
        if stream is not None:
            stream.cut()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(patience)

    # One round

    def once(self) -> float:
        """List if need be, and watch until the watch ends; return how many seconds to wait before the next round."""
        try:
            if self._version is None:
                wait = self._list()
                if wait is not None:
                    return wait
            return self._watch()
        except Unanswered as error:
            if self._stopped.is_set():  # cut from this side
                return 0.0
            return self._failed(unanswered(self._cluster, str(self._right()), error))
        except Exception as error:  # noqa: BLE001  # a bug of the store's or of this: whoever relies on it must not go blind
            _log.exception("podtriage: %s: it is begun anew", self._right())
            self._version = None
            return self._failed(ClusterError(f"{at(self._cluster)}: {self._right()}: {type(error).__name__}: {error}"))

    def _right(self) -> Right:
        return self._list_right if self._version is None else self._watch_right

    def _list(self) -> float | None:
        """List all there is; return how long to wait if that failed."""
        present: set[str] = set()
        token: str | None = None
        self._store.begin()
        while True:
            query = {"limit": str(self._pace.page)} if self._paged else {}
            answer = self._source.ask({**query, "continue": token} if token else query)
            if answer.status != 200:
                # Whatever is asked for without a token is never too old: the server has lost the list's pages.
                self._paged = self._paged and not (answer.status == 410 and token)
                return self._refused(answer.status, answer.headers, read_status(answer.body))
            page = self._read_page(answer.body, present)
            if page is None:
                return self._failed(
                    ClusterError(
                        f"{at(self._cluster)}: {self._list_right}: the answer is no list; is it an API server?"
                    )
                )
            for found in page.items or ():
                if found.metadata is not None and found.metadata.uid:
                    present.add(found.metadata.uid)
                    self._store.put(found, listed=True)
            token = page.metadata.continue_ if page.metadata is not None else None
            if self._stopped.is_set():
                return 0.0
            if not token:
                break
        version = page.metadata.resource_version if page.metadata is not None else None
        self._store.settle(present, version)
        self._version = version or "0"
        self._paged = True
        if not self.listed.is_set():
            self.listed.set()
            self._on_listed()
        return None

    def _read_page(self, body: bytes, present: set[str]) -> Page[Object] | None:
        """Decode a page; None: it is none. What cannot be read in it is there all the same."""
        try:
            page = self._decoding.page(body)
        except UNREADABLE:
            try:
                page, others = rough_page(body, self._decoding)
            except UNREADABLE:
                return None
            for metadata in others:
                self._unreadable(metadata)
                if metadata.uid:
                    present.add(metadata.uid)
        return page if page.items is not None or (page.kind or "").endswith("List") else None

    def _watch(self) -> float:
        """Watch until the watch ends; return how long to wait then."""
        pace = self._pace
        assert self._version is not None
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(self._waits.of_watch()),
        }
        began = self._clock()
        with self._source.stream(query, pace.idle) as stream:
            if stream.status != 200:
                return self._refused(stream.status, stream.headers, read_status(b"".join(stream.pieces)))
            self._stream = stream
            if self._stopped.is_set():  # perhaps before there was a stream to be cut
                return 0.0
            self.error, self.since = None, None
            try:
                error = self._follow(stream)
            except Unanswering:
                error = None  # nothing came, as where nothing happens and a server knows no bookmarks
            finally:
                self._stream = None
        if error is not None:
            return self._refused(error.code or 500, {}, error)
        lived = self._clock() - began
        if lived < pace.short and not self._stopped.is_set():
            return self._failed(None)
        if lived >= pace.longest_wait:
            self._waits.failures, self._logged = 0, None
        return 0.0

    def _follow(self, stream: Stream) -> Status | None:
        """Tell the store what a watch brings; return why it ended, if the server said so.

        Raises:
            Unanswered: it was cut, or brought something that no API server writes.
        """
        store, decode = self._store, self._decoding.line
        try:
            for line in lines(stream.pieces):
                if self._stopped.is_set():
                    return None
                try:
                    event = decode(line)
                except (msgspec.ValidationError, RecursionError):
                    self._rough(line)
                    continue
                if isinstance(event, Error):
                    return event.object
                metadata = event.object.metadata or _NOTHING
                if isinstance(event, Bookmark):
                    if metadata.resource_version:
                        store.advance(metadata.resource_version)
                elif isinstance(event, Deleted):
                    store.drop(metadata.uid or "", event.object)
                else:
                    store.put(event.object, listed=False)
                self._reached(metadata.resource_version)
        except (LineTooLong, *UNREADABLE) as error:
            # It will be asked for again, from the last good line on; if that does not help, there is a new list.
            if self._waits.failures:
                self._version = None
            raise Unanswered(f"the stream holds something else than objects: {error}") from error
        return None

    def _rough(self, line: bytes) -> None:
        """Take in what can be of an object that is not of the form that it should have."""
        kind, metadata = rough_line(line)
        self._unreadable(metadata)
        if kind == "DELETED":
            self._store.drop(metadata.uid or "", None)
        self._reached(metadata.resource_version)

    def _reached(self, version: str | None) -> None:
        """Note that the watch has got somewhere."""
        if version:
            self._version = version
            self._waits.failures = self._lags = 0
            self._logged = None

    def _unreadable(self, metadata: wire.Metadata) -> None:
        if not self._told_unreadable:
            self._told_unreadable = True
            named = f"{metadata.namespace}/{metadata.name}"
            _log.warning(
                "podtriage: %s: %s cannot be read, and is passed by (told once)", self._watch_right.resource, named
            )

    # What is done about failures

    def _refused(self, status: int, headers: Mapping[str, str], said: Status) -> float:
        """Take in a refusal; return how long to wait."""
        right = self._right()
        error = refused(self._cluster, str(right), right, status, said)
        if status == 410 or said.reason in ("Expired", "Gone"):
            self._version = None
            wait = self._waits.after_failure()
            return wait if self._waits.failures > 1 else 0.0  # a first time is as it may be after any pause
        if said.too_large_a_version:
            self._lags += 1
            if self._lags > _LAGS:
                self._lags, self._version = 0, None
            self._met(error)
            return self._pace.lag
        if status in (429, 503, 504):
            return max(asked_to_wait(headers, said) or 0.0, self._failed(error))
        if self._waits.failures >= _STUBBORN:
            self._version = None
        if status >= 500 or status == 401:
            return self._failed(error)
        self._met(error)
        return self._waits.after_refusal()

    def _failed(self, error: ClusterError | None) -> float:
        """Take in a failure; return how long to wait."""
        if error is not None:
            self._met(error)
        return self._waits.after_failure()

    def _met(self, error: ClusterError) -> None:
        """Keep what is met, and log it if that is new."""
        if self.since is None:
            self.since = self._clock()
        self.error = error
        if type(error) is not self._logged:
            self._logged = type(error)
            _log.warning("podtriage: %s", error)


_NOTHING: Final = wire.Metadata()
