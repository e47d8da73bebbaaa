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
from flytekitplugins_podtriage.connector.output_prefix import INTENT, RECORD, STOPPED, OutputPrefix, PrefixError
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.connector.responses import Response
from flytekitplugins_podtriage.connector.settlement import AttemptEnd

_log = logging.getLogger("flytekitplugins_podtriage")
_THREADS: Final = 32
_T = TypeVar("_T")


@attrs.frozen(slots=True)
class StoredAttempt:
    """What the output prefix of an attempt holds."""

    record: Record | None
    """How the attempt ended; None: it has no record that this version can read."""
    intent: Intent | None
    """The pod that is to be created; None: none is noted, or there is a record."""
    stopped: bool
    """Whether FlytePropeller has aborted the attempt."""
    over: bool
    """Whether no pod may be created any more: the attempt was aborted, or has a record, be it of a later version."""


class AttemptStore:
    """Reads and writes the files of attempts at their output prefixes; a PrefixError says that the store failed."""

    def __init__(self, hook: TriageHook) -> None:
        self._hook = hook
        self._threads = ThreadPoolExecutor(_THREADS, "podtriage-store")
        self._settling: dict[PodMeta, asyncio.Future[Response]] = {}

    def prefix(self, meta: PodMeta) -> OutputPrefix:
        """Return the output prefix of an attempt."""
        return self._hook.prefix(meta.attempt)

    async def read(self, meta: PodMeta) -> StoredAttempt:
        """Return what is stored of an attempt."""
        return await self._in_thread(_read, self.prefix(meta))

    async def has_record(self, meta: PodMeta) -> bool:
        """Return whether the end of an attempt is on record; False if that cannot be read."""
        with _logged():
            return await self._in_thread(attempt_record.read_record, self.prefix(meta)) is not None
        return False

    async def is_stopped(self, meta: PodMeta) -> bool:
        """Return whether FlytePropeller has aborted an attempt; False if that cannot be read."""
        with _logged():
            return await self._in_thread(self.prefix(meta).exists, STOPPED)
        return False

    async def write_intent(self, meta: PodMeta, intent: Intent) -> None:
        """Note the pod that is to be created, or that has been."""
        await self._in_thread(self.prefix(meta).write, INTENT, msgspec.json.encode(intent))

    async def mark_stopped(self, meta: PodMeta) -> None:
        """Note that FlytePropeller has aborted an attempt, if that can be written."""
        with _logged():
            await self._in_thread(self.prefix(meta).write, STOPPED, b"")

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

    def _in_thread(self, function: Callable[..., _T], *arguments: Any) -> asyncio.Future[_T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)


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
        return StoredAttempt(record=record, intent=None, stopped=False, over=True)
    intent, stopped = attempt_record.read_intent(prefix), prefix.exists(STOPPED)
    return StoredAttempt(record=None, intent=intent, stopped=stopped, over=stopped or data is not None)
