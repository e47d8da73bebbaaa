"""The form of a log line: JSON where python-json-logger formats it, else logfmt; masked, on one line, and bounded."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.connector import serving_log
from flytekitplugins_podtriage.telemetry.log_fields import LONGEST, LogFields


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("f1a2", "f1a2"),
        ("s3://b/m/n0/data/0", "s3://b/m/n0/data/0"),
        ("two words", '"two words"'),
        ('a "quoted" word', '"a \\"quoted\\" word"'),
        ("back\\slash here", '"back\\\\slash here"'),
        ("a=b", '"a=b"'),
        ("line\nbreak\tand\x1b[31mcolour", '"line break and [31mcolour"'),
        (3, "3"),
        (True, "true"),
    ],
)
def test_a_value_is_quoted_only_where_logfmt_needs_it(value: object, written: str) -> None:
    assert str(LogFields("attempt charged", {"x": value})) == f'message="attempt charged" x={written}'


@pytest.mark.parametrize("value", [None, "", " \n "])
def test_a_field_without_a_value_is_left_out(value: object) -> None:
    assert "x" not in LogFields("attempt charged", {"x": value})


def test_zero_and_false_are_values() -> None:
    assert LogFields("m", {"attempt": 0, "retryable": False}) == {"message": "m", "attempt": 0, "retryable": False}


def test_secrets_are_masked() -> None:
    line = str(LogFields("m", {"why": "GET https://bob:hunter2@registry.example/v2/?token=s3cr3tvalue0"}))
    assert "hunter2" not in line and "s3cr3tvalue0" not in line and "***@registry.example" in line


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,9}", fullmatch=True), st.text(max_size=2000), max_size=4))
def test_a_line_is_one_line_and_bounded_whatever_the_values(fields: dict[str, str]) -> None:
    line = str(LogFields("m", fields))
    assert len(line.splitlines()) == 1
    assert len(line) <= 20 + len(fields) * (12 + 2 * LONGEST)


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """Return a logger of its own, under no other's handlers."""
    made = logging.Logger("serving")  # noqa: LOG001  # below no other logger
    yield made
    for handler in made.handlers:
        handler.close()


def written(logger: logging.Logger, environ: dict[str, str]) -> str:
    serving_log.configure(environ, logger)
    (handler,) = logger.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(io.StringIO())
    logger.info(LogFields("attempt charged", {"event": "charge", "attempt": 1, "why": "two words"}))
    logger.info("podtriage: %s", "plain")
    text: str = handler.stream.getvalue()
    return text


@pytest.mark.parametrize("environ", [{}, {"FLYTE_SDK_LOGGING_FORMAT": "json"}])
def test_a_served_connector_logs_json_as_flytekit_does_by_default(
    logger: logging.Logger, environ: dict[str, str]
) -> None:
    charge, plain = map(json.loads, written(logger, environ).splitlines())
    assert (
        charge.items()
        >= {
            "message": "attempt charged",
            "event": "charge",
            "attempt": 1,
            "why": "two words",
            "levelname": "INFO",
        }.items()
    )
    assert charge["asctime"]
    assert plain["message"] == "podtriage: plain" and "event" not in plain


def test_a_served_connector_logs_text_where_flytekit_does(logger: logging.Logger) -> None:
    charge, plain = written(logger, {"FLYTE_SDK_LOGGING_FORMAT": "text"}).splitlines()
    assert charge.endswith('INFO message="attempt charged" event=charge attempt=1 why="two words"')
    assert plain.endswith("INFO podtriage: plain")


def test_the_level_is_flytekits_if_that_is_set(logger: logging.Logger) -> None:
    assert written(logger, {"FLYTE_SDK_LOGGING_LEVEL": "30"}) == ""


def test_a_logger_that_has_a_handler_and_a_level_keeps_them(logger: logging.Logger) -> None:
    handler = logging.StreamHandler(io.StringIO())
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR)
    serving_log.configure({}, logger)
    assert logger.handlers == [handler] and logger.level == logging.ERROR


def test_configuring_twice_adds_one_handler_and_one_filter(logger: logging.Logger) -> None:
    assert serving_log.configure({}, logger) is serving_log.configure({}, logger)
    assert len(logger.handlers) == len(logger.filters) == 1
