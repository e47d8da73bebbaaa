"""Times as they are typed: RFC 3339 moments, and spans such as ``7d``. The clock is read here and nowhere else."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from flytekitplugins_podtriage.cli.errors import Refused

LAST = "last"
"""In place of a moment: the last one that the record knows of."""

_SPAN = re.compile(r"(\d{1,6})\s*(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
# RFC 3339 section 5.6; msgspec reads the same, but takes a time without a zone.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_FIRST_YEAR, _LAST_YEAR = 1970, 2999
"""Beyond these a time is a mistake, and what is counted from it may be no time at all."""


def clock() -> datetime:
    """Return the time."""
    return datetime.now(timezone.utc)


def parse_moment(text: str, where: str) -> datetime:
    """Read a moment.

    Raises:
        Refused: it is not RFC 3339 with a zone.
    """
    if _MOMENT.fullmatch(text.strip()):
        import msgspec

        try:
            at = msgspec.convert(text.strip().upper().replace(" ", "T"), datetime)
        except msgspec.MsgspecError:
            pass
        else:
            if _FIRST_YEAR <= at.year <= _LAST_YEAR:
                return at
            raise Refused(f"{where}: {text[:60]!r} is no time of a pod; allowed: {_FIRST_YEAR} to {_LAST_YEAR}")
    raise Refused(f"{where}: {text[:60]!r} is not a time; allowed: RFC 3339 with a zone, as 2026-01-31T14:02:11Z")


def parse_since(text: str, where: str, now: datetime) -> datetime:
    """Read a span before now (``90m``, ``7d``) or a moment.

    Raises:
        Refused: it is neither.
    """
    found = _SPAN.fullmatch(text.strip())
    if found:
        try:
            return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
        except OverflowError:
            pass
    if _MOMENT.fullmatch(text.strip()):
        return parse_moment(text, where)
    raise Refused(f"{where}: {text[:60]!r} is not a span of time; allowed: 90m, 12h, 7d, 2w, or an RFC 3339 time")
