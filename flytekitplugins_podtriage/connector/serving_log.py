"""Where a served connector's log goes: to stderr, in the format and from the level that flytekit's own log has.

Nobody configures logging in ``pyflyte serve connector`` but flytekit, and that for its own loggers only: without a
handler, Python prints warnings without time or level, and drops the lines about verdicts and charges.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from flytekit.loggers import LOGGING_ENV_VAR, LOGGING_FMT_ENV_VAR, jsonlogger

from flytekitplugins_podtriage.telemetry.repeated_warnings import RepeatedWarnings

LOGGER = logging.getLogger("flytekitplugins_podtriage")
_FIELDS = "%(asctime)s %(name)s %(levelname)s %(message)s"


def configure(environ: Mapping[str, str] | None = None, logger: logging.Logger = LOGGER) -> RepeatedWarnings:
    """Give a logger a handler unless it or one above it has one, and drop its repeated warnings.

    ``FLYTE_SDK_LOGGING_FORMAT`` is ``json`` (flytekit's default) or anything else for text, where fields are logfmt;
    ``FLYTE_SDK_LOGGING_LEVEL`` a number, as in flytekit; without it the level is INFO.
    """
    environ = os.environ if environ is None else environ
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(formatter(environ.get(LOGGING_FMT_ENV_VAR, "json")))
        logger.addHandler(handler)
    if logger.level == logging.NOTSET:
        level = environ.get(LOGGING_ENV_VAR, "")
        logger.setLevel(int(level) if level.isdecimal() else logging.INFO)
    for old in logger.filters:
        if isinstance(old, RepeatedWarnings):
            return old
    repeated = RepeatedWarnings(logger)
    logger.addFilter(repeated)
    return repeated


def formatter(name: str) -> logging.Formatter:
    """Return a formatter: of JSON objects, or of text that begins with time and level."""
    if name == "json":
        made: logging.Formatter = jsonlogger.JsonFormatter(fmt=_FIELDS)
        return made
    return logging.Formatter("%(asctime)s %(levelname)s %(message)s")
