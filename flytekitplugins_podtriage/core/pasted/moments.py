"""Times as Kubernetes' programs print them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

import msgspec

_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,9})?) ?(?:Z|([+-]\d\d):?(\d\d)|UTC)?", re.ASCII
)
_EARLIEST: Final = 1970
_RFC1123: Final = "%a, %d %b %Y %H:%M:%S %z"


def rfc3339(text: str) -> datetime | None:
    """Return a time such as ``2026-01-01T00:00:00.5Z``; one without a zone is UTC's; None if the text is none.

    >>> rfc3339("2026-01-01 00:00:00+0200").isoformat()
    '2026-01-01T00:00:00+02:00'
    """
    match = _RFC3339.fullmatch(text.strip())
    if match is None:
        return None
    zone = f"{match[3]}:{match[4]}" if match[3] else "Z"
    try:
        return msgspec.convert(f"{match[1]}T{match[2]}{zone}", datetime)
    except msgspec.MsgspecError:  # such as the 31st of February
        return None


def moment(text: str | None) -> datetime | None:
    """Return a time as kubectl prints it (RFC 1123 with a numeric zone); None if it is none, or Go's zero time."""
    if not text:
        return None
    try:
        read: datetime | None = datetime.strptime(text, _RFC1123)  # noqa: DTZ007  # %z is in the format
    except ValueError:
        read = rfc3339(text)
    return None if read is None or read.year < _EARLIEST else read
