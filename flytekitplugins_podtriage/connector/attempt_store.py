"""What is kept of an attempt at its output prefix, read and written without blocking the event loop.

An object store may take seconds, or hang. Its calls run in threads of their own, so that neither the event loop nor
the other users of asyncio's default threads wait for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import attrs
import msgspec

from flytekitplugins_podtriage.connector import attempt_record
from flytekitplugins_podtriage.connector.attempt_record import Intent, Record
from flytekitplugins_podtriage.connector.hook import TriageHook
from flytekitplugins_podtriage.connector.in_turns import in_turns
from flytekitplugins_podtriage.connector.output_prefix import (
    CREATED,
    INTENT,
    RECORD,
    STOPPED,
    OutputPrefix,
    PrefixError,
)
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.connector.responses import Response
from flytekitplugins_podtriage.connector.settlement import AttemptEnd

_log = logging.getLogger("flytekitplugins_podtriage")
_THREADS: Final = 32
_WITHIN: Final = 5.0
"""Seconds that a collection waits for what is to be written again."""
_NO_POD: Final = (CREATED, STOPPED, RECORD)
"""Each of these files says that the pod of an attempt is not to be created (any more)."""
_T = TypeVar("_T")


@attrs.frozen(slots=True)
class StoredAttempt:
    """What the output prefix of an attempt holds."""

    record: Record | None
    """How the attempt ended; None: it has no record that this version can read."""
    intent: Intent | None
    """The pod that is to be created; None: none is noted, or there is a record."""
    created: bool
    """Whether the pod has been created."""
    stopped: bool
    """Whether FlytePropeller has aborted the attempt."""
    over: bool
    """Whether no pod may be created any more: the attempt was aborted, or has a record, be it of a later version."""


class AttemptStore:
    """Reads and writes the files of attempts at their output prefixes; a PrefixError says that the store failed.

    Each file is written whole and never changed by who has only read it, so two replicas cannot undo each other's.
    """

    def __init__(self, hook: TriageHook) -> None:
        self._hook = hook
        self._threads = ThreadPoolExecutor(_THREADS, "podtriage-store")
        self._awaited = ThreadPoolExecutor(_THREADS, "podtriage-store-awaited")
        """For what ``create`` and ``delete`` wait for: it does not queue behind what is done in the background."""
        self._settling: dict[PodMeta, asyncio.Future[Response]] = {}
        self._unmarked: set[PodMeta] = set()
        """Attempts that were aborted, while that is not written."""
        self._to_mark: list[PodMeta] = []
        """Those of them whose last write failed."""

    def prefix(self, meta: PodMeta) -> OutputPrefix:
        """Return the output prefix of an attempt."""
        return self._hook.prefix_at(meta.prefix)

    async def read(self, meta: PodMeta) -> StoredAttempt:
        """Return what is stored of an attempt."""
        stored = await self._in_thread(_read, self.prefix(meta))
        return attrs.evolve(stored, stopped=True, over=True) if meta in self._unmarked else stored

    async def has_record(self, meta: PodMeta) -> bool:
        """Return whether the end of an attempt is on record; False if that cannot be read."""
        with _logged():
            return await self._in_thread(attempt_record.read_record, self.prefix(meta)) is not None
        return False

    async def is_stopped(self, meta: PodMeta) -> bool:
        """Return whether FlytePropeller has aborted an attempt; False if that cannot be read."""
        with _logged():
            return meta in self._unmarked or await self._in_thread(_has, self.prefix(meta), STOPPED)
        return False

    async def needs_pod(self, meta: PodMeta) -> bool:
        """Return whether the pod of an attempt is still to be created; True if that cannot be read."""
        with _logged():
            return meta not in self._unmarked and not await self._in_thread(_has, self.prefix(meta), *_NO_POD)
        return True

    async def write_intent(self, meta: PodMeta, intent: Intent) -> bool:
        """Note the pod that is to be created; return whether that worked."""
        with _logged():
            await self._run(self._awaited, self.prefix(meta).write, INTENT, msgspec.json.encode(intent))
            return True
        return False

    async def write_created(self, meta: PodMeta, uid: str) -> bool:
        """Note that the pod of an attempt has been created; return whether the attempt is over, if that can be read."""
        with _logged():
            return await self._in_thread(_write_created, self.prefix(meta), uid) or meta in self._unmarked
        return meta in self._unmarked

    async def mark_stopped(self, meta: PodMeta) -> None:
        """Note that FlytePropeller has aborted an attempt; until that is written, this process knows it."""
        self._unmarked.add(meta)
        try:
            await self._run(self._awaited, self.prefix(meta).write, STOPPED, b"")
        except PrefixError as error:
            _log.warning("podtriage: %s", error)
            self._to_mark.append(meta)
        else:
            self._unmarked.discard(meta)

    async def mark_again(self) -> None:
        """Try again to note which attempts were aborted, some of them at a time."""
        metas, self._to_mark = self._to_mark[:_THREADS], self._to_mark[_THREADS:]
        self._to_mark += await in_turns(metas, self.mark_stopped, at_a_time=_THREADS, within=_WITHIN)

    async def settle(self, meta: PodMeta, end: AttemptEnd) -> Response:
        """Put the end of an attempt on record, once however many ask at the same time; return the response.

        A caller that is cancelled does not cancel it: it goes on for the next one.
        """
        settling = self._settling.get(meta)
        if settling is None:
            settling = self._settling[meta] = self._in_thread(self._hook.settle, end)
            settling.add_done_callback(lambda _: self._settling.pop(meta, None))
        return await asyncio.shield(settling)

    def close(self) -> None:
        """Let the threads end, without waiting for calls that are under way."""
        self._threads.shutdown(wait=False)
        self._awaited.shutdown(wait=False)

    def _in_thread(self, function: Callable[..., _T], *arguments: Any) -> asyncio.Future[_T]:
        return self._run(self._threads, function, *arguments)

    def _run(self, threads: ThreadPoolExecutor, function: Callable[..., _T], *arguments: Any) -> asyncio.Future[_T]:
        return asyncio.get_running_loop().run_in_executor(threads, function, *arguments)


@contextmanager
def _logged() -> Iterator[None]:
    """Log a failure of the store, and go on."""
    try:
        yield
    except PrefixError as error:
        _log.warning("podtriage: %s", error)


def _read(prefix: OutputPrefix) -> StoredAttempt:
    data = prefix.read(RECORD)
    record = attempt_record.decode_record(data)
    if record is not None:
        return StoredAttempt(record=record, intent=None, created=False, stopped=False, over=True)
    intent, stopped = attempt_record.read_intent(prefix), _has(prefix, STOPPED)
    created, over = _has(prefix, CREATED), stopped or data is not None
    return StoredAttempt(record=None, intent=intent, created=created, stopped=stopped, over=over)


def _has(prefix: OutputPrefix, *names: str) -> bool:
    """Return whether there is one of these small files.

    Where there is none, a read costs an object store one request, and fsspec's ``exists`` two.
    """
    return any(prefix.read(name) is not None for name in names)


def _write_created(prefix: OutputPrefix, uid: str) -> bool:
    """Note that the pod has been created; return whether the attempt was over by then."""
    try:
        prefix.write(CREATED, uid.encode())
    except PrefixError as error:
        _log.warning("podtriage: %s", error)
    return _has(prefix, STOPPED, RECORD)
