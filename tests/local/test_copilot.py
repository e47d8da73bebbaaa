"""Copilot's work and propeller's, done here: against what their own code did with the same values and files."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from flyteidl.core import literals_pb2, tasks_pb2, types_pb2
from flytekit import FlyteContext
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.local.copilot import go_values
from flytekitplugins_podtriage.local.copilot.download import NotDownloaded, download
from flytekitplugins_podtriage.local.copilot.template import NotRendered, rendered
from flytekitplugins_podtriage.local.copilot.upload import NotUploaded, upload
from tests.recordings import rows

FORMAT = tasks_pb2.DataLoadingConfig
INPUTS = rows("copilot_inputs.jsonl")
OUTPUTS = rows("copilot_outputs.jsonl")


def access() -> Any:
    return FlyteContext.current_context().file_access


def literals(row: dict[str, Any]) -> Any:
    return json_format.ParseDict(row["inputs"], literals_pb2.LiteralMap())


def files(folder: Path) -> dict[str, str]:
    """Return the files below a folder by their paths there, but for the protobuf."""
    assert (folder / "inputs.pb").is_file()
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != "inputs.pb"]
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8", errors="replace") for path in paths}


def said(text: str) -> Any:
    """Return what a YAML text says: the two libraries quote, break lines and write exponents each in its own way."""
    found = yaml.safe_load(text)
    return {
        name: float(one) if str(one)[:1] in "-0123456789" and "e" in str(one) else one for name, one in found.items()
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
        assert said(made.pop("inputs.yaml")) == said(expected.pop("inputs.yaml"))
        for name, literal in literals(row).literals.items():
            if literal.scalar.HasField("binary"):  # no text: the record is of no use
                assert (tmp_path / "json" / name).read_bytes() == literal.scalar.binary.value
                del made[name], expected[name]
        assert made == expected


@pytest.mark.parametrize("number", range(len(INPUTS)))
def test_inputs_are_put_into_a_command_as_propeller_puts_them(number: int) -> None:
    row = INPUTS[number]
    for name, expected in row["rendered"].items():
        argument = f"<{{{{ .inputs.{name} }}}}>"
        if expected is None:
            with pytest.raises(NotRendered, match="propeller puts no .* into a command; allowed"):
                rendered(argument, literals(row))
        else:
            # protobuf's own text form has one space or two, by the build (google.golang.org/protobuf, detrand).
            assert rendered(argument, literals(row)) == f"<{' '.join(expected.split()) if 'seconds:' in expected else expected}>"  # fmt: skip


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
    from flyteidl.core import interface_pb2

    variables = interface_pb2.VariableMap(variables={"o": interface_pb2.Variable(type=declared)})
    prefix = str(tmp_path / "raw")

    if row["error"] is not None:
        with pytest.raises(NotUploaded):
            upload(variables, str(tmp_path), prefix, access())
        return
    found = upload(variables, str(tmp_path), prefix, access()).literals["o"]
    if row["type"] == "BLOB":
        assert found.scalar.blob.uri == f"{prefix}/o"
        assert Path(prefix, "o").read_text(encoding="utf-8") == row["text"]
        return
    expected = json_format.ParseDict(row["output"], literals_pb2.Literal())
    if row["text"] == "nan":
        assert math.isnan(found.scalar.primitive.float_value)
    else:
        assert found == expected


def test_the_protobuf_says_where_files_are(tmp_path: Path) -> None:
    (tmp_path / "given").write_text("text", encoding="utf-8")
    inputs = literals_pb2.LiteralMap()
    inputs.literals["file"].scalar.blob.uri = str(tmp_path / "given")
    folder = tmp_path / "inputs"

    download(inputs, str(folder), FORMAT.PROTO, access())

    assert sorted(os.listdir(folder)) == ["file", "inputs.pb"]
    found = literals_pb2.LiteralMap.FromString((folder / "inputs.pb").read_bytes())
    assert found.literals["file"].scalar.blob.uri == str(folder / "file")
    assert inputs.literals["file"].scalar.blob.uri == str(tmp_path / "given")  # what was given is as it was


def test_a_folders_files_are_uploaded_by_their_last_names(tmp_path: Path) -> None:
    from flyteidl.core import interface_pb2

    (tmp_path / "o" / "deep").mkdir(parents=True)
    (tmp_path / "o" / "a").write_text("a", encoding="utf-8")
    (tmp_path / "o" / "deep" / "b").write_text("b", encoding="utf-8")
    declared = types_pb2.LiteralType()
    declared.blob.dimensionality = types_pb2.BlobType.MULTIPART

    found = upload(
        interface_pb2.VariableMap(variables={"o": interface_pb2.Variable(type=declared)}),
        str(tmp_path),
        str(tmp_path / "raw"),
        access(),
    )

    assert found.literals["o"].scalar.blob.metadata.type.dimensionality == types_pb2.BlobType.MULTIPART
    assert sorted(os.listdir(tmp_path / "raw" / "o")) == ["a", "b"]


@pytest.mark.parametrize("argument", ["{{.inputs.n}}", "{{ .Inputs.n }}", "{{$inputs.n}}", "{{  .INPUTS.n}}"])
def test_propeller_is_not_strict_about_how_an_input_is_written(argument: str) -> None:
    inputs = literals_pb2.LiteralMap()
    inputs.literals["n"].scalar.primitive.integer = 7

    assert rendered(f"a{argument}b", inputs) == "a7b"
    assert rendered("{{.input}} {{.outputPrefix}} {inputs.n}", inputs) == "{{.input}} {{.outputPrefix}} {inputs.n}"


def test_an_input_that_is_not_there_is_refused() -> None:
    inputs = literals_pb2.LiteralMap()
    inputs.literals["n"].scalar.primitive.integer = 7

    with pytest.raises(NotRendered, match=r"\{\{\.inputs\.m\}\}: requested input is not found; allowed: n"):
        rendered("{{.inputs.m}}", inputs)


@given(st.integers(-(2**62), 2**62))
def test_a_length_of_time_is_read_as_it_was_written(nanoseconds: int) -> None:
    assert go_values.parse_duration(go_values.duration(nanoseconds)) == nanoseconds


@given(st.floats(allow_nan=False))
def test_a_number_is_read_as_it_was_written(value: float) -> None:
    assert go_values.parse_float(go_values.positional(value)) == value
    assert go_values.parse_float(go_values.shortest(value)) == value
    assert "e" not in go_values.positional(value)
