"""Making many calls, a few at a time and for a limited time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

_log = logging.getLogger("flytekitplugins_podtriage")
_Item = TypeVar("_Item")


async def in_turns(
    items: Iterable[_Item], call: Callable[[_Item], Awaitable[object]], *, at_a_time: int, within: float
) -> list[_Item]:
    """Make a call for each of these items, in order; an exception is logged.

    Args:
        items: what the calls are about.
        call: the function.
        at_a_time: how many calls are made at a time.
        within: after how many seconds calls that are under way are cancelled, and no more are made.

    Returns:
        The items whose calls have not ended: first those whose calls have not begun.
    """
    waiting = list(items)[::-1]
    under_way: list[_Item] = []

    async def make_calls() -> None:
        while waiting:
            item = waiting.pop()
            under_way.append(item)
            try:
                await call(item)
            except Exception:  # noqa: BLE001  # a bug: the other calls are made all the same
                _log.exception("podtriage: a check in the background failed")
            under_way.remove(item)

    callers = [asyncio.ensure_future(make_calls()) for _ in range(min(at_a_time, len(waiting)))]
    try:
        if callers:
            await asyncio.wait(callers, timeout=within)
        return [*waiting[::-1], *under_way]
    finally:
        for caller in callers:
            caller.cancel()
