"""Values in Go's text form, where Python's own form differs. Durations are in ``core.durations``."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any, Final

_ESCAPED: Final = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_BOOLEANS: Final = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}


def positional(value: float) -> str:
    """Format a number as ``strconv.FormatFloat(value, 'f', -1, 64)`` does: never with an exponent."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def shortest(value: float) -> str:
    """Format a number as ``fmt.Sprintf("%v", value)`` does: with an exponent below 1e-4 and from 1e6 on."""
    return _exponential(value) if value and not 1e-4 <= abs(value) < 1e6 else positional(value)


def _exponential(value: float) -> str:
    if not math.isfinite(value):
        return positional(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    power = exponent + len(digits) - 1
    fraction = "".join(map(str, digits[1:]))
    return f"{'-' if sign else ''}{digits[0]}{'.' if fraction else ''}{fraction}e{power:+03d}"


def to_json(value: Any) -> str:
    """Format a value as ``encoding/json`` does: no spaces, sorted keys, ``<``, ``>`` and ``&`` escaped.

    Raises:
        ValueError: it contains NaN or an infinity.
    """
    if isinstance(value, dict):
        return "{" + ",".join(f"{to_json(key)}:{to_json(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(to_json, value)) + "]"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"json: unsupported value: {positional(value)}")
        if value == 0 or 1e-6 <= abs(value) < 1e21:
            return positional(value)
        return _exponential(value).replace("e-0", "e-")
    return json.dumps(value, ensure_ascii=False).translate(_ESCAPED)


def parse_integer(text: str) -> int:
    """Parse what ``strconv.ParseInt(text, 10, 64)`` does: no underscores. Protobuf checks the range.

    Raises:
        ValueError: it is not an integer.
    """
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"strconv.ParseInt: parsing {text!r}: invalid syntax")
    return int(text)


def parse_float(text: str) -> float:
    """Parse what ``strconv.ParseFloat(text, 64)`` does, but for hexadecimal numbers.

    Raises:
        ValueError: it is not a number, or out of range.
    """
    value = float(text)
    if not text.isascii() or (math.isinf(value) and "inf" not in text.lower()):
        raise ValueError(f"strconv.ParseFloat: parsing {text!r}: invalid syntax or value out of range")
    return value


def parse_boolean(text: str) -> bool:
    """Parse what ``strconv.ParseBool`` does.

    Raises:
        ValueError: it is none of Go's spellings.
    """
    if text not in _BOOLEANS:
        raise ValueError(f"strconv.ParseBool: parsing {text!r}: invalid syntax")
    return _BOOLEANS[text]


def timestamp(proto: Any) -> str:
    """Format a ``google.protobuf.Timestamp`` as ``ptypes.TimestampString`` does: RFC 3339, no trailing zeros."""
    text: str = proto.ToJsonString()
    whole, point, fraction = text.rstrip("Z").partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}{point if fraction else ''}{fraction}Z"
