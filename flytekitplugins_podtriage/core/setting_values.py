"""The values of settings, as files, the environment and arguments write them.

Each function returns the value, or raises a ``ValueError`` that says in a line what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from flytekitplugins_podtriage.core.durations import seconds

_NAMESPACE: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_SECONDS: Final = re.compile(r"-?\d+(?:\.\d*)?")
_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "no", "off"})


def duration(value: object) -> float:
    """Return a duration in seconds, up to a year."""
    if isinstance(value, bool):
        raise ValueError(f"invalid duration {value!r}; allowed: a number of seconds, or 90s, 1h30m")
    written = str(value).strip()
    # A number of seconds is text in the environment, and a number in YAML.
    number = float(written) if _SECONDS.fullmatch(written) else seconds(written)
    if not 0 <= number <= 366 * 86400:
        raise ValueError(f"invalid duration {value!r}; allowed: 0s to 366 days, as 90s or 1h30m")
    return number


def integer(value: object, minimum: int, maximum: int = 1000) -> int:
    """Return a whole number within bounds."""
    written = str(value).strip()
    if isinstance(value, bool) or not written.isdigit() or not minimum <= int(written) <= maximum:
        raise ValueError(f"invalid number {value!r}; allowed: {minimum} to {maximum}")
    return int(written)


def count(value: object) -> int:
    """Return a number from 0."""
    return integer(value, 0)


def positive(value: object) -> int:
    """Return a number from 1."""
    return integer(value, 1)


def one_of(value: object, allowed: tuple[str, ...]) -> str:
    """Return one of a few words."""
    if value not in allowed:
        raise ValueError(f"invalid value {value!r}; allowed: {', '.join(allowed)}")
    return str(value)


def boolean(value: object) -> bool:
    """Return whether something is on."""
    written = str(value).strip().lower()
    if written not in _TRUE | _FALSE:
        raise ValueError(f"invalid value {value!r}; allowed: true, false")
    return written in _TRUE


def text(value: object) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise ValueError(f"invalid value {value!r}; allowed: text")
    return value


def items(value: object) -> list[str]:
    """Return the items of a setting that may have many: a list, or text with commas or line ends between them."""
    parts = value if isinstance(value, (list, tuple)) else text(value).replace("\n", ",").split(",")
    return [part for part in (text(part).strip() for part in parts) if part]


def pairs(value: object) -> dict[str, str]:
    """Return pairs: of a table, or of items ``name=value``."""
    if isinstance(value, Mapping):
        return {text(name): str(item) for name, item in value.items()}
    parts = [item.partition("=") for item in items(value)]
    for name, equals, _ in parts:
        if not (name.strip() and equals):
            raise ValueError(f"invalid pair {name[:80]!r}; allowed: name=value, several with commas between them")
    return {name.strip(): item.strip() for name, _, item in parts}


def namespace(value: object) -> str:
    """Return a name that a namespace can have."""
    name = text(value)
    if not _NAMESPACE.fullmatch(name):
        raise ValueError(f"invalid namespace {name[:80]!r}; allowed: a-z, 0-9 and -, up to 63 characters")
    return name


def namespaces(value: object) -> tuple[str, ...]:
    """Return names of namespaces."""
    return tuple(namespace(name) for name in items(value))
