"""Only what Python's own functions would write or read otherwise has a function of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.local.copilot import go_values


@pytest.mark.parametrize(
    ("go", "python", "value", "text"),
    [
        (go_values.positional, str, 1e-7, "0.0000001"),
        (go_values.positional, str, 1e20, "100000000000000000000"),
        (go_values.positional, str, 1.0, "1"),
        (go_values.shortest, str, 123456789.0, "1.23456789e+08"),
        (go_values.shortest, "{:g}".format, 123456789.0, "1.23456789e+08"),
        (go_values.to_json, json.dumps, {"b": 1.0, "a": 1e-7}, '{"a":1e-7,"b":1}'),
        (go_values.to_json, json.dumps, "<&>", r'"\u003c\u0026\u003e"'),
        (go_values.timestamp, Timestamp.ToJsonString, Timestamp(nanos=120_000_000), "1970-01-01T00:00:00.12Z"),
    ],
)
def test_go_writes_it_differently(go: Callable[..., str], python: Callable[..., str], value: Any, text: str) -> None:
    assert go(value) == text != python(value)


@pytest.mark.parametrize(
    ("go", "python", "text"),
    [
        (go_values.parse_integer, int, "1_000"),
        (go_values.parse_integer, int, "\u0661"),
        (go_values.parse_float, float, "1e400"),
        (go_values.parse_float, float, "\u0661"),
        (go_values.parse_boolean, bool, "yes"),
        (go_values.parse_boolean, bool, "tRUE"),
    ],
)
def test_go_refuses_what_python_reads(go: Callable[[str], Any], python: Callable[[str], Any], text: str) -> None:
    assert python(text)
    with pytest.raises(ValueError, match="strconv"):
        go(text)


@given(st.floats(allow_nan=False))
def test_a_number_is_read_as_it_was_written(value: float) -> None:
    assert go_values.parse_float(go_values.positional(value)) == value
    assert go_values.parse_float(go_values.shortest(value)) == value
    assert "e" not in go_values.positional(value)
