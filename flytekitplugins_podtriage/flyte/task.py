"""The task type ``podtriage``: Python functions that run in a pod which the connector creates and watches.

A task serializes as ``k8s_pod``, so that the backend adds its defaults, tolerations, overrides and environment to the
pod spec before the connector gets it (flytepropeller 1.16, webapi/connector/plugin.go).
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import attrs
from flytekit import FlyteContext, PodTemplate, PythonFunctionTask
from flytekit.configuration import SerializationSettings
from flytekit.core.promise import VoidPromise, flyte_entity_call_handler
from flytekit.core.python_function_task import AsyncPythonFunctionTask
from flytekit.exceptions.user import FlyteValidationException
from flytekit.models import dynamic_job, interface, literals, types
from flytekit.models.task import K8sPod

from flytekitplugins_podtriage.core.policy import Policy

TASK_TYPE: Final = "podtriage"
MARKER: Final = "podtriage_done"
"""The output of a task that declares none. A stock backend reads ``error.pb`` of a connector's task only if it has
outputs, and takes a failed task without any for a success. No workflow can bind to the marker."""

_bodies = threading.local()
"""The task whose body this thread is about to run; not on the task itself, which flytekit may pickle."""
_BOOLEAN = types.LiteralType(simple=types.SimpleType.BOOLEAN)
_TRUE = literals.Literal(scalar=literals.Scalar(primitive=literals.Primitive(boolean=True)))


def marker_outputs() -> literals.LiteralMap:
    """Return the outputs of a task that has only the marker and has succeeded."""
    return literals.LiteralMap({MARKER: _TRUE})


def _is_policy(_: PodTriage, __: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    if not isinstance(value, Policy) or value.dialect is not None:
        raise ValueError(f"PodTriage(policy=...): invalid value {value!r}; allowed: a Policy of podtriage's own, None")


def _is_template(_: PodTriage, __: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, PodTemplate):
        raise ValueError(
            f"PodTriage(pod_template=...): invalid type {type(value).__name__}; allowed: a flytekit PodTemplate, None"
        )


def _is_enabled(_: PodTriage, __: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"PodTriage(enabled=...): invalid value {value!r}; allowed: True, False")


class ConfigurationType(type):
    """The type of the class ``PodTriage``, by which flytekit finds out that the class was given for an instance."""


@attrs.frozen(slots=True)
class PodTriage(metaclass=ConfigurationType):
    """The configuration of a task that podtriage runs and judges: ``@task(task_config=PodTriage())``.

    It works with ``@task`` and ``@dynamic``, on plain functions and on ``async def``. All other arguments of the
    decorator (``retries``, ``container_image``, ``requests``, ``cache``, ...) keep their meaning.

    Args:
        pod_template: the template of the task's pods, the same as ``@task(pod_template=...)``; it may be given in one
            of the two. None: a pod with one container, named ``primary``.
        policy: how long a pod of this task that cannot start is held, ``Policy(user_patience="10m")``: durations, or
            numbers of seconds; it cannot have rules. None: as the connector's settings say.
        enabled: False leaves the task to stock Flyte, as if it had no ``task_config``, also where the setting ``tasks``
            is ``all``. Its pod template is kept.

    Raises:
        ValueError: an argument has a wrong type.
    """

    pod_template: PodTemplate | None = attrs.field(default=None, validator=_is_template)
    policy: Policy | None = attrs.field(default=None, validator=_is_policy)
    enabled: bool = attrs.field(default=True, validator=_is_enabled)


def configuration_error(task: str) -> FlyteValidationException:
    """Return the error for the class ``PodTriage`` as a task's configuration."""
    return FlyteValidationException(
        f"task {task}: task_config=PodTriage is the class; allowed: an instance, task_config=PodTriage()"
    )


def one_template(config: PodTriage, given: PodTemplate | None) -> PodTemplate | None:
    """Return a task's pod template, which may be given in either of two ways.

    Raises:
        FlyteValidationException: it is given in both.
    """
    if given is not None and config.pod_template is not None and given is not config.pod_template:
        raise FlyteValidationException(
            "pod_template is given twice; allowed: pod_template=... of the task, or PodTriage(pod_template=...)"
        )
    return given or config.pod_template


