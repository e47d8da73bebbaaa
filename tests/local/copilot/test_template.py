"""Inputs in a command: compared with what FlytePropeller's own code made of the same values."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl.core import literals_pb2
from google.protobuf import json_format

from flytekitplugins_podtriage.local.copilot.template import NotRendered, rendered
from tests.recordings import rows

INPUTS = rows("copilot_inputs.jsonl")


@pytest.mark.parametrize("number", range(len(INPUTS)))
def test_inputs_are_put_into_a_command_as_propeller_puts_them(number: int) -> None:
    row = INPUTS[number]
    inputs: Any = json_format.ParseDict(row["inputs"], literals_pb2.LiteralMap())
    for name, expected in row["rendered"].items():
        argument = f"<{{{{ .inputs.{name} }}}}>"
        if expected is None:
            with pytest.raises(NotRendered, match="propeller puts no .* into a command; allowed"):
                rendered(argument, inputs)
        else:
            # protobuf's own text form has one space or two, by the build (google.golang.org/protobuf, detrand).
            assert rendered(argument, inputs) == f"<{' '.join(expected.split()) if 'seconds:' in expected else expected}>"  # fmt: skip


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
