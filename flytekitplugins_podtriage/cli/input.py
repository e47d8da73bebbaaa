"""Reading bytes at the rim: files and stdin, bounded, with every refusal in one line."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from flytekitplugins_podtriage.cli.errors import Refused

WHOLE = 64 * 1024 * 1024
"""The largest document that is read whole, in bytes. A namespace of a thousand pods has about ten million."""
LINE = 16 * 1024 * 1024
"""The longest line of JSON lines, in bytes. An object in etcd has at most 1.5 million, a pod dozens of events."""

_CHUNK = 1024 * 1024
STDIN = "-"


def name_of(path: str) -> str:
    """Return what a source is called in a message."""
    return "stdin" if path == STDIN else path


def stdin() -> BinaryIO:
    """Return standard input as bytes."""
    stream = sys.stdin
    if stream is None:
        raise Refused("stdin: it is closed; give a FILE")
    return stream.buffer


def stdin_is_terminal() -> bool:
    """Whether nothing is piped in."""
    return sys.stdin is None or sys.stdin.isatty()


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """Open a file, or stdin for ``-``, for reading bytes.

    Raises:
        Refused: there is no such file, it is a directory, or it may not be read.
    """
    if path == STDIN:
        yield stdin()
        return
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            raise Refused(f"{path}: it is a directory; allowed: a file, or - for stdin")
        file = open(path, "rb")  # noqa: SIM115  # closed below; opened here so that only this is refused
    except OSError as error:
        raise Refused(f"{path}: {_why(error)}; allowed: a file that can be read, or - for stdin") from error
    except ValueError as error:  # a NUL in the name
        raise Refused(f"{path!r}: {error}; allowed: the name of a file") from error
    with file:
        yield file


def read_whole(path: str, limit: int = WHOLE) -> bytes:
    """Read a document whole.

    Raises:
        Refused: it cannot be read, is empty, larger than ``limit`` bytes, or no text.
    """
    where = name_of(path)
    if path == STDIN and stdin_is_terminal():
        raise Refused("stdin: it is a terminal and nothing is piped in; give a FILE, or pipe one in")
    chunks: list[bytes] = []
    size = 0
    with opened(path) as file:
        while True:
            try:
                chunk = file.read(_CHUNK)
            except OSError as error:
                raise Refused(f"{where}: {_why(error)}") from error
            if not chunk:
                break
            size += len(chunk)
            if size > limit:
                raise Refused(
                    f"{where}: it is larger than {limit // _CHUNK} MB; allowed: up to that "
                    "(any number of pods go line by line: triage --jsonl)"
                )
            chunks.append(chunk)
    return checked(b"".join(chunks), where)


def checked(data: bytes, where: str) -> bytes:
    """Return the bytes of a text without its byte order mark.

    Raises:
        Refused: nothing is in it, or it is no text.
    """
    if data[:3] == b"\xef\xbb\xbf":
        data = data[3:]
    if not data.strip():
        raise Refused(f"{where}: it is empty; allowed: JSON or YAML")
    if data[:2] == b"\x1f\x8b":
        raise Refused(f"{where}: it is compressed; allowed: text (gunzip -c FILE | podtriage ... -)")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Refused(f"{where}: it is UTF-16; allowed: UTF-8")
    if b"\0" in data[:_CHUNK]:
        raise Refused(f"{where}: it is binary; allowed: JSON or YAML text")
    return data


def read_text(path: str, limit: int = WHOLE) -> str:
    """Read a text whole; the same refusals as :func:`read_whole`, and text that is not UTF-8."""
    data = read_whole(path, limit)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Refused(f"{name_of(path)}: byte {error.start} is not UTF-8; allowed: UTF-8 text") from error


def read_line(file: BinaryIO, where: str, limit: int = LINE) -> bytes:
    """Return the next line of a stream, or as much of it as ``limit`` bytes; nothing at its end.

    Raises:
        Refused: the stream cannot be read.
    """
    try:
        return file.readline(limit)
    except OSError as error:
        raise Refused(f"{where}: {_why(error)}; allowed: a file that can be read, or - for stdin") from error


def lines_of(file: BinaryIO, where: str, limit: int = LINE) -> Iterator[tuple[int, bytes | None]]:
    """Yield the lines of a stream with their numbers, from 1; None for one longer than ``limit`` bytes.

    Memory is bounded by ``limit``, whatever the stream holds.

    Raises:
        Refused: the stream cannot be read.
    """
    number = 0
    while data := read_line(file, where, limit):
        number += 1
        if len(data) == limit and not data.endswith(b"\n"):
            while data and not data.endswith(b"\n"):
                data = read_line(file, where, _CHUNK)
            yield number, None
        elif number == 1 and data[:3] == b"\xef\xbb\xbf":
            yield number, data[3:]
        else:
            yield number, data


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
