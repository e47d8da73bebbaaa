"""Small numbers packed into bits, as FlytePropeller keeps the counters of a mapped task's elements.

flytestdlib 1.16.8, bitarray/compact_array.go and bitset.go: element ``i`` has the bits from ``i * item`` on, its
highest bit first; bit ``b`` is in block ``b // 32``, lowest bit first; blocks that are not there are zero.
"""

from __future__ import annotations

from typing import Final

import msgspec

_BLOCK: Final = 32
_LARGEST_ITEM: Final = 63


class CompactArray(msgspec.Struct, frozen=True, gc=False):
    """A Go ``bitarray.CompactArray`` as JSON has it."""

    blocks: list[int] | None = msgspec.field(default=None, name="BitSet")
    item: int | None = None
    """How many bits a number has."""
    count: int | None = None
    """How many numbers there are."""


def number_at(array: CompactArray | None, index: int) -> int | None:
    """Return a number of an array; None if the array does not have it."""
    if array is None or not 0 <= index < (array.count or 0):
        return None
    size = array.item or 0
    if not 0 <= size <= _LARGEST_ITEM:
        return None
    blocks = array.blocks or []
    value = 0
    for bit in range(index * size, index * size + size):
        block, offset = divmod(bit, _BLOCK)
        value = value << 1 | (blocks[block] >> offset & 1 if block < len(blocks) else 0)
    return value
