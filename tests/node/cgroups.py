"""The control groups of a node's containers, in each hierarchy: of version 1 there are several, of version 2 one."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

PREFIX: Final = "podtriage"
_TOP = Path("/sys/fs/cgroup")
_PATIENCE = 30.0


def names() -> set[str]:
    """Return the names of the control groups of all nodes that tests have started on this machine."""
    return {group.name for group in _groups(f"{PREFIX}*")}


def remove(name: str) -> None:
    """Remove a group and those in it, once the kernel has let go of their processes.

    Raises:
        OSError: there are processes left.
    """
    until = time.monotonic() + _PATIENCE
    for group in _groups(name):
        for folder, _, _ in os.walk(group, topdown=False):
            while not _removed(folder, last=time.monotonic() > until):
                time.sleep(0.05)


def _groups(pattern: str) -> set[Path]:
    return {group for hierarchy in (_TOP, *_TOP.iterdir()) for group in hierarchy.glob(pattern)}


def _removed(folder: str, *, last: bool) -> bool:
    try:
        os.rmdir(folder)
    except OSError:
        if last:
            raise
        return False
    return True
