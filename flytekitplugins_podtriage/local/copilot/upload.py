"""Files below a folder as a task's outputs: what copilot's ``sidecar`` does once the container has ended."""

from __future__ import annotations

import glob
import os
from typing import Any, Final

from flyteidl.core import literals_pb2, types_pb2
from google.protobuf import json_format

from flytekitplugins_podtriage.core.durations import seconds
from flytekitplugins_podtriage.local.copilot import go_values

ERROR_FILE: Final = "_ERROR"
"""A container that leaves it says that it failed, and why."""
_LARGEST_VALUE: Final = 1024
_LARGEST_ERROR: Final = 1024 * 1024
_MSGPACK: Final = "msgpack"


class NotUploaded(ValueError):
    """The outputs cannot be had: a file is missing, or does not hold what the task declares; copilot's own words."""


def upload(declared: Any, folder: str, prefix: str, access: Any) -> Any:
    """Return the outputs that a container left, as flyteidl's ``LiteralMap``.

    Args:
        declared: flyteidl's ``VariableMap`` of the task's outputs.
        folder: where the container left them.
        prefix: below which files and folders are stored.
        access: flytekit's ``FileAccessProvider``.

    Raises:
        NotUploaded: an output is not there, or is no value of its type.
        OSError: a file cannot be read.
    """
    error = _error(os.path.join(folder, ERROR_FILE))
    if error is not None:
        raise NotUploaded(f"User Error: {error}")
    outputs = literals_pb2.LiteralMap()
    for name, variable in sorted(declared.variables.items()):
        kind = variable.type.WhichOneof("type")
        path = os.path.join(folder, name)
        if kind == "blob":
            outputs.literals[name].CopyFrom(_blob(path, f"{prefix}/{name}", access))
        elif kind == "simple":
            outputs.literals[name].CopyFrom(_value(variable.type.simple, path))
        else:
            raise NotUploaded(f"output {name}: currently CoPilot uploader does not support {kind}")
    return outputs


def _error(path: str) -> str | None:
    if not os.path.exists(path):
        return None
    if os.path.isdir(path):
        raise NotUploaded("error file is a directory")
    if os.path.getsize(path) > _LARGEST_ERROR:
        raise NotUploaded(f"error file too large {os.path.getsize(path)}")
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _readable(path: str) -> str:
    """Return the file of an output: its name may have an ending that the output's has not."""
    if os.path.exists(path):
        return path
    matches = glob.glob(f"{glob.escape(path)}.*")
    if len(matches) != 1:
        raise NotUploaded(f"file not found at path [{path}]")
    return matches[0]


def _blob(path: str, uri: str, access: Any) -> Any:
    path = _readable(path)
    blob = literals_pb2.Blob(uri=uri)
    if os.path.isdir(path):
        blob.metadata.type.dimensionality = types_pb2.BlobType.MULTIPART
        for at, _, names in os.walk(path):  # folders within are not kept: each file lands under its last name
            for name in names:
                access.put_data(os.path.join(at, name), f"{uri}/{name}")
    else:
        access.put_data(path, uri)
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(blob=blob))


def _value(kind: int, path: str) -> Any:
    path = _readable(path)
    if os.path.isdir(path):
        raise NotUploaded(f"expected file for type [{types_pb2.SimpleType.Name(kind)}], found dir at path [{path}]")
    size = os.path.getsize(path)
    if size > _LARGEST_VALUE:
        raise NotUploaded(f"maximum allowed filesize is [{_LARGEST_VALUE}], but found [{size}]")
    with open(path, "rb") as file:
        data = file.read().strip(b" \n\t")
    scalar = literals_pb2.Scalar()
    if kind == types_pb2.BINARY:
        scalar.binary.CopyFrom(literals_pb2.Binary(value=data, tag=_MSGPACK))
        return literals_pb2.Literal(scalar=scalar)
    try:
        _fill(scalar, kind, data.decode())
    except (ValueError, OverflowError, json_format.ParseError) as error:
        raise NotUploaded(f"[{path}]: {error}") from error
    return literals_pb2.Literal(scalar=scalar)


def _fill(scalar: Any, kind: int, text: str) -> None:
    """Set a scalar to the value that a text spells (flyteidl/clients/go/coreutils/literals.go)."""
    primitive = scalar.primitive
    if kind == types_pb2.INTEGER:
        primitive.integer = go_values.parse_integer(text)
    elif kind == types_pb2.FLOAT:
        primitive.float_value = go_values.parse_float(text)
    elif kind == types_pb2.BOOLEAN:
        primitive.boolean = go_values.parse_boolean(text)
    elif kind == types_pb2.STRING:
        primitive.string_value = text
    elif kind == types_pb2.DATETIME:
        primitive.datetime.FromJsonString(text)
    elif kind == types_pb2.DURATION:
        primitive.duration.FromNanoseconds(round(seconds(text) * 1e9))
    elif kind == types_pb2.STRUCT:
        json_format.Parse(text, scalar.generic, ignore_unknown_fields=True)
    elif kind == types_pb2.ERROR:
        scalar.error.message = text
    elif kind == types_pb2.NONE:
        scalar.none_type.SetInParent()
    else:
        raise ValueError(f"{types_pb2.SimpleType.Name(kind)} is nothing that a file can spell")
