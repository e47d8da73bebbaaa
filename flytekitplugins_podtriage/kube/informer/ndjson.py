"""Splitting a stream of bytes into lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

MAX_LINE: Final = 16 * 1024 * 1024
"""How long a line may be, in bytes: etcd takes requests of 1.5 MB, and as JSON they are a few times larger."""


class LineTooLong(ValueError):
    """A line is longer than allowed."""


def lines(chunks: Iterable[bytes], max_line: int = MAX_LINE) -> Iterator[bytes]:
    """Yield complete lines without their ends; empty lines and an incomplete last one are skipped.

    Raises:
        LineTooLong: a line does not end within ``max_line`` bytes.
    """
    parts: list[bytes] = []
    size = 0
    for chunk in chunks:
        first, *rest = chunk.split(b"\n")
        parts.append(first)
        size += len(first)
        if size > max_line:
            raise LineTooLong(f"a line of more than {max_line} bytes")
        if not rest:
            continue
        line = b"".join(parts)
        if line:
            yield line
        last = rest.pop()
        for line in rest:
            if line:
                yield line
        parts, size = [last], len(last)
