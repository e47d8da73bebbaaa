"""Reading files and stdin as bytes, with size limits and one-line errors."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from flytekitplugins_podtriage.cli.errors import InputError
from flytekitplugins_podtriage.core.pasted.normalize import decode

MAX_DOCUMENT = 64 * 1024 * 1024
"""The largest document that is read at once, in bytes. A namespace of a thousand pods has about ten million."""
MAX_LINE = 16 * 1024 * 1024
"""The longest line of JSON lines, in bytes. An object in etcd has at most 1.5 million, a pod dozens of events."""

_CHUNK = 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
STDIN = "-"


def source_name(path: str) -> str:
    """Return the name of a source for messages."""
    return "stdin" if path == STDIN else path


def stdin_is_terminal() -> bool:
    """Whether nothing is piped in."""
    return sys.stdin is None or sys.stdin.isatty()


@contextmanager
def open_source(path: str) -> Iterator[BinaryIO]:
    """Open a file, or stdin for ``-``, for reading bytes.

    Raises:
        InputError: there is no such file, it is a directory, or it cannot be read.
    """
    if path == STDIN:
        if sys.stdin is None:
            raise InputError("stdin: is closed; expected a FILE")
        yield sys.stdin.buffer
        return
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            raise InputError(f"{path}: is a directory; expected a file or - for stdin")
        file = open(path, "rb")  # noqa: SIM115  # closed below; opened here so that only this error is caught
    except OSError as error:
        raise InputError(_unreadable(path, error)) from error
    except ValueError as error:  # a NUL in the name
        raise InputError(f"{path!r}: {error}; expected the name of a file") from error
    with file:
        yield file


def read_document(path: str, limit: int = MAX_DOCUMENT) -> bytes:
    """Read a whole document.

    Raises:
        InputError: it cannot be read, is empty, is larger than ``limit`` bytes, or is not text.
    """
    source = source_name(path)
    if path == STDIN and stdin_is_terminal():
        raise InputError("stdin: is a terminal; expected a FILE or piped input")
    with open_source(path) as file:
        data = read_rest(file, source, limit + 1)
    if len(data) > limit:
        raise InputError(
            f"{source}: is larger than {limit // 2**20} MB; "
            "expected a smaller document (triage --jsonl reads any number of pods line by line)"
        )
    return check_text(data, source)


def check_text(data: bytes, source: str) -> bytes:
    """Return the bytes of a text in UTF-8, without its byte order mark.

    Raises:
        InputError: it is empty or not text.
    """
    data = data.removeprefix(_BYTE_ORDER_MARK)
    if data[:2] == b"\x1f\x8b":
        raise InputError(f"{source}: is compressed; expected text (gunzip -c FILE | podtriage ... -)")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:_CHUNK]:
        data = decode(data).encode()  # Windows' shells write UTF-16
    if not data.strip():
        raise InputError(f"{source}: is empty; expected JSON or YAML")
    if b"\0" in data[:_CHUNK]:
        raise InputError(f"{source}: is binary; expected JSON or YAML text")
    return data


def read_text(path: str, limit: int = MAX_DOCUMENT) -> str:
    """Read a whole UTF-8 text; errors as for :func:`read_document`."""
    data = read_document(path, limit)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{source_name(path)}: byte {error.start} is not UTF-8; expected UTF-8 text") from error


def read_rest(file: BinaryIO, source: str, limit: int) -> bytes:
    """Return what is left of a stream, or its first ``limit`` bytes.

    Raises:
        InputError: the stream cannot be read.
    """
    return _read(file.read, source, limit)


def read_line(file: BinaryIO, source: str, limit: int = MAX_LINE) -> bytes:
    """Return the next line of a stream, or its first ``limit`` bytes; nothing at the end.

    Raises:
        InputError: the stream cannot be read.
    """
    return _read(file.readline, source, limit)


def read_lines(file: BinaryIO, source: str, limit: int = MAX_LINE) -> Iterator[tuple[int, bytes | None]]:
    """Yield the lines of a stream with their numbers, from 1; None for a line longer than ``limit`` bytes.

    Memory use is bounded by ``limit``.

    Raises:
        InputError: the stream cannot be read.
    """
    number = 0
    while data := read_line(file, source, limit):
        number += 1
        if len(data) == limit and not data.endswith(b"\n"):
            while data and not data.endswith(b"\n"):
                data = read_line(file, source, _CHUNK)
            yield number, None
        else:
            yield number, data.removeprefix(_BYTE_ORDER_MARK) if number == 1 else data


def _read(read: Callable[[int], bytes], source: str, limit: int) -> bytes:
    try:
        return read(limit)
    except OSError as error:
        raise InputError(_unreadable(source, error)) from error


def _unreadable(source: str, error: OSError) -> str:
    return f"{source}: {(error.strerror or str(error)).lower()}; expected a readable file or - for stdin"
