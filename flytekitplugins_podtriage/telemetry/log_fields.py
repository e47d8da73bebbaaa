"""One log line of named fields: logfmt as text, and a JSON object wherever python-json-logger formats it.

FlytePropeller and flytekit log JSON with a formatter that takes a dictionary for the fields of the line; every other
formatter prints the message as text. :class:`LogFields` is both, so the handler alone decides on the format.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from flytekitplugins_podtriage.core.text.redact import mask

LogValue: TypeAlias = "str | int | bool"
LONGEST: Final = 300
"""How many characters of a value are logged: a line has at most a few kilobytes."""
_BARE: Final = re.compile(r"[!#-<>-~]+")
"""What needs no quotes in logfmt: printable ASCII without spaces, quotes and equals signs."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class LogFields(dict[str, LogValue]):
    """The fields of one log line. Texts are masked, put on one line and cut; fields without a value are left out.

    Args:
        message: what happened, in two or three words that never change.
        fields: names and values; a name is ASCII and in snake case.
    """

    def __init__(self, message: str, fields: Mapping[str, object]) -> None:
        super().__init__(message=message)
        for name, value in fields.items():
            if isinstance(value, (bool, int)):
                self[name] = value
            elif value is not None and (text := bounded(str(value))):
                self[name] = text

    def __str__(self) -> str:
        return " ".join(f"{name}={_logfmt(value)}" for name, value in self.items())


def bounded(text: str, longest: int = LONGEST) -> str:
    """Return a text as one line without secrets and control characters, of at most so many characters."""
    # Masked before it is cut: half a secret is not recognised.
    line = " ".join(_CONTROL.sub(" ", mask(text[: 4 * longest])).split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def _logfmt(value: LogValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if _BARE.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
