"""An object store in the process's memory of which every call takes five milliseconds; ``slow://bucket/...``."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

LATENCY = 0.005
"""Seconds that a call takes."""


class SlowStore(MemoryFileSystem):
    """The store, as flytekit's data layer opens it."""

    protocol = "slow"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("slow://").strip("/")

    def exists(self, path: str, **_: Any) -> bool:
        """Return whether there is such an object."""
        time.sleep(LATENCY)
        return self._strip_protocol(path) in self.store

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        """Return an object's content."""
        time.sleep(LATENCY)
        try:
            data: bytes = self.store[self._strip_protocol(path)]
        except KeyError:
            raise FileNotFoundError(path) from None
        return data[start:end]

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        """Write an object."""
        time.sleep(LATENCY)
        self.store[self._strip_protocol(path)] = value


fsspec.register_implementation("slow", SlowStore, clobber=True)
