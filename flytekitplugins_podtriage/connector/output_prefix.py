"""An attempt's output prefix: what lies there, and who is charged for the attempts beside it.

The last segment of a prefix is the attempt's number, from 0 (flytepropeller nodes/task/transformer, ``.../data/0``): so
an attempt finds those before it. What a container leaves there is flytekit's and copilot's; what podtriage adds begins
with ``podtriage-``.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any, Final

import attrs
from flyteidl.core.errors_pb2 import ErrorDocument
from google.protobuf.message import DecodeError

from flytekitplugins_podtriage.connector.idl import failure_of
from flytekitplugins_podtriage.core.accounting import Counters, Failure
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.text.redact import mask

OUTPUTS: Final = "outputs.pb"
ERROR: Final = "error.pb"
FUTURES: Final = "futures.pb"
"""What the body of a dynamic task leaves when it has ended well."""
RECORD: Final = "podtriage-verdict.json"
INTENT: Final = "podtriage-intent.json"
STOPPED: Final = "podtriage-stopped"
"""Left when the attempt was given up (DeleteTask): its pod is not to be made, and not to be kept."""


class PrefixError(Exception):
    """Something at an output prefix cannot be read or written; the message is one line: what, where and why."""


@attrs.frozen(slots=True)
class OutputPrefix:
    """One attempt's output prefix, read and written through flytekit's own data layer."""

    path: str
    access: Any = attrs.field(default=None, repr=False, eq=False)
    """flytekit's ``FileAccessProvider``; None: the current context's."""

    @property
    def attempt(self) -> int:
        """The attempt's number, from 0; 0 too if the prefix tells none."""
        last = self.path.rstrip("/").rpartition("/")[2]
        return int(last) if last.isascii() and last.isdigit() and len(last) <= 9 else 0

    @property
    def task(self) -> str:
        """What the prefixes of all attempts of this task have in common; the prefix itself if it tells no number."""
        path = self.path.rstrip("/")
        parent, _, last = path.rpartition("/")
        return parent if parent and last.isascii() and last.isdigit() else path

    def earlier(self, number: int) -> OutputPrefix:
        """Return the prefix of an earlier attempt."""
        return attrs.evolve(self, path=f"{self.task}/{number}")

    def exists(self, name: str) -> bool:
        """Return whether there is a file of this name.

        Raises:
            PrefixError: that cannot be found out.
        """
        path = f"{self.path}/{name}"
        try:
            return bool(self._files().exists(path))
        except Exception as error:  # whatever a store's client raises
            raise PrefixError(_refusal("look for", path, error)) from error

    def read(self, name: str) -> bytes | None:
        """Return what a file holds; None if there is none.

        Raises:
            PrefixError: it cannot be read.
        """
        path = f"{self.path}/{name}"
        try:
            found: bytes = self._files().cat_file(path)
        except FileNotFoundError:
            return None
        except Exception as error:
            raise PrefixError(_refusal("read", path, error)) from error
        return found

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole: a reader finds it as it was or as it is to be.

        Raises:
            PrefixError: it cannot be written.
        """
        path = f"{self.path}/{name}"
        try:
            files = self._files()
            if _is_local(files):
                _write_local(files._strip_protocol(path), data)  # noqa: SLF001  # fsspec's own name for it
            else:
                files.pipe_file(path, data)  # object stores show an object when it is complete
        except Exception as error:
            raise PrefixError(_refusal("write", path, error)) from error

    def error(self) -> ErrorDocument | None:
        """Return the error document; None if there is none that can be parsed.

        Raises:
            PrefixError: it cannot be read.
        """
        data = self.read(ERROR)
        if data is None:
            return None
        try:
            return ErrorDocument.FromString(data)
        except DecodeError:
            return None

    def failures(self) -> list[Failure]:
        """Return how the attempts before this one failed, in order, as far as it is told.

        An attempt without a document was charged to the user: propeller took it so (an answer ``RETRYABLE_FAILED``, a
        connector that could not be reached), or it ended by a timeout.

        Raises:
            PrefixError: a document cannot be read.
        """
        found = []
        for number in range(self.attempt):
            document = self.earlier(number).error()
            found.append(Failure(ErrorKind.USER) if document is None else failure_of(document))
        return found

    def _files(self) -> Any:
        access = self.access
        if access is None:
            from flytekit import FlyteContext

            access = FlyteContext.current_context().file_access
        return access.get_filesystem_for_path(self.path)


def counters(failures: list[Failure]) -> Counters:
    """Return what Flyte 1.16 has counted after these failures of one task."""
    return Counters(len(failures), sum(failure.kind is ErrorKind.SYSTEM for failure in failures))


def _is_local(files: Any) -> bool:
    protocol = files.protocol
    return "file" in ((protocol,) if isinstance(protocol, str) else protocol)


def _write_local(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    beside = f"{path}.{os.getpid()}-{threading.get_ident()}"
    # Into a file beside it first: whoever is killed in between leaves the old one, or none.
    try:
        with open(beside, "wb") as file:
            file.write(data)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


def _refusal(verb: str, path: str, error: Exception) -> str:
    why = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return f"cannot {verb} {mask(path)}: {mask(' '.join(why.split()))[:300]}"
