"""What the kernel keeps of a node when its processes have ended: a bridge and control groups, named by their owner.

Whoever runs the tests removes them; a run that was killed cannot, so the next one does.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from tests.node import cgroups, network

NAME: Final = f"{cgroups.PREFIX}{os.getpid()}"[:15]
"""Of this run's bridge and control groups; the kernel allows 15 characters."""


def of_this_run(folder: Path) -> list[str]:
    """Return what is left of this run's nodes, and of the mounts and processes that have to do with a folder."""
    left = [name for name in (*network.interfaces(), *cgroups.names()) if name == NAME]
    left += [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(folder) in line]
    return left + [command for command in _commands() if f"{folder}/" in command]


def remove_of_ended_runs() -> None:
    """Remove what runs have left that were killed."""
    for name in network.interfaces():
        if _has_ended(name):
            network.remove(name)
    for name in cgroups.names():
        if _has_ended(name):
            cgroups.remove(name)


def _has_ended(name: str) -> bool:
    owner = name.removeprefix(cgroups.PREFIX)
    return owner != name and owner.isdecimal() and not Path(f"/proc/{owner}").exists()


def _commands() -> list[str]:
    """Return the command lines of the machine's processes."""
    commands = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            commands.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it has ended
    return commands
