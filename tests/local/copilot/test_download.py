"""Inputs as files: compared with what copilot's own code made of the same values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from flyteidl.core import literals_pb2, tasks_pb2
from flytekit import FlyteContext
from google.protobuf import json_format

from flytekitplugins_podtriage.local.copilot.download import NotDownloaded, download
from tests.recordings import rows

FORMAT = tasks_pb2.DataLoadingConfig
INPUTS = rows("copilot_inputs.jsonl")


def access() -> Any:
    return FlyteContext.current_context().file_access


def literals(row: dict[str, Any]) -> Any:
    return json_format.ParseDict(row["inputs"], literals_pb2.LiteralMap())


def files(folder: Path) -> dict[str, str]:
    """Return the files below a folder by their paths there, but for the protobuf."""
    assert (folder / "inputs.pb").is_file()
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != "inputs.pb"]
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8", errors="replace") for path in paths}


def yaml_values(text: str) -> Any:
    """Parse YAML: the two libraries differ in how they quote, break lines and write exponents."""
    return {
        name: float(value) if str(value)[:1] in "-0123456789" and "e" in str(value) else value
        for name, value in yaml.safe_load(text).items()
    }


@pytest.mark.parametrize("number", range(len(INPUTS)))
def test_inputs_become_the_files_that_copilot_makes_of_them(number: int, tmp_path: Path) -> None:
    row = INPUTS[number]
    made: dict[str, str] = {}
    for name, form in (("json", FORMAT.JSON), ("yaml", FORMAT.YAML)):
        folder = tmp_path / name
        if row["files"] is None:
            with pytest.raises(NotDownloaded, match="copilot hands over no structured_dataset"):
                download(literals(row), str(folder), form, access())
            continue
        download(literals(row), str(folder), form, access())
        made.update(files(folder))
    if row["files"] is not None:
        expected = dict(row["files"])
        assert yaml_values(made.pop("inputs.yaml")) == yaml_values(expected.pop("inputs.yaml"))
        for name, literal in literals(row).literals.items():
            if literal.scalar.HasField("binary"):  # no text: the record is of no use
                assert (tmp_path / "json" / name).read_bytes() == literal.scalar.binary.value
                del made[name], expected[name]
        assert made == expected


def test_the_protobuf_says_where_files_are(tmp_path: Path) -> None:
    (tmp_path / "given").write_text("text", encoding="utf-8")
    inputs = literals_pb2.LiteralMap()
    inputs.literals["file"].scalar.blob.uri = str(tmp_path / "given")
    folder = tmp_path / "inputs"

    download(inputs, str(folder), FORMAT.PROTO, access())

    assert sorted(os.listdir(folder)) == ["file", "inputs.pb"]
    literal_map = literals_pb2.LiteralMap.FromString((folder / "inputs.pb").read_bytes())
    assert literal_map.literals["file"].scalar.blob.uri == str(folder / "file")
    assert inputs.literals["file"].scalar.blob.uri == str(tmp_path / "given")  # what was given is as it was
