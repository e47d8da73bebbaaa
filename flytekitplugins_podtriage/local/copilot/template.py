"""A container's command with its inputs filled in, as propeller does it: ``{{.inputs.name}}``."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from flytekitplugins_podtriage.local.copilot import go_values

# Upper and lower case alike, as in template.go (inputVarRegex).
_INPUT: Final = re.compile(r"\{\{\s*[.$]Inputs\.([^}\s]+)\s*\}\}", re.IGNORECASE)


class NotRendered(ValueError):
    """An input cannot be put into a command; the message is one line."""


def rendered(argument: str, inputs: Any) -> str:
    """Return an argument with its inputs filled in.

    Args:
        argument: of a container's command.
        inputs: flyteidl's ``LiteralMap``.

    Raises:
        NotRendered: there is no such input, or propeller cannot print its type.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in inputs.literals:
            raise NotRendered(f"{match[0]}: requested input is not found; allowed: {', '.join(inputs.literals)}")
        try:
            return _literal(inputs.literals[name])
        except NotRendered as error:
            raise NotRendered(f"{match[0]}: {error}; allowed: a file below the task's input_data_dir") from error

    return _INPUT.sub(value, argument)


def _literal(literal: Any) -> str:
    kind = literal.WhichOneof("value")
    if kind == "collection":
        return f"[{','.join(_literal(one) for one in literal.collection.literals)}]"
    if kind != "scalar":
        raise NotRendered(f"propeller puts no {kind} into a command")
    scalar = literal.scalar
    kind = scalar.WhichOneof("value")
    if kind == "primitive":
        return _primitive(scalar.primitive)
    if kind in {"blob", "schema"}:
        uri: str = getattr(scalar, kind).uri
        return uri
    if kind == "binary" and scalar.binary.tag == "msgpack":
        return _gone(msgspec.msgpack.decode(scalar.binary.value))
    raise NotRendered(f"propeller puts no {kind} into a command")


def _primitive(primitive: Any) -> str:
    kind = primitive.WhichOneof("value")
    if kind == "float_value":
        return go_values.shortest(primitive.float_value)
    if kind == "boolean":
        return "true" if primitive.boolean else "false"
    if kind == "datetime":
        return go_values.timestamp(primitive.datetime)
    if kind == "duration":
        # Not Go's own form: propeller prints the message of protobuf.
        return " ".join(str(primitive.duration).split()).replace(": ", ":")
    return str(getattr(primitive, kind))


def _gone(value: Any) -> str:
    """Return a value as Go's ``%v`` prints it: ``map[a:1 b:[x y]]``, its keys in order."""
    if isinstance(value, dict):
        parts = sorted((_gone(key), _gone(one)) for key, one in value.items())
        return f"map[{' '.join(f'{key}:{one}' for key, one in parts)}]"
    if isinstance(value, list):
        return f"[{' '.join(_gone(one) for one in value)}]"
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    return go_values.shortest(value) if isinstance(value, float) else str(value)
