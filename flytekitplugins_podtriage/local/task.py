"""The task types of ``PodTriage`` as users get them: those of ``flyte``, with local runs in attempts.

In its pod a task with ``task_config=PodTriage()`` runs its body. Outside a backend (``pyflyte run``, a call) it runs in
attempts: in the embedded sandbox with the faults of a plan, or on the cluster of the kubeconfig.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

from flytekit import FlyteContext, PythonFunctionTask
from flytekit.core.promise import async_flyte_entity_call_handler
from flytekit.core.python_function_task import AsyncPythonFunctionTask
from flytekit.core.task import TaskPlugins
from flytekit.models import literals

from flytekitplugins_podtriage.flyte.container_task import PodTriageContainer
from flytekitplugins_podtriage.flyte.task import (
    ConfigurationType,
    PodTriage,
    PodTriageFunctionTask,
    configuration_error,
    one_template,
)
from flytekitplugins_podtriage.local import container_task, kubernetes, task_data
from flytekitplugins_podtriage.local.bodies import Command, Inline, Process
from flytekitplugins_podtriage.local.runner import current_settings, raise_if_failed, run_in_sandbox

__all__ = ["PodTriage", "PodTriageContainerTask", "PodTriageTask"]


DISABLED: Final = "podtriage_disabled"
"""The attribute of a plain task whose configuration is ``PodTriage(enabled=False)``."""


class PodTriageTask(PodTriageFunctionTask):
    """A Python task of the type ``podtriage``; of a disabled configuration flytekit's own plain task is made."""

    def __new__(cls, task_config: PodTriage | None = None, task_function: Any = None, **kwargs: Any) -> Any:
        """Make the task, or a plain one."""
        is_async = inspect.iscoroutinefunction(task_function)
        if task_config is None or task_config.enabled:
            return super().__new__(AsyncPodTriageTask if is_async else cls)
        template = one_template(task_config, kwargs.pop("pod_template", None))
        kind = AsyncPythonFunctionTask if is_async else PythonFunctionTask
        task = kind(None, task_function, pod_template=template, **kwargs)
        setattr(task, DISABLED, True)
        return task

    def run_attempts(self, ctx: FlyteContext, inputs: literals.LiteralMap) -> literals.LiteralMap:
        """Run the task in attempts; return its outputs.

        Raises:
            PodTriageUserError: it failed for good, with a USER failure; an exception of a body that ran in this process
                is raised as it is.
            PodTriageSystemError: it failed for good, with a SYSTEM failure.
        """
        settings = current_settings()
        dynamic = self.execution_mode is not self.ExecutionBehavior.DEFAULT
        if settings.cluster == "kubernetes":
            # A dynamic task's body creates tasks: it runs here, and they run on the cluster.
            return self.run_body(ctx, inputs) if dynamic else kubernetes.run(self, ctx, settings, inputs)
        location = task_data.DataLocation.new(ctx)
        if settings.bodies == "inline" or dynamic:
            inline = Inline(lambda: self.run_body(ctx, inputs))
            raise_if_failed(self, run_in_sandbox(self, ctx, settings, inline.run, inline.read_error), inline)
            outputs = inline.value
        else:
            location.write_inputs(inputs)
            pod = task_data.manifest(self, ctx)
            process = Process(task_data.primary_container(pod), location, task_data.module_root(self))
            run = run_in_sandbox(self, ctx, settings, process.run, location.read_error)
            raise_if_failed(self, run, None)
            outputs = location.read_outputs(run.attempts[-1].number - 1)
        if outputs is None:
            raise task_data.PodTriageUserError(f"task {self.name}: its container succeeded, but wrote no outputs")
        return outputs

    def run_attempts_on_values(self, body: Callable[[], Any]) -> Any:
        """Run one call of a mapped task in attempts; its body runs in this process."""
        settings = current_settings()
        if settings.cluster == "kubernetes":
            raise kubernetes.map_error(self)
        inline = Inline(lambda: self.run_body_on_values(body))
        context = FlyteContext.current_context()
        run = run_in_sandbox(self, context, settings, inline.run, inline.read_error, mapped=True)
        raise_if_failed(self, run, inline)
        return inline.value


class AsyncPodTriageTask(PodTriageTask):
    """The same for an ``async def``: a call of it is awaited."""

    async def __call__(self, *args: object, **kwargs: object) -> Any:
        """Call the task."""
        return await async_flyte_entity_call_handler(self, *args, **kwargs)


class PodTriageContainerTask(PodTriageContainer):
    """A container task of the type ``podtriage``.

    In the sandbox its command runs, on this machine, only with the setting ``run_commands``. Otherwise its container
    exits with 0 or as planned (``body: exit N``), and there are no outputs.
    """

    def run_attempts(self, ctx: FlyteContext, inputs: literals.LiteralMap) -> literals.LiteralMap:
        """Run the task in attempts; return its outputs.

        Raises:
            PodTriageNoOutputs: it succeeded, but declares outputs and its command was not run.
            PodTriageUserError: it failed for good, with a USER failure.
            PodTriageSystemError: it failed for good, with a SYSTEM failure.
        """
        settings = current_settings()
        if settings.cluster == "kubernetes":
            return kubernetes.run(self, ctx, settings, inputs)
        if not settings.run_commands:
            from flytekitplugins_podtriage.sandbox.pod_state import BodyEnd

            run = run_in_sandbox(self, ctx, settings, lambda *_: BodyEnd(0), lambda _: None)
            raise_if_failed(self, run, None)
            if self.marked:
                return literals.LiteralMap({})
            raise container_task.no_outputs(self)
        data = container_task.ContainerData.new(self, ctx, inputs)
        command = Command(task_data.primary_container(task_data.manifest(self, ctx)), data)
        run = run_in_sandbox(self, ctx, settings, command.run, data.read_error)
        raise_if_failed(self, run, None)
        outputs = data.read_outputs(run.attempts[-1].number - 1)
        return literals.LiteralMap({}) if outputs is None else outputs


class _ClassInsteadOfInstance(AsyncPythonFunctionTask[Any]):
    """What ``task_config=PodTriage`` finds: an error, instead of a task that podtriage would silently ignore."""

    def __init__(self, _: object, task_function: Callable[..., Any], **__: Any) -> None:
        raise configuration_error(getattr(task_function, "__qualname__", repr(task_function)))


TaskPlugins.register_pythontask_plugin(PodTriage, PodTriageTask)
TaskPlugins.register_pythontask_plugin(ConfigurationType, _ClassInsteadOfInstance)
