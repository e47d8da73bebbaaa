"""Times and durations in the words of a person."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

_STEPS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def length(duration: timedelta | float) -> str:
    """Spell a duration (seconds, or a timedelta) by its two largest units; the sign is dropped.

    >>> length(161.2), length(90061), length(0.4), length(7200)
    ('2m 41s', '1d 1h', '0s', '2h')
    """
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    rest = round(abs(seconds))
    parts: list[str] = []
    for size, unit in _STEPS:
        count, rest = divmod(rest, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count}{unit}")
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts)


def from_now(at: datetime, now: datetime) -> str:
    """Spell a moment as seen from another: ``in 19s``, ``now``, ``2m 5s ago``.

    >>> noon = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
    >>> from_now(noon, noon), from_now(noon + timedelta(seconds=19), noon), from_now(noon - timedelta(hours=2), noon)
    ('now', 'in 19s', '2h ago')
    """
    seconds = (at - now).total_seconds()
    if abs(seconds) < 1:
        return "now"
    return f"in {length(seconds)}" if seconds > 0 else f"{length(seconds)} ago"


def clock(at: datetime, beside: datetime | None = None) -> str:
    """Spell a time of day in UTC; with the date where it is not that of ``beside``.

    >>> clock(datetime(2026, 1, 1, 14, 2, 11, tzinfo=timezone.utc))
    '14:02:11'
    """
    at = at.astimezone(timezone.utc)
    if beside is not None and at.date() != beside.astimezone(timezone.utc).date():
        return at.strftime("%Y-%m-%d %H:%M:%S")
    return at.strftime("%H:%M:%S")


def stamp(at: datetime) -> str:
    """Spell a moment in RFC 3339, in UTC, to the second."""
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
