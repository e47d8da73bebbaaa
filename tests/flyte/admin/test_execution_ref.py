"""Reading the name of an execution."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.attempt_history import ExecutionRef
from flytekitplugins_podtriage.flyte.admin.errors import InvalidExecution
from flytekitplugins_podtriage.flyte.admin.execution_ref import Reference, parse_execution

F1 = ExecutionRef("flytesnacks", "development", "f1a2")
CONSOLE = "https://flyte.example/console/projects/flytesnacks/domains/development/executions/f1a2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flytesnacks/development/f1a2", Reference(F1)),
        ("  flytesnacks/development/f1a2\n", Reference(F1)),
        (CONSOLE, Reference(F1)),
        (f"{CONSOLE}/nodes", Reference(F1)),
        (f"{CONSOLE}?duration=all#x", Reference(F1)),
        ("http://localhost:30080/console/projects/flytesnacks/domains/development/executions/f1a2", Reference(F1)),
        ("https://flyte.example/org/o/projects/flytesnacks/domains/development/executions/f1a2", Reference(F1)),
        (
            "https://flyte.example/console/projects/domains/domains/project/executions/f1",
            Reference(ExecutionRef("domains", "project", "f1")),
        ),
        ("flyte://v1/flytesnacks/development/f1a2", Reference(F1)),
        ("flyte://v1/flytesnacks/development/f1a2/n0/o", Reference(F1, "n0")),
        ("flyte://v1/flytesnacks/development/f1a2/n0-0-dn1/2/i", Reference(F1, "n0-0-dn1", 2)),
        ("flyte://v1/flytesnacks/development/f1a2/n0/2/o/o0", Reference(F1, "n0", 2)),
    ],
)
def test_every_form_names_the_execution(text: str, expected: Reference) -> None:
    assert expected == parse_execution(text)


def test_a_bare_name_with_project_and_domain() -> None:
    assert Reference(F1) == parse_execution("f1a2", "flytesnacks", "development")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a/b",
        "a/b/c/d",
        "a//c",
        "f1+eq(phase,FAILED)",
        "x" * 300,
        "https://flyte.example/console/projects/flytesnacks/domains/development/workflows/wf",
        "https://flyte.example/",
        "https://[flyte.example/console/projects/p/domains/d/executions/e",
        "https://flyte.example/console/projects/p%2Fq/domains/d/executions/e",
        "flyte://v2/flytesnacks/development/f1a2",
        "flyte://v1/flytesnacks",
        "flyte://v1/flytesnacks/development/f1a2/n 0/o",
        "f1\x1b[31m",
    ],
)
def test_anything_else_is_refused_in_one_line_with_the_forms(text: str) -> None:
    with pytest.raises(InvalidExecution, match="allowed: ") as refused:
        parse_execution(text, "p", "d")
    assert "\n" not in str(refused.value)
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(("project", "domain", "missing"), [(None, "d", "project"), ("p", None, "domain")])
def test_a_bare_name_without_project_or_domain_is_refused(
    project: str | None, domain: str | None, missing: str
) -> None:
    with pytest.raises(InvalidExecution, match=f"--{missing}"):
        parse_execution("f1a2", project, domain)


def test_a_run_of_flyte_2_is_refused_as_such() -> None:
    with pytest.raises(InvalidExecution, match="Flyte 2"):
        parse_execution("https://flyte.example/v2/runs/project/flytesnacks/domain/development/r1")
