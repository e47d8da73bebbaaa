"""Durations as Go and Flyte's configuration write them: ``3m0s``, ``1h1m1s``, ``1m30.5s``, ``250ms``.

The stock backends put a grace into the user's message with ``%s``, so the spelling is part of the answer.
Source of the format: ``Duration.String`` and ``ParseDuration`` in Go's time package.
"""

from __future__ import annotations

import functools
import math
import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Final

ZERO_TIME: Final = datetime(1, 1, 1, tzinfo=timezone.utc)
"""Go's zero value, which an absent time decodes to: older than any grace period."""
FOREVER: Final = datetime.max.replace(tzinfo=timezone.utc)

_UNITS = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "μs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


def seconds(value: float | str | timedelta) -> float:
    """Return a duration in seconds.

    Args:
        value: seconds as a number, a ``timedelta``, or Go's spelling (``"3m0s"``, ``"1.5h"``, ``"-20s"``, ``"0"``).

    Raises:
        ValueError: the text is not a duration.
        TypeError: the value is of another type.
    """
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError(f"a duration is a number of seconds, a timedelta or text such as '3m0s', not {value!r}")
    if not isinstance(value, str):
        if not math.isfinite(value):
            raise ValueError(f"not a duration: {value!r}; allowed are finite numbers of seconds")
        return float(value)
    text = value.strip()
    sign = -1 if text.startswith("-") else 1
    body = text.lstrip("+-") if text[:1] in ("+", "-") else text
    if body == "0":
        return 0.0
    total, end = Decimal(0), 0
    for part in _PART.finditer(body):
        if part.start() != end:
            break
        total += Decimal(part[1]) * _UNITS[part[2]]
        end = part.end()
    if not body or end != len(body):
        raise ValueError(f"not a duration: {value!r}; allowed are numbers with units, such as '90s', '3m0s' or '1.5h'")
    return float(sign * total)


_span = functools.lru_cache(maxsize=64)(lambda seconds: timedelta(seconds=seconds))


def later(at: datetime, seconds: float) -> datetime:
    """Return a moment some seconds later; beyond the calendar, its end."""
    try:
        return at + _span(seconds)
    except OverflowError:
        return FOREVER if seconds > 0 else ZERO_TIME


@functools.lru_cache(maxsize=256)  # grace periods are few, and stand in every message
def go_format(value: float) -> str:
    """Spell a duration, in seconds, as Go's ``%s`` does.

    >>> go_format(180.0), go_format(0.25), go_format(-60.0), go_format(90.5)
    ('3m0s', '250ms', '-1m0s', '1m30.5s')
    """
    nanos = round(value * 1e9)
    if nanos == 0:
        return "0s"
    sign, nanos = ("-", -nanos) if nanos < 0 else ("", nanos)
    for unit, name in ((1, "ns"), (1_000, "µs"), (1_000_000, "ms")):
        if nanos < 1_000 * unit:
            return f"{sign}{_decimal(nanos, unit)}{name}"
    minutes, rest = divmod(nanos, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(rest, 1_000_000_000)}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    if hours:
        text = f"{hours}h{text}"
    return sign + text


def _decimal(nanos: int, unit: int) -> str:
    """Return nanos / unit as decimal digits without trailing zeros."""
    whole, rest = divmod(nanos, unit)
    digits = len(str(unit)) - 1
    return f"{whole}.{rest:0{digits}d}".rstrip("0").rstrip(".")
