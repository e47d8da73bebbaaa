"""The program of a body in a process of its own: flytekit's ``pyflyte-execute``, without output of its own.

Left out are the empty line with which flytekit begins, and its log of an exception: that is in the error document too,
from which the local run shows it.
"""

from __future__ import annotations

import logging
from types import SimpleNamespace


def main() -> None:
    """Run the body that the program's arguments describe."""
    from flytekit.bin import entrypoint
    from flytekit.loggers import logger

    logger.addFilter(_is_not_in_error_document)
    entrypoint.click = SimpleNamespace(echo=lambda *_, **__: None)  # its functions use it for that line only
    entrypoint.execute_task_cmd()


def _is_not_in_error_document(record: logging.LogRecord) -> bool:
    return record.module != "entrypoint" or record.levelno < logging.ERROR
