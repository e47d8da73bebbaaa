"""Times and durations for people."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def format_duration(duration: timedelta | float) -> str:
    """Format a duration (seconds, or a timedelta) in its two largest units, without its sign.

    >>> format_duration(161.2), format_duration(90061), format_duration(0.4), format_duration(7200)
    ('2m 41s', '1d 1h', '0s', '2h')
    """
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    rest = round(abs(seconds))
    counts: list[str] = []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count or counts:
            counts.append(f"{count}{unit}" if count else "")
    return " ".join(filter(None, counts[:2])) or "0s"


def format_relative(at: datetime, now: datetime) -> str:
    """Format a time relative to another: ``in 19s``, ``now``, ``2h ago``.

    >>> noon = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
    >>> [format_relative(noon + timedelta(seconds=seconds), noon) for seconds in (0, 19, -7200)]
    ['now', 'in 19s', '2h ago']
    """
    seconds = (at - now).total_seconds()
    if abs(seconds) < 1:
        return "now"
    return f"in {format_duration(seconds)}" if seconds > 0 else f"{format_duration(seconds)} ago"


def format_clock(at: datetime, now: datetime | None = None) -> str:
    """Format a time of day in UTC, with the date if it differs from that of ``now``.

    >>> format_clock(datetime(2026, 1, 1, 14, 2, 11, tzinfo=timezone.utc))
    '14:02:11'
    """
    at = at.astimezone(timezone.utc)
    if now is not None and at.date() != now.astimezone(timezone.utc).date():
        return at.strftime("%Y-%m-%d %H:%M:%S")
    return at.strftime("%H:%M:%S")


def format_rfc3339(at: datetime) -> str:
    """Format a time in RFC 3339, in UTC, to the second."""
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
