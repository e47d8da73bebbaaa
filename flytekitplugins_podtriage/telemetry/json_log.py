"""The log of a program that flytekit does not configure: one JSON object a line, or text on a terminal.

The fields are those of the connector's log (``asctime``, ``name``, ``levelname``, ``message``), so that one query
finds both.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Final, TextIO

import msgspec

from flytekitplugins_podtriage.telemetry.log_fields import bounded
from flytekitplugins_podtriage.telemetry.repeated_warnings import RepeatedWarnings

LOGGER: Final = logging.getLogger("flytekitplugins_podtriage")
_LONGEST: Final = 2000


class JsonFormatter(logging.Formatter):
    """Formats records as JSON objects of one line; the fields of a dictionary become the object's own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields: dict[str, Any] = {
            "asctime": self.formatTime(record),
            "name": record.name,
            "levelname": record.levelname,
        }
        if isinstance(record.msg, dict):
            fields |= record.msg
        else:
            fields["message"] = bounded(record.getMessage(), _LONGEST)
        if record.exc_info and record.exc_info[1] is not None:
            fields["exc_info"] = bounded(self.formatException(record.exc_info), 4 * _LONGEST)
        return msgspec.json.encode(fields).decode()


def configure(stream: TextIO | None = None, logger: logging.Logger = LOGGER) -> RepeatedWarnings:
    """Give a logger a handler that writes to a stream (None: stderr), and drop its repeated warnings."""
    stream = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(stream)
    text = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(text if stream.isatty() else JsonFormatter())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    repeated = RepeatedWarnings(logger)
    logger.addFilter(repeated)
    return repeated


def restore(repeated: RepeatedWarnings, logger: logging.Logger = LOGGER) -> None:
    """Take back what :func:`configure` did."""
    logger.removeFilter(repeated)
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    logger.propagate = True
    logger.setLevel(logging.NOTSET)
