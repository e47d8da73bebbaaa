"""Files as outputs: compared with what copilot's own code read from the same files."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core import interface_pb2, literals_pb2, types_pb2
from flytekit import FlyteContext
from google.protobuf import json_format

from flytekitplugins_podtriage.local.copilot.upload import NotUploaded, upload
from tests.recordings import rows

OUTPUTS = rows("copilot_outputs.jsonl")


def access() -> Any:
    return FlyteContext.current_context().file_access


@pytest.mark.parametrize("number", range(len(OUTPUTS)))
def test_files_become_the_outputs_that_copilot_reads_from_them(number: int, tmp_path: Path) -> None:
    row = OUTPUTS[number]
    declared = types_pb2.LiteralType()
    if row["type"] == "BLOB":
        declared.blob.SetInParent()
    elif row["type"] == "LIST":
        declared.collection_type.simple = types_pb2.INTEGER
    else:
        declared.simple = types_pb2.SimpleType.Value(row["type"])
    if row["file"] is not None:
        (tmp_path / row["file"]).write_text(row["text"], encoding="utf-8")
    variables = interface_pb2.VariableMap(variables={"o": interface_pb2.Variable(type=declared)})
    prefix = str(tmp_path / "raw")

    if row["error"] is not None:
        with pytest.raises(NotUploaded):
            upload(variables, str(tmp_path), prefix, access())
        return
    literal = upload(variables, str(tmp_path), prefix, access()).literals["o"]
    if row["type"] == "BLOB":
        assert literal.scalar.blob.uri == f"{prefix}/o"
        assert Path(prefix, "o").read_text(encoding="utf-8") == row["text"]
        return
    expected = json_format.ParseDict(row["output"], literals_pb2.Literal())
    if row["text"] == "nan":
        assert math.isnan(literal.scalar.primitive.float_value)
    else:
        assert literal == expected


def test_a_folders_files_are_uploaded_by_their_last_names(tmp_path: Path) -> None:
    (tmp_path / "o" / "deep").mkdir(parents=True)
    (tmp_path / "o" / "a").write_text("a", encoding="utf-8")
    (tmp_path / "o" / "deep" / "b").write_text("b", encoding="utf-8")
    declared = types_pb2.LiteralType()
    declared.blob.dimensionality = types_pb2.BlobType.MULTIPART

    literal_map = upload(
        interface_pb2.VariableMap(variables={"o": interface_pb2.Variable(type=declared)}),
        str(tmp_path),
        str(tmp_path / "raw"),
        access(),
    )

    assert literal_map.literals["o"].scalar.blob.metadata.type.dimensionality == types_pb2.BlobType.MULTIPART
    assert sorted(os.listdir(tmp_path / "raw" / "o")) == ["a", "b"]


def test_a_duration_beyond_all_bounds_is_refused(tmp_path: Path) -> None:
    (tmp_path / "o").write_text(f"{'9' * 400}s", encoding="utf-8")
    declared = types_pb2.LiteralType(simple=types_pb2.DURATION)

    with pytest.raises(NotUploaded):
        upload(
            interface_pb2.VariableMap(variables={"o": interface_pb2.Variable(type=declared)}),
            str(tmp_path),
            str(tmp_path / "raw"),
            access(),
        )
