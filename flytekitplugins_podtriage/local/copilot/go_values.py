"""Values as Go prints and reads them: a container's files and arguments are Go's work on a backend."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any, Final

_UNITS: Final = {
    "ns": 1,
    "us": 10**3,
    "\u00b5s": 10**3,
    "\u03bcs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
"""Nanoseconds; Go writes the micro sign (U+00B5), and reads the Greek letter (U+03BC) too."""
_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)(" + "|".join(sorted(_UNITS, key=len, reverse=True)) + ")")
_DIGITS: Final = r"\d+(?:_\d+)*"
_FLOAT: Final = re.compile(
    rf"[+-]?(?:({_DIGITS}\.?({_DIGITS})?|\.{_DIGITS})(e[+-]?{_DIGITS})?|inf|infinity|nan)", re.IGNORECASE
)
_ESCAPED: Final = {ord(one): f"\\u{ord(one):04x}" for one in "<>&\u2028\u2029"}
_INTEGER: Final = re.compile(r"[+-]?\d+")
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def positional(value: float) -> str:
    """Return a number as ``strconv.FormatFloat(value, 'f', -1, 64)`` has it."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def shortest(value: float) -> str:
    """Return a number as ``fmt.Sprintf("%v", value)`` has it: with an exponent below 1e-4 and from 1e6 on."""
    return _exponential(value) if value and not 1e-4 <= abs(value) < 1e6 else positional(value)


def _exponential(value: float) -> str:
    if not math.isfinite(value):
        return positional(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    power = exponent + len(digits) - 1
    fraction = "".join(map(str, digits[1:]))
    whole = f"{'-' if sign else ''}{digits[0]}{'.' if fraction else ''}{fraction}"
    return f"{whole}e{'-' if power < 0 else '+'}{abs(power):02d}"


def to_json(value: Any) -> str:
    """Return a value as ``encoding/json`` writes it: no spaces, sorted keys, and what HTML or JavaScript heeds escaped.

    Raises:
        ValueError: it has a number that JSON cannot tell.
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


def duration(nanoseconds: int) -> str:
    """Return a length of time as ``time.Duration.String`` has it: ``1h30m0s``, ``1.5ms``."""
    sign, left = ("-" if nanoseconds < 0 else ""), abs(nanoseconds)
    if left == 0:
        return "0s"
    if left < _UNITS["s"]:
        unit = "ns" if left < _UNITS["us"] else "\u00b5s" if left < _UNITS["ms"] else "ms"
        return f"{sign}{_decimal(left, _UNITS[unit])}{unit}"
    minutes, left = divmod(left, _UNITS["m"])
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_decimal(left, _UNITS['s'])}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


def _decimal(count: int, unit: int) -> str:
    text = format(Decimal(count) / Decimal(unit), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def parse_duration(text: str) -> int:
    """Return the nanoseconds that ``time.ParseDuration`` reads.

    Raises:
        ValueError: it reads none.
    """
    body = text[1:] if text[:1] in {"+", "-"} else text
    if body == "0":
        return 0
    found, end = 0, 0
    for part in _PART.finditer(body):
        if part.start() != end:
            break
        found += int(Decimal(part[1]) * _UNITS[part[2]])
        end = part.end()
    if not body or end != len(body):
        raise ValueError(f"time: invalid duration {text!r}")
    return -found if text.startswith("-") else found


def parse_integer(text: str) -> int:
    """Return the number that ``strconv.ParseInt(text, 10, 64)`` reads.

    Raises:
        ValueError: it reads none.
    """
    if not _INTEGER.fullmatch(text) or not text.isascii():
        raise ValueError(f"strconv.ParseInt: parsing {text!r}: invalid syntax")
    found = int(text)
    if not -(2**63) <= found < 2**63:
        raise ValueError(f"strconv.ParseInt: parsing {text!r}: value out of range")
    return found


def parse_float(text: str) -> float:
    """Return the number that ``strconv.ParseFloat(text, 64)`` reads; its hexadecimal form is not known here.

    Raises:
        ValueError: it reads none.
    """
    if not _FLOAT.fullmatch(text) or not text.isascii():
        raise ValueError(f"strconv.ParseFloat: parsing {text!r}: invalid syntax")
    found = float(text)
    if math.isinf(found) and "inf" not in text.lower():
        raise ValueError(f"strconv.ParseFloat: parsing {text!r}: value out of range")
    return found


def parse_boolean(text: str) -> bool:
    """Return what ``strconv.ParseBool`` reads.

    Raises:
        ValueError: it reads nothing.
    """
    if text not in _TRUE | _FALSE:
        raise ValueError(f"strconv.ParseBool: parsing {text!r}: invalid syntax")
    return text in _TRUE


def timestamp(proto: Any) -> str:
    """Return a ``google.protobuf.Timestamp`` as ``ptypes.TimestampString`` has it: RFC 3339, in UTC."""
    text: str = proto.ToJsonString()
    whole, point, fraction = text.rstrip("Z").partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}{point if fraction else ''}{fraction}Z"
