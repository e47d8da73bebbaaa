"""The runs of the tasks that a test calls, and the settings they run under."""

from __future__ import annotations

from pathlib import Path

from flytekitplugins_podtriage.core.task_runs import TaskRun
from flytekitplugins_podtriage.flyte.settings import read_settings

HERE = Path(__file__).parent


class Runs(list[tuple[TaskRun, tuple[TaskRun, ...]]]):
    """The runs in order, each with its runs on the other backends."""

    def __init__(self) -> None:
        super().__init__()
        self.settings = read_settings({"bodies": "inline"}, environ={})

    def plan(self, text: str, **settings: object) -> None:
        self.settings = read_settings({"bodies": "inline", "plan": text, **settings}, environ={})

    def note(self, run: TaskRun, others: tuple[TaskRun, ...]) -> None:
        self.append((run, others))
