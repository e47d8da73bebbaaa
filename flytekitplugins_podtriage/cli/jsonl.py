"""JSON lines in, JSON lines out: one answer per line, in order, in constant memory."""

from __future__ import annotations

import stat
from collections.abc import Callable
from os import fstat
from typing import BinaryIO

from flytekitplugins_podtriage.cli.errors import EXIT_BAD_INPUT
from flytekitplugins_podtriage.cli.input import MAX_LINE, open_source, read_lines, source_name
from flytekitplugins_podtriage.cli.output import stdout_bytes


def answer_lines(path: str, answer: Callable[[bytes], bytes]) -> int:
    """Answer each line of a source on stdout.

    A line that cannot be answered yields ``{"error": ..., "line": N}`` instead, and the others are still answered.
    Line N of the output always belongs to line N of the input, so an empty line is an error too. Returns the exit code:
    2 if any line could not be answered, else 0.

    Raises:
        InputError: the source cannot be opened.
    """
    import msgspec

    out = stdout_bytes()
    status = 0
    write, flush = out.write, out.flush
    with open_source(path) as file:
        is_interactive = not _is_regular_file(file)  # somebody may be waiting for each answer
        for number, data in read_lines(file, source_name(path)):
            try:
                if data is None:
                    raise ValueError(f"the line is longer than {MAX_LINE // 2**20} MB")
                output = answer(data)
            except Exception as error:  # noqa: BLE001  # one bad line must not stop the others
                status = EXIT_BAD_INPUT
                output = msgspec.json.encode({"error": describe_error(error, data), "line": number})
            write(output)
            write(b"\n")
            if is_interactive:
                flush()
    flush()
    return status


def describe_error(error: Exception, data: bytes | None) -> str:
    """Return in one line why an input line could not be answered."""
    import msgspec

    from flytekitplugins_podtriage.report.text.sanitize import one_line

    if data is not None and not data.strip():
        return "the line is empty; expected a JSON object"
    if isinstance(error, RecursionError):
        return "is nested too deeply; expected a Kubernetes object"
    if isinstance(error, UnicodeError):
        return f"is not UTF-8 text: {one_line(str(error))}"
    # msgspec's own errors are ValueErrors since 0.19 only.
    if isinstance(error, (msgspec.MsgspecError, ValueError, TypeError, OverflowError)):
        return one_line(str(error))
    return one_line(f"{type(error).__name__}: {error}")


def _is_regular_file(file: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(fstat(file.fileno()).st_mode)
    except (OSError, ValueError):  # not a real file: a test's
        return True
