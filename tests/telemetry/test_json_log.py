"""The log as JSON: one object a line, the same fields as the connector's, no secret in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from flytekitplugins_podtriage.telemetry import json_log
from flytekitplugins_podtriage.telemetry.log_fields import LogFields

Terminal = type("Terminal", (io.StringIO,), {"isatty": lambda self: True})


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    made = logging.getLogger("flytekitplugins_podtriage.test_json_log")
    yield made
    for one in [*made.filters]:
        json_log.restore(one, made)  # type: ignore[arg-type]  # the only one is of configure


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_an_object_with_the_fields_of_the_connectors_log(logger: logging.Logger) -> None:
    stream = io.StringIO()
    json_log.configure(stream, logger)
    logger.info("podtriage: this replica leads")
    logger.warning(LogFields("pod late", {"event": "late", "attempt": 1}))
    first, second = lines(stream)
    assert list(first) == ["asctime", "name", "levelname", "message"]
    assert (first["levelname"], first["message"]) == ("INFO", "podtriage: this replica leads")
    assert (second["message"], second["event"], second["attempt"]) == ("pod late", "late", 1)


def test_secrets_are_masked_and_lines_stay_lines(logger: logging.Logger) -> None:
    stream = io.StringIO()
    json_log.configure(stream, logger)
    logger.warning("no login\nfor %s", "https://bob:hunter2@registry.example/")
    (line,) = lines(stream)
    assert line["message"] == "no login for https://***@registry.example/"


def test_an_exception_is_in_its_line(logger: logging.Logger) -> None:
    stream = io.StringIO()
    json_log.configure(stream, logger)
    try:
        raise RuntimeError("token=hunter2secret")
    except RuntimeError:
        logger.exception("podtriage: a round failed")
    (line,) = lines(stream)
    assert "RuntimeError" in line["exc_info"] and "hunter2secret" not in line["exc_info"]


def test_on_a_terminal_it_is_text(logger: logging.Logger) -> None:
    stream = Terminal()
    json_log.configure(stream, logger)
    logger.info("podtriage: this replica leads")
    assert stream.getvalue().endswith(" INFO podtriage: this replica leads\n")


def test_repeated_warnings_are_logged_once(logger: logging.Logger) -> None:
    stream = io.StringIO()
    json_log.configure(stream, logger)
    for number in range(100):
        logger.warning("podtriage: pod %s cannot be read", f"f{number}-n0-0")
    assert len(lines(stream)) == 1


def test_what_was_configured_is_taken_back(logger: logging.Logger) -> None:
    repeated = json_log.configure(io.StringIO(), logger)
    json_log.restore(repeated, logger)
    assert not logger.handlers and not logger.filters and logger.propagate