class PodTriageTaskMixin:
    """What function tasks and container tasks of the type ``podtriage`` have in common."""

    name: str
    task_config: PodTriage
    interface: interface.TypedInterface
    marked: bool
    """Whether the only output is the marker."""

    def _declare_marker(self) -> None:
        """Declare the marker if the task has no outputs.

        Raises:
            FlyteValidationException: the task declares an output with the marker's name.
        """
        inputs, outputs = self.interface.inputs, self.interface.outputs
        if MARKER in outputs:
            raise FlyteValidationException(
                f"task {self.name}: the output name {MARKER!r} is reserved; allowed: any other name"
            )
        self.marked = not outputs
        if self.marked:
            marker = interface.Variable(_BOOLEAN, "true when the task has succeeded")
            self._interface = interface.TypedInterface(inputs, {MARKER: marker})

    def get_custom(self, settings: SerializationSettings) -> dict[str, Any]:
        """Return the task's own policy for the connector.

        Raises:
            FlyteValidationException: the policy has rules.
        """
        policy = self.task_config.policy
        if policy is None:
            return {}
        if policy.rules is not None:
            raise FlyteValidationException(
                f"task {self.name}: a task's policy cannot have rules; allowed: the setting `rules` of the connector"
            )
        return {"user_patience": policy.user_patience, "system_patience": policy.system_patience}

    def local_execute(self, ctx: FlyteContext, **kwargs: Any) -> Any:
        """Run the task outside a backend; callers do not get the marker."""
        outputs = super().local_execute(ctx, **kwargs)  # type: ignore[misc]
        return VoidPromise(self.name) if self.marked else outputs

    def run_attempts(self, ctx: FlyteContext, inputs: literals.LiteralMap) -> literals.LiteralMap:
        """Run the attempts of the task; return its outputs.

        Raises:
            FlyteException: it failed for good.
        """
        raise NotImplementedError


class PodTriageFunctionTask(PodTriageTaskMixin, AsyncPythonFunctionTask[PodTriage]):
    """A Python function task of the type ``podtriage``, of a plain function or an ``async def``.

    In its pod it runs its body. Locally it runs in attempts, as on a backend; subclasses implement how. flytekit finds
    a task's class by its configuration alone, and takes for an ``async def`` only subclasses of its asynchronous task.
    """

    def __init__(self, task_config: PodTriage | None, task_function: Callable[..., Any], **kwargs: Any) -> None:
        config = task_config or PodTriage()
        super().__init__(
            config,
            task_function,
            task_type=TASK_TYPE,
            pod_template=one_template(config, kwargs.pop("pod_template", None)) or PodTemplate(),
            **kwargs,
        )
        self._declare_marker()

    def __call__(self, *args: object, **kwargs: object) -> Any:
        """Call the task; an ``async def`` needs a subclass whose ``__call__`` is one (flytekit's create_node asks)."""
        return flyte_entity_call_handler(self, *args, **kwargs)

    @property
    def _is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.task_function)

    def get_k8s_pod(self, settings: SerializationSettings) -> K8sPod:
        """Return the pod's definition.

        Raises:
            FlyteValidationException: the task is mapped. Flyte 1.16 cannot run connector tasks in an array node: the
                whole execution would end after some rounds without a call of the connector.
        """
        owner = getattr(self._get_command_fn, "__self__", None)
        if owner is not None and owner is not self:
            raise FlyteValidationException(
                f"task {self.name}: Flyte 1.16 cannot run a connector's task in map_task; allowed: map a task without "
                "PodTriage (podtriage's guard watches its pods), or run it locally"
            )
        return super().get_k8s_pod(settings)

    def dispatch_execute(self, ctx: FlyteContext, input_literal_map: literals.LiteralMap) -> Any:
        """Run the task on literals: in a pod its body, locally in attempts."""
        if self._is_local(ctx):
            return self.run_attempts(ctx, input_literal_map)
        return super().dispatch_execute(ctx, input_literal_map)

    def execute(self, **kwargs: Any) -> Any:
        """Run the task on Python values: in a pod its body, locally (as part of a mapped task) in attempts."""
        kind = AsyncPythonFunctionTask if self._is_async else PythonFunctionTask
        run = partial(kind.execute, self, **kwargs)
        if self._is_local(FlyteContext.current_context()):
            return self.run_attempts_on_values(run)
        _bodies.task = None  # tasks that the body calls run in attempts again
        return run()

    def run_attempts_on_values(self, body: Callable[[], Any]) -> Any:
        """Do the same for a call on Python values, whose body runs in this process."""
        raise NotImplementedError

    def run_body(self, ctx: FlyteContext, inputs: literals.LiteralMap) -> literals.LiteralMap:
        """Run the body itself in this process, not in attempts again; return its outputs."""
        outputs: literals.LiteralMap = self.run_body_on_values(partial(super().dispatch_execute, ctx, inputs))
        return outputs

    def run_body_on_values(self, run: Callable[[], Any]) -> Any:
        """Run the body itself in this process on Python values."""
        _bodies.task = self
        try:
            return run()
        finally:
            _bodies.task = None

    def _is_local(self, ctx: FlyteContext) -> bool:
        state = ctx.execution_state
        return state is not None and state.is_local_execution() and getattr(_bodies, "task", None) is not self

    async def _output_to_literal_map(self, native_outputs: Any, ctx: FlyteContext) -> Any:
        if self.marked:
            return marker_outputs(), {}
        return await super()._output_to_literal_map(native_outputs, ctx)

    def compile_into_workflow(self, ctx: FlyteContext, task_function: Callable[..., Any], **kwargs: Any) -> Any:
        """Compile the body of a dynamic task; without outputs it binds the marker."""
        compiled = super().compile_into_workflow(ctx, task_function, **kwargs)
        if not self.marked:
            return compiled
        if isinstance(compiled, dynamic_job.DynamicJobSpec):
            compiled.outputs.append(literals.Binding(MARKER, literals.BindingData(scalar=_TRUE.scalar)))
            return compiled
        return marker_outputs()
