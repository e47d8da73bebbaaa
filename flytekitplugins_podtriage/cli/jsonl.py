"""JSON lines in, JSON lines out: one answer for each line, in its place, in constant memory."""

from __future__ import annotations

import stat
from collections.abc import Callable
from os import fstat
from typing import BinaryIO

from flytekitplugins_podtriage.cli.errors import REFUSED
from flytekitplugins_podtriage.cli.input import LINE, lines_of, name_of, opened
from flytekitplugins_podtriage.cli.output import binary


def answer_lines(path: str, answer: Callable[[bytes], bytes]) -> int:
    """Answer each line of a source on stdout.

    A line that cannot be answered yields ``{"error": ..., "line": N}`` in its place, and the rest goes on. Line N of
    the output belongs to line N of the input, always; so an empty line is an error too.

    Args:
        path: a file, or ``-`` for stdin.
        answer: from the bytes of a line to those of its answer, without the line's end.

    Returns:
        The exit code: 2 if any line could not be answered, else 0.

    Raises:
        Refused: the source cannot be opened.
    """
    import msgspec

    out = binary()
    status = 0
    write, flush = out.write, out.flush
    with opened(path) as file:
        at_once = not _is_plain_file(file)  # somebody may be waiting for each answer
        for number, data in lines_of(file, name_of(path)):
            try:
                if data is None:
                    raise ValueError(f"the line is longer than {LINE // 2**20} MB")
                answered = answer(data)
            except Exception as error:  # noqa: BLE001  # whatever a line holds, the others go on
                status = REFUSED
                answered = msgspec.json.encode({"error": explain(error, data), "line": number})
            write(answered)
            write(b"\n")
            if at_once:
                flush()
    flush()
    return status


def explain(error: Exception, data: bytes | None) -> str:
    """Say in a line why a line could not be answered."""
    import msgspec

    from flytekitplugins_podtriage.report.text.sanitize import line

    if data is not None and not data.strip():
        return "the line is empty; allowed: a JSON object"
    if isinstance(error, RecursionError):
        return "it is nested too deeply; allowed: a Kubernetes object"
    if isinstance(error, UnicodeError):
        return f"it is not UTF-8 text: {line(str(error))}"
    # msgspec's own errors are ValueErrors since 0.19 only.
    if isinstance(error, (msgspec.MsgspecError, ValueError, TypeError, OverflowError)):
        return line(str(error))
    return line(f"{type(error).__name__}: {error}")


def _is_plain_file(file: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(fstat(file.fileno()).st_mode)
    except (OSError, ValueError):  # no file at all: a test's
        return True
