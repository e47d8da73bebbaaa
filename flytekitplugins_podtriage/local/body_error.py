"""The exception of a body in a process of its own, from the text that flytekit writes to its error document."""

from __future__ import annotations

import asyncio
import concurrent
import importlib
import os
import re
from textwrap import dedent
from typing import Final

import flytekit

_DOCUMENT: Final = re.compile(r"Trace:\n\n(?P<trace>.*)\nMessage:\n\n(?P<message>.*)", re.DOTALL)
"""flytekit/bin/entrypoint.py, ``get_traceback_str``; FlytePropeller puts how many attempts there were before it."""
_FRAME: Final = re.compile(r'  File "(?P<path>.*)", line \d+')
_NOT_THE_USERS: Final = tuple(
    f"{os.path.dirname(file or os.devnull)}{os.sep}"
    for file in (
        flytekit.__file__,
        os.path.dirname(__file__),  # podtriage
        asyncio.__file__,
        concurrent.__file__,
        importlib.__file__,
    )
)


def with_users_frames(message: str) -> str:
    """Return a message with the exception in one line, then the traceback, with the frames of the user's code only.

    A message that has no traceback of flytekit's is returned as it is.
    """
    match = _DOCUMENT.search(message)
    if match is None:
        return message
    lines: list[str] = []
    shown = True
    for line in dedent(match["trace"]).splitlines():
        frame = _FRAME.match(line)
        if frame is not None:
            shown = not frame["path"].startswith((*_NOT_THE_USERS, "<frozen "))
        elif not line.startswith("  "):
            shown = True
        if shown:
            lines.append(line)
    # The last line of a traceback is the exception, which comes first here.
    exception = dedent(match["message"]).strip()
    trace = "\n".join(lines).strip().removesuffix(exception).rstrip()
    return f"{message[: match.start()]}{exception}\n{trace}"
