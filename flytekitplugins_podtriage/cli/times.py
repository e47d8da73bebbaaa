"""Times as users type them: RFC 3339, and spans such as ``7d``. Only this module reads the clock."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from flytekitplugins_podtriage.cli.errors import InputError

LAST = "last"
"""Value of ``--now``: the last time that the record contains."""

_SPAN = re.compile(r"(\d{1,6})\s*(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
# RFC 3339 section 5.6; msgspec also accepts times without a zone.
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_FIRST_YEAR, _LAST_YEAR = 1970, 2999
"""Times outside are mistakes, and arithmetic with them may overflow."""


def utc_now() -> datetime:
    """Return the current time."""
    return datetime.now(timezone.utc)


def parse_time(text: str, source: str) -> datetime:
    """Parse an RFC 3339 time.

    Raises:
        InputError: it is not RFC 3339 with a time zone; ``source`` names the value in the message.
    """
    if _TIME.fullmatch(text.strip()):
        import msgspec

        try:
            at = msgspec.convert(text.strip().upper().replace(" ", "T"), datetime)
        except msgspec.MsgspecError:
            pass
        else:
            if _FIRST_YEAR <= at.year <= _LAST_YEAR:
                return at
            raise InputError(
                f"{source}: time {text[:60]!r} is out of range; expected a year from {_FIRST_YEAR} to {_LAST_YEAR}"
            )
    raise InputError(
        f"{source}: invalid time {text[:60]!r}; expected RFC 3339 with a time zone, such as 2026-01-31T14:02:11Z"
    )


def parse_since(text: str, source: str, now: datetime) -> datetime:
    """Parse a span before now (``90m``, ``7d``) or an RFC 3339 time.

    Raises:
        InputError: it is neither; ``source`` names the value in the message.
    """
    span = _SPAN.fullmatch(text.strip())
    if span:
        try:
            return now - timedelta(**{_UNITS[span[2]]: int(span[1])})
        except OverflowError:
            pass
    if _TIME.fullmatch(text.strip()):
        return parse_time(text, source)
    raise InputError(
        f"{source}: invalid time span {text[:60]!r}; expected a span such as 90m, 12h, 7d or 2w, or an RFC 3339 time"
    )
