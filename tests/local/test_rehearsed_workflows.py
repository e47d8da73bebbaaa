"""What a rehearsal says of a workflow of many tasks: where each backend fails, what it costs, and in how few lines."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from flytekitplugins_podtriage.report.console.runs import RunsView
from flytekitplugins_podtriage.report.html.runs import page
from flytekitplugins_podtriage.report.workflow_answer import answer, cause, notes
from flytekitplugins_podtriage.report.workflow_summary import BackendSummary, Result, WorkflowSummary
from tests.local.watched_runs import HERE, Runs
from tests.report.rendering import Page, shown

LIMIT = "429 for 20m"


@pytest.fixture
def rehearsed(monkeypatch: pytest.MonkeyPatch, runs: Runs) -> Callable[..., WorkflowSummary]:
    """Run a workflow under a plan, and summarize it."""
    monkeypatch.syspath_prepend(str(HERE))
    module = importlib.import_module("rehearsed_workflows")

    def rehearsed(workflow: str, plan: str, run_on: str = "connector") -> WorkflowSummary:
        runs.plan(plan, run_on=run_on)
        error = None
        try:
            getattr(module, workflow)()
        except Exception as raised:  # noqa: BLE001  # the workflow's failure is what is summarized
            error = str(raised)
        return WorkflowSummary.of(runs, error)

    return rehearsed


def on(summary: WorkflowSummary, backend: str) -> BackendSummary:
    found = summary.on(backend)
    assert found is not None
    return found


def ends(summary: WorkflowSummary) -> dict[str, str]:
    return {backend.backend: backend.ended for backend in summary.backends}


def test_the_answer_names_the_task_at_which_stock_flyte_fails(rehearsed: Callable[..., Any]) -> None:
    summary = rehearsed("twelve", f"task train docker.io: {LIMIT}")

    assert answer(summary) == (
        "On stock Flyte 1.16 this workflow fails at train; with podtriage's connector it succeeds, delayed by 20m 37s."
    )
    assert cause(summary) == (
        "docker.io limits how often this node may pull (HTTP 429): a failure of the platform. "
        "Stock Flyte 1.16 wrongly charges it to user retries, podtriage's connector to nobody."
    )


def test_after_its_first_failure_a_backend_reaches_nothing(rehearsed: Callable[..., Any]) -> None:
    stock = on(rehearsed("twelve", f"task train docker.io: {LIMIT}"), "flyte-1.16")

    assert [call.label for call in stock.reached] == [*(f"step #{number}" for number in range(1, 7)), "train"]
    assert [call.label for call in stock.not_reached] == [f"step #{number}" for number in range(7, 12)]
    assert (stock.attempts, stock.wrongly_charged) == (6 + 2, 2)


@pytest.mark.parametrize(("workflow", "lines"), [("twelve", 30), ("mapped", 25)])
@pytest.mark.parametrize("plan", [f"docker.io: {LIMIT}", "docker.io: not found", "docker.io: 429", "pod: preempted"])
def test_a_fault_takes_few_lines(
    rehearsed: Callable[..., Any], runs: Runs, workflow: str, lines: int, plan: str
) -> None:
    task = "train" if workflow == "twelve" else "fetch"
    summary = rehearsed(workflow, f"task {task} {plan}; task {task} body: 10m")

    text = shown(RunsView(runs, summary.error), width=100).splitlines()
    assert len(text) <= lines, "\n".join(text)
    assert max(map(len, text)) <= 100


def test_elements_that_went_alike_are_shown_once(rehearsed: Callable[..., Any], runs: Runs) -> None:
    summary = rehearsed("mapped", f"task fetch docker.io: {LIMIT}")

    assert ends(summary)["flyte-1.16"] == "fails at fetch[0]"
    assert len(on(summary, "flyte-1.16").not_reached) == 20
    assert [len(calls) for calls in summary.troubled] == [20]
    text = shown(RunsView(runs))
    assert "fetch: all 20 elements alike" in text
    assert "Without trouble: total." in text


@pytest.mark.parametrize("plan", [f"docker.io: {LIMIT}", "docker.io: not found for 1m", "pod: preempted x1"])
def test_different_tasks_that_went_alike_are_shown_once(rehearsed: Callable[..., Any], runs: Runs, plan: str) -> None:
    summary = rehearsed("five", plan)

    text = shown(RunsView(runs, summary.error), width=100).splitlines()
    assert len(text) <= 30, "\n".join(text)
    assert [len(calls) for calls in summary.troubled] == [4, 1], "the last has other retries"
    assert any(line.startswith("first, second, third and 1 more task alike  on podtriage's") for line in text)
    html = page(runs, summary.error)
    apart = "fails at first" in " ".join(text)  # on stock Flyte 1.16, which then does not reach the others
    assert ("second, third, fourth: all alike" if apart else "first, second, third and 1 more task alike") in html


def test_elements_wait_side_by_side(rehearsed: Callable[..., Any]) -> None:
    summary = rehearsed("mapped", f"task fetch docker.io: {LIMIT}")

    waited = [call.run.delay for call in summary.calls]
    assert on(summary, "connector").time_lost == max(waited) < sum(waited, timedelta()) / 19


def test_one_element_in_trouble_is_named(rehearsed: Callable[..., Any], runs: Runs) -> None:
    summary = rehearsed("mapped_with_an_odd_one", "body: 1s")

    assert ends(summary) == dict.fromkeys(["flyte-1.16", "flyte-2", "connector", "guard"], "succeeds")
    text = shown(RunsView(runs))
    assert "moody[7] of 20 elements" in text
    assert "Without trouble: moody (19x)." in text


def test_a_dynamic_task_comes_before_the_tasks_that_it_makes(rehearsed: Callable[..., Any]) -> None:
    summary = rehearsed("with_dynamic", f"task dyn docker.io: {LIMIT}")

    assert [call.label for call in summary.all_calls] == ["step #1", "dyn", "step #2", "step #3", "step #4"]
    assert ends(summary)["flyte-1.16"] == "fails at dyn"
    assert [call.label for call in on(summary, "flyte-1.16").not_reached] == ["step #2", "step #3", "step #4"]


def test_a_dynamic_task_fails_with_the_task_that_it_makes(rehearsed: Callable[..., Any]) -> None:
    summary = rehearsed("with_dynamic_of_train", f"task train docker.io: {LIMIT}")

    assert ends(summary) == {
        "flyte-1.16": "fails at train",
        "flyte-2": "succeeds",
        "connector": "succeeds",
        "guard": "fails at train",
    }


@pytest.mark.parametrize("workflow", ["twelve", "with_dynamic_of_train"])
def test_nothing_is_claimed_of_tasks_that_were_not_run(rehearsed: Callable[..., Any], workflow: str) -> None:
    summary = rehearsed(workflow, f"task train docker.io: {LIMIT}", run_on="flyte-1.16")

    # The dynamic task is retried, so that its body calls the task a second time.
    label = "train" if workflow == "twelve" else "train #2"
    assert (on(summary, "flyte-1.16").ended, on(summary, "connector").result) == (f"fails at {label}", Result.UNKNOWN)
    assert answer(summary) == (
        f"On stock Flyte 1.16 this workflow fails at {label}; with podtriage's connector it gets past {label}; what follows was "
        "not run."
    )


def test_failures_that_a_map_tolerates_do_not_fail_it(rehearsed: Callable[..., Any]) -> None:
    assert set(ends(rehearsed("mapped_with_ratio", "body: 1s")).values()) == {"succeeds"}


def test_a_failure_outside_of_these_tasks_is_no_tasks(rehearsed: Callable[..., Any]) -> None:
    assert set(ends(rehearsed("with_plain", "body: 1s")).values()) == {"fails"}


def test_user_retries_spent_for_the_platform_are_not_wrong_charges(rehearsed: Callable[..., Any], runs: Runs) -> None:
    plan = "; ".join(f"task train attempt {number} pod: preempted at 1m" for number in (1, 2, 3))
    summary = rehearsed("twelve", f"task train body: 10m; {plan}")
    own = on(summary, "connector")

    assert (own.result, own.wrongly_charged, own.paid_for_platform) == (Result.SUCCEEDS, 0, 1)
    assert notes(summary) == (
        "podtriage's connector spent 1 user retry instead of system retries, so that the task goes on.",
    )
    assert "user, instead" in shown(RunsView(runs))


def test_without_trouble_the_answer_is_all(rehearsed: Callable[..., Any], runs: Runs) -> None:
    summary = rehearsed("twelve", "body: 1s")

    assert shown(RunsView(runs)).strip() == "No task met trouble: this workflow succeeds on every backend."
    assert summary.troubled == ()


def test_the_page_draws_the_attempts_and_what_was_not_reached(rehearsed: Callable[..., Any], runs: Runs) -> None:
    rehearsed("two_limited", f"docker.io: {LIMIT}")

    drawn = Page(page(runs))
    assert drawn.tags.count("i") > 8
    assert "stock Flyte 1.16 not reached" in drawn.text
    assert "failed, wrongly charged to user retries" in drawn.text
