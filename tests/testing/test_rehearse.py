"""``rehearse`` as a user calls it in a test of his own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flytekit import ImageSpec, PythonFunctionTask, task
from flytekit.core.context_manager import FlyteContextManager, FlyteEntities
from flytekit.core.python_function_task import AsyncPythonFunctionTask
from flytekit.image_spec.image_spec import ImageBuildEngine

from flytekitplugins_podtriage import ErrorKind
from flytekitplugins_podtriage.local.backends import BACKENDS
from flytekitplugins_podtriage.testing import rehearse
from tests.testing import rehearsed_workflows as flows

LIMITED = ["quay.io: 429 for 4m"]


@pytest.fixture(autouse=True)
def _no_calls() -> Iterator[None]:
    flows.CALLS.clear()
    yield
    flows.CALLS.clear()


def test_a_workflow_without_faults_succeeds_on_every_backend() -> None:
    result = rehearse(flows.wf, {"n": 3})

    assert [one.backend for one in result.results] == ["connector", "flyte-1.16", "flyte-2", "guard"]
    for one in result.results:
        assert (one.succeeded, one.outputs, one.failed_at, one.error, one.charges) == (True, 3, None, None, ())
        assert [run.task.rpartition(".")[2] for run in one.runs] == ["load", "quiet", "step", "step", "step", "dyn"]


def test_plain_tasks_meet_the_faults_of_their_registry_on_each_backend() -> None:
    result = rehearse(flows.wf, faults=LIMITED)

    stock = result.on("flyte-1.16")
    assert (stock.failed_at, stock.charges, stock.wrongly_charged) == ("dyn", (ErrorKind.USER,), 1)
    assert stock.outcome == "fails at dyn: no retries left"
    assert stock.time_lost == timedelta(minutes=3)
    assert "dyn failed after 1 attempt(s)" in (stock.error or "")
    ours = result.on("connector")
    assert (ours.outcome, ours.charges, ours.outputs, ours.time_lost) == ("succeeds", (), 2, timedelta())
    assert [str(verdict.category) for verdict in ours.verdicts] == ["registry_rate_limited"]
    assert result.on("flyte-2").charges == (ErrorKind.SYSTEM,)
    assert result.on("guard").charges == (ErrorKind.SYSTEM,)


def test_a_task_that_a_dynamic_task_creates_is_the_one_that_failed() -> None:
    result = rehearse(flows.wf, faults=["docker.io: not found", "task quiet body: 1s"])

    assert {one.failed_at for one in result.results} == {"quiet"}
    assert rehearse(flows.dyn, {"n": 1}, faults=["docker.io: not found"]).on("guard").failed_at == "step"


def test_a_task_after_the_failure_is_not_reached() -> None:
    stock = rehearse(flows.wf, faults=["ghcr.io: 429 for 4m"], backends=["flyte-1.16"]).on("flyte-1.16")

    assert stock.task("load").succeeded is False
    assert stock.task(f"{flows.__name__}.load") is stock.task("load")
    with pytest.raises(LookupError, match="'dyn' was not reached on flyte-1.16; reached: load"):
        stock.task("dyn")


def test_a_mapped_task_may_lose_as_many_elements_as_its_ratio_allows() -> None:
    result = rehearse(flows.mapped, {"ns": [1, -1, 3]}, backends=["connector"]).on("connector")

    assert (result.outputs, len(result.runs)) == ([2, None, 4], 3)
    assert rehearse(flows.mapped, {"ns": [-1, -1, 3]}).on("flyte-2").failed_at == "step"


def test_an_exception_of_a_body_is_a_result() -> None:
    result = rehearse(flows.step, {"n": -1}, backends=["connector"]).on("connector")

    assert (result.failed_at, result.charges) == ("step", (ErrorKind.USER,))
    assert "-1 is negative" in (result.error or "")


def test_a_recoverable_exception_is_retried_for_the_user() -> None:
    result = rehearse(flows.flaky, {"n": 1}, backends=["connector"]).on("connector")

    assert (result.outputs, result.charges, flows.CALLS) == (1, (ErrorKind.USER,), ["flaky", "flaky"])


def test_asynchronous_functions_and_eager_ones_run_in_attempts() -> None:
    result = rehearse(flows.orchestrate, {"n": 1}, faults=["docker.io: 429 for 4m"])

    assert result.on("connector").outputs == 111
    assert [run.task.rpartition(".")[2] for run in result.on("connector").runs] == ["awaited", "plain_awaited", "load"]
    assert result.on("flyte-1.16").failed_at == "awaited"
    assert rehearse(flows.with_async_node, {"n": 1}, backends=["guard"]).on("guard").outputs == 11


def test_the_image_of_an_image_spec_is_named_and_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    # flytekit builds the images of all tasks that it knows of when it serializes any dynamic task.
    monkeypatch.setattr(FlyteEntities, "entities", [*FlyteEntities.entities])
    monkeypatch.setattr(ImageBuildEngine, "build", lambda *_: pytest.fail("it was built"))

    @task(container_image=ImageSpec(name="specified", registry="docker.io/acme", packages=["pandas"]))
    def specified(n: int) -> int:
        return n

    assert rehearse(specified, {"n": 1}, faults=["docker.io: 429 for 4m"]).on("flyte-1.16").failed_at == "specified"


def test_a_task_that_asks_not_to_be_has_no_attempts() -> None:
    assert type(flows.left_alone) is PythonFunctionTask

    result = rehearse(flows.left_alone, {"n": 1}, faults=["docker.io: not found"], backends=["connector"])

    assert (result.on("connector").outputs, result.on("connector").runs) == (1, ())


def test_only_marked_tasks_run_in_attempts_where_that_is_asked_for() -> None:
    result = rehearse(flows.orchestrate, {"n": 1}, every_task=False, backends=["connector"])

    assert [run.task.rpartition(".")[2] for run in result.on("connector").runs] == ["awaited"]


def test_bodies_run_once_for_each_backend_that_reaches_them_and_the_cache_is_not_asked() -> None:
    rehearse(flows.cached, {"n": 1}, faults=["docker.io: not found for 10s"])
    rehearse(flows.cached, {"n": 1}, backends=["guard"])

    assert len(flows.CALLS) == 5


def state() -> Any:
    return (
        [(type(entity), {**vars(entity)}) for entity in FlyteEntities.entities],
        dict(os.environ),
        FlyteContextManager.size(),
    )


def test_no_state_is_left_and_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    flows.wf(n=0)  # flytekit compiles a workflow, and keeps that, when it is first called
    flows.dyn(n=0)
    flows.CALLS.clear()
    before = state()

    rehearse(flows.wf, faults=LIMITED)
    rehearse(flows.quiet, {"n": 1}, faults=["docker.io: not found"])

    assert state() == before
    assert type(flows.load) is PythonFunctionTask
    assert type(flows.plain_awaited) is AsyncPythonFunctionTask
    assert capfd.readouterr() == ("", "")


def test_the_settings_of_the_machine_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_PODTRIAGE_MAX_SYSTEM_FAILURES", "none")

    charges = rehearse(flows.load, {"n": 1}, faults=["ghcr.io: 429"], max_system_failures=1).on("connector").charges

    assert charges == (ErrorKind.SYSTEM,) * 2


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"faults": ["docker.io: 42"]}, ValueError, "line 1: 'docker.io: 42'"),
        ({"backends": ["flyte"]}, ValueError, "no backend 'flyte'; allowed: flyte-1.16"),
        ({"backends": []}, ValueError, "no backend"),
        ({"retries": 2}, TypeError, "retries"),
        ({"max_system_failures": -1}, ValueError, "invalid number"),
        ({"inputs": {"n": "x"}}, Exception, "Expected value of type"),
        ({"inputs": {"m": 1}}, Exception, "unexpected keyword argument 'm'"),
    ],
)
def test_what_cannot_be_rehearsed_is_an_error(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        rehearse(flows.load, **{"inputs": {"n": 1}, **arguments})
    assert type(flows.load) is PythonFunctionTask


def test_a_function_that_is_no_workflow_is_an_error() -> None:
    with pytest.raises(TypeError, match="cannot rehearse .*; allowed: a workflow, task or launch plan"):
        rehearse(lambda: None)


def test_a_backend_that_was_not_asked_for_is_an_error() -> None:
    with pytest.raises(LookupError, match="no rehearsal on 'flyte-2'; allowed: connector"):
        rehearse(flows.load, {"n": 1}, backends=["connector"]).on("flyte-2")


def test_the_result_is_a_line_for_each_backend_and_a_page_in_a_notebook() -> None:
    result = rehearse(flows.wf, faults=LIMITED)

    assert str(result).splitlines()[1] == (
        "flyte-1.16: fails at dyn: no retries left; 3 attempts, 1 charged (1 wrongly), 3m lost"
    )
    page = result._repr_html_()
    assert page.startswith("<iframe")
    assert "registry_rate_limited" in page
    assert "stock Flyte 1.16" in page


def test_every_backend_can_be_asked_for() -> None:
    assert {one.backend for one in rehearse(flows.load, {"n": 1}, backends=BACKENDS).results} == set(BACKENDS)
