"""An attempt's output prefix: its files, and which retries the earlier attempts of the task were charged to.

The last segment of a prefix is the number of the attempt, from 0 (flytepropeller nodes/task/transformer,
``.../data/0``), which leads to the prefixes of the earlier ones. The files of flytekit and copilot keep their names;
those of podtriage begin with ``podtriage-``.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any, Final

import attrs
from flyteidl.core.errors_pb2 import ErrorDocument
from google.protobuf.message import DecodeError

from flytekitplugins_podtriage.connector.error_document import failure_of
from flytekitplugins_podtriage.core.accounting import Counters, Failure
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.text.redact import mask

OUTPUTS: Final = "outputs.pb"
ERROR: Final = "error.pb"
FUTURES: Final = "futures.pb"
"""Written by the body of a dynamic task that has succeeded."""
RECORD: Final = "podtriage-verdict.json"
INTENT: Final = "podtriage-intent.json"
CREATED: Final = "podtriage-created"
"""The uid of the attempt's pod, written when the pod has been created: no second one is."""
STOPPED: Final = "podtriage-stopped"
"""Written when FlytePropeller has aborted the attempt (DeleteTask): its pod is not created any more, and not kept."""


class PrefixError(Exception):
    """A file at an output prefix cannot be read or written; the message is one line: what, where and why."""


@attrs.frozen(slots=True)
class OutputPrefix:
    """An attempt's output prefix, read and written through flytekit's data layer; PrefixError: that failed."""

    path: str
    access: Any = attrs.field(default=None, repr=False, eq=False)
    """flytekit's ``FileAccessProvider``; None: the current context's."""

    @property
    def attempt(self) -> int:
        """The number of the attempt, from 0; 0 too if the prefix has no number."""
        last = self.path.rstrip("/").rpartition("/")[2]
        return int(last) if last.isascii() and last.isdigit() and len(last) <= 9 else 0

    @property
    def task(self) -> str:
        """What the prefixes of all attempts of this task have in common; the prefix itself if it has no number."""
        path = self.path.rstrip("/")
        parent, _, last = path.rpartition("/")
        return parent if parent and last.isascii() and last.isdigit() else path

    def earlier(self, number: int) -> OutputPrefix:
        """Return the prefix of an earlier attempt."""
        return attrs.evolve(self, path=f"{self.task}/{number}")

    def exists(self, name: str) -> bool:
        """Return whether there is a file of this name."""
        path = f"{self.path}/{name}"
        try:
            return bool(self._files().exists(path))
        except Exception as error:  # whatever a store's client raises
            raise PrefixError(_error_text("look for", path, error)) from error

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None if there is none."""
        path = f"{self.path}/{name}"
        try:
            data: bytes = self._files().cat_file(path)
        except FileNotFoundError:
            return None
        except Exception as error:
            raise PrefixError(_error_text("read", path, error)) from error
        return data

    def write(self, name: str, data: bytes) -> None:
        """Write a file atomically: readers get the old content or the new."""
        path = f"{self.path}/{name}"
        try:
            files = self._files()
            if _is_local(files):
                _write_local(files._strip_protocol(path), data)  # noqa: SLF001  # fsspec's own name for it
            else:
                files.pipe_file(path, data)  # object stores show an object when it is complete
        except Exception as error:
            raise PrefixError(_error_text("write", path, error)) from error

    def error(self) -> ErrorDocument | None:
        """Return the error document; None if there is none that can be parsed."""
        data = self.read(ERROR)
        if data is None:
            return None
        try:
            return ErrorDocument.FromString(data)
        except DecodeError:
            return None

    def failures(self) -> list[Failure]:
        """Return how the earlier attempts failed, in order, as far as their error documents say.

        An attempt without a document was charged to the user: the response was ``RETRYABLE_FAILED``, the connector
        could not be reached, or the attempt timed out.
        """
        documents = (self.earlier(number).error() for number in range(self.attempt))
        return [Failure(ErrorKind.USER) if document is None else failure_of(document) for document in documents]

    def _files(self) -> Any:
        access = self.access
        if access is None:
            from flytekit import FlyteContext

            access = FlyteContext.current_context().file_access
        return access.get_filesystem_for_path(self.path)


def counters(failures: list[Failure]) -> Counters:
    """Return the counters of Flyte 1.16 after these failures of one task."""
    system_failures = sum(failure.kind is ErrorKind.SYSTEM for failure in failures)
    return Counters(attempts=len(failures), system_failures=system_failures)


def _is_local(files: Any) -> bool:
    protocol = files.protocol
    return "file" in ((protocol,) if isinstance(protocol, str) else protocol)


def _write_local(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}-{threading.get_ident()}"
    # Into another file first: a process that is killed in between leaves the old content, or none.
    try:
        with open(temporary, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _error_text(verb: str, path: str, error: Exception) -> str:
    why = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return f"cannot {verb} {mask(path)}: {mask(' '.join(why.split()))[:300]}"
