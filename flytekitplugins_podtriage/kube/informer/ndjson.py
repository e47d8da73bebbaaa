"""A stream of bytes as lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

LONGEST: Final = 16 * 1024 * 1024
"""How long a line may be, in bytes: etcd takes requests of 1.5 MB, and JSON is some times as long."""


class LineTooLong(ValueError):
    """A line is longer than is allowed."""


def lines(pieces: Iterable[bytes], longest: int = LONGEST) -> Iterator[bytes]:
    """Yield whole lines without their ends; empty ones, and a last one that does not end, are left out.

    Raises:
        LineTooLong: a line does not end within ``longest`` bytes.
    """
    begun: list[bytes] = []
    size = 0
    for piece in pieces:
        first, *rest = piece.split(b"\n")
        begun.append(first)
        size += len(first)
        if size > longest:
            raise LineTooLong(f"a line of more than {longest} bytes")
        if not rest:
            continue
        line = b"".join(begun)
        if line:
            yield line
        last = rest.pop()
        for line in rest:
            if line:
                yield line
        begun, size = [last], len(last)
