"""A task's inputs as files below a folder: what copilot's ``download`` does before the container starts.

Each input is a file of its name (a collection or a map: a folder), and all of them together are ``inputs.pb`` and, as
the task says, ``inputs.json`` or ``inputs.yaml``.
"""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import yaml
from flyteidl.core import literals_pb2, tasks_pb2, types_pb2
from google.protobuf import json_format

from flytekitplugins_podtriage.core.durations import go_format
from flytekitplugins_podtriage.local.copilot import go_values


class NotDownloaded(ValueError):
    """An input is of a type that copilot does not hand to a container; the message is one line."""


def download(inputs: Any, folder: str, form: int, access: Any) -> None:
    """Write a task's inputs.

    Args:
        inputs: flyteidl's ``LiteralMap``.
        folder: where; it is made.
        form: ``DataLoadingConfig.LiteralMapFormat``.
        access: flytekit's ``FileAccessProvider``.

    Raises:
        NotDownloaded: copilot does not hand over such an input.
        OSError: a file cannot be written.
    """
    os.makedirs(folder, exist_ok=True)
    values: dict[str, Any] = {}
    downloaded = literals_pb2.LiteralMap()
    for name, literal in sorted(inputs.literals.items()):
        own = downloaded.literals[name]
        own.CopyFrom(literal)
        try:
            values[name] = _literal(own, os.path.join(folder, name), access)
        except NotDownloaded as error:
            raise NotDownloaded(f"input {name}: {error}") from error
    _write(os.path.join(folder, "inputs.pb"), downloaded.SerializeToString(deterministic=True))
    if form == tasks_pb2.DataLoadingConfig.JSON:
        _write(os.path.join(folder, "inputs.json"), _json(values).encode())
    elif form == tasks_pb2.DataLoadingConfig.YAML:
        # By way of JSON, as there: a whole number is then none with a point.
        text = yaml.safe_dump(json.loads(_json(values)), sort_keys=True, default_flow_style=False, allow_unicode=True)
        _write(os.path.join(folder, "inputs.yaml"), text.encode())


def _literal(literal: Any, path: str, access: Any) -> Any:
    """Write a literal to a path, change it to say so, and return its value as JSON has it."""
    kind = literal.WhichOneof("value")
    if kind == "scalar":
        return _scalar(literal.scalar, path, access)
    if kind == "collection":
        os.makedirs(path, exist_ok=True)
        parts = literal.collection.literals
        return [_literal(part, os.path.join(path, str(number)), access) for number, part in enumerate(parts)]
    if kind == "map":
        os.makedirs(path, exist_ok=True)
        named = literal.map.literals
        return {name: _literal(named[name], os.path.join(path, name), access) for name in sorted(named)}
    raise NotDownloaded(f"copilot hands over no {kind}")


def _scalar(scalar: Any, path: str, access: Any) -> Any:
    kind = scalar.WhichOneof("value")
    if kind == "primitive":
        text, value = _primitive(scalar.primitive)
        _write(path, text.encode())
        return value
    if kind in {"blob", "schema"}:
        thing = getattr(scalar, kind)
        whole = kind == "blob" and thing.metadata.type.dimensionality == types_pb2.BlobType.SINGLE
        access.get_data(thing.uri, path, is_multipart=not whole)
        thing.uri = path
        return path
    if kind == "union":
        return _literal(scalar.union.value, path, access)
    if kind == "binary":
        _write(path, scalar.binary.value)
        return base64.b64encode(scalar.binary.value).decode()
    if kind == "generic":
        value = json_format.MessageToDict(scalar.generic)
        _write(path, _json(value).encode())
        return value
    if kind == "none_type":
        _write(path, b"null")
        return None
    if kind == "error":
        _write(path, scalar.error.message.encode())
        return scalar.error.message
    raise NotDownloaded(f"copilot hands over no {kind}; allowed: a file, a folder, or values that a text can hold")


def _primitive(primitive: Any) -> tuple[str, Any]:
    """Return what stands in the file, and the value in JSON."""
    kind = primitive.WhichOneof("value")
    if kind == "float_value":
        return go_values.positional(primitive.float_value), primitive.float_value
    if kind == "boolean":
        return ("true" if primitive.boolean else "false"), primitive.boolean
    if kind == "datetime":
        text = go_values.timestamp(primitive.datetime)
        return text, text
    if kind == "duration":
        # In JSON it is null: the value is lost in `handlePrimitive`, whose variable is shadowed there.
        return go_format(primitive.duration.ToNanoseconds() / 1e9), None
    value = getattr(primitive, kind)
    return str(value), value


def _json(value: Any) -> str:
    try:
        return go_values.to_json(value)
    except ValueError as error:
        raise NotDownloaded(str(error)) from error


def _write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
