"""``PodTriage`` as users get it: flyte's task types, whose local runs go through attempts.

``@task(task_config=PodTriage())`` runs anywhere: in its pod it is its body; outside a backend (``pyflyte run``, a call)
it goes through attempts, in the embedded sandbox under the faults of a plan, or in the Kubernetes of the kubeconfig.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flytekit import FlyteContext
from flytekit.core.task import TaskPlugins
from flytekit.models import literals

from flytekitplugins_podtriage.flyte.container_task import PodTriageContainer
from flytekitplugins_podtriage.flyte.task import PodTriage, PodTriageFunctionTask
from flytekitplugins_podtriage.local import container_task, kubernetes, task_data
from flytekitplugins_podtriage.local.bodies import Command, Inline, Process
from flytekitplugins_podtriage.local.runner import finish, go, settings_in_force

__all__ = ["PodTriage", "PodTriageContainerTask", "PodTriageTask"]


class PodTriageTask(PodTriageFunctionTask):
    """A task of the type ``podtriage`` that runs locally in the sandbox."""

    def run_attempts(self, ctx: FlyteContext, inputs: literals.LiteralMap) -> literals.LiteralMap:
        """Take the task through its attempts; return its outputs.

        Raises:
            PodTriageUserError: it failed for good, by the task's own doing; an exception of a body that ran in this
                process is raised as it is.
            PodTriageSystemError: it failed for good, by the platform's doing.
        """
        settings = settings_in_force()
        dynamic = self.execution_mode is not self.ExecutionBehavior.DEFAULT
        if settings.cluster == "kubernetes":
            # A dynamic task's body makes tasks of its own: it runs here, and they in the cluster.
            return self.run_body(ctx, inputs) if dynamic else kubernetes.outputs(self, ctx, settings, inputs)
        place = task_data.Place.new(ctx)
        if settings.bodies == "inline" or dynamic:
            inline = Inline(lambda: self.run_body(ctx, inputs))
            finish(self, go(self, ctx, settings, inline.run, inline.failure), inline)
            found = inline.value
        else:
            place.put_inputs(inputs)
            pod = task_data.manifest(self, ctx)
            process = Process(task_data.primary_container(pod), place, task_data.module_root(self))
            run = go(self, ctx, settings, process.run, place.failure)
            finish(self, run, None)
            found = place.outputs(run.attempts[-1].number - 1)
        if found is None:
            raise task_data.PodTriageUserError(f"task {self.name}: its container ended well, but left no outputs")
        return found

    def run_attempts_on_values(self, body: Callable[[], Any]) -> Any:
        """Do the same for one call of a mapped task, whose body runs in this process."""
        settings = settings_in_force()
        if settings.cluster == "kubernetes":
            raise kubernetes.not_mapped(self)
        inline = Inline(lambda: self.run_body_on_values(body))
        run = go(self, FlyteContext.current_context(), settings, inline.run, inline.failure)
        finish(self, run, inline)
        return inline.value


class PodTriageContainerTask(PodTriageContainer):
    """A container task of the type ``podtriage``; it runs locally in the sandbox.

    Its command is run on this machine only where the setting ``run_commands`` says so. Otherwise the plan tells how its
    container ends (0, unless it says ``body: exit N`` or the like), and nobody makes its outputs.
    """

    def run_attempts(self, ctx: FlyteContext, inputs: literals.LiteralMap) -> literals.LiteralMap:
        """Take the task through its attempts; return its outputs.

        Raises:
            PodTriageNoOutputs: it ended well, but its command was not run, and it declares outputs.
            PodTriageUserError: it failed for good, by the task's own doing.
            PodTriageSystemError: it failed for good, by the platform's doing.
        """
        settings = settings_in_force()
        if settings.cluster == "kubernetes":
            return kubernetes.outputs(self, ctx, settings, inputs)
        if not settings.run_commands:
            from flytekitplugins_podtriage.sandbox.pod_state import BodyEnd

            finish(self, go(self, ctx, settings, lambda *_: BodyEnd(0), lambda _: None), None)
            if self.marked:
                return literals.LiteralMap({})
            raise container_task.no_outputs(self)
        place = container_task.ContainerPlace.new(self, ctx, inputs)
        command = Command(task_data.primary_container(task_data.manifest(self, ctx)), place)
        run = go(self, ctx, settings, command.run, place.failure)
        finish(self, run, None)
        found = place.outputs(run.attempts[-1].number - 1)
        return found if found is not None else literals.LiteralMap({})  # a task without outputs leaves none


TaskPlugins.register_pythontask_plugin(PodTriage, PodTriageTask)
