"""Container tasks of the type ``podtriage``: any image and command, with inputs and outputs by Flyte's copilot.

They serialize as ``k8s_pod`` with a ``data_config``: FlytePropeller adds copilot's containers to the pod spec before it
hands that to the connector (flytepropeller 1.16, webapi/connector/plugin.go ``Create``; flytek8s/pod_helper.go
``ApplyFlytePodConfiguration``).

A task without outputs declares the marker like any other, or a stock backend would take its failures for successes. No
program in its pod writes the marker: once the pod has succeeded the connector returns it (``TaskAttempt.marker``).
Copilot does not find it and says so in ``errors.pb``, which FlytePropeller does not read: it reads ``error.pb``
(flytecopilot/cmd/root.go; ioutils/paths.go).
"""

from __future__ import annotations

from typing import Any

from flytekit import ContainerTask, FlyteContext, PodTemplate
from flytekit.exceptions.user import FlyteValidationException
from flytekit.models import literals
from flytekit.models.task import DataLoadingConfig

from flytekitplugins_podtriage.flyte.task import (
    TASK_TYPE,
    PodTriage,
    PodTriageTaskMixin,
    configuration_error,
    marker_outputs,
    one_template,
)


class PodTriageContainer(PodTriageTaskMixin, ContainerTask):
    """flytekit's ``ContainerTask``, with its arguments, as a task of the type ``podtriage``.

    Args:
        task_config: as of any PodTriage task.
        pod_template: the same as ``PodTriage(pod_template=...)``.

    Raises:
        FlyteValidationException: the pod template is given twice, or an output has the marker's name.
    """

    def __init__(
        self,
        *arguments: Any,
        task_config: PodTriage | None = None,
        pod_template: PodTemplate | None = None,
        **options: Any,
    ) -> None:
        if isinstance(task_config, type):
            raise configuration_error(str(options.get("name", arguments[0] if arguments else "")))
        config = task_config or PodTriage()
        template = one_template(config, pod_template) or PodTemplate()
        super().__init__(*arguments, pod_template=template, **options)
        # ContainerTask sets type and configuration itself, and takes no arguments for them.
        self._task_type = TASK_TYPE
        self._task_config = config
        self._declare_marker()

    @property
    def folders(self) -> tuple[str, str]:
        """The container's directories of inputs and outputs; the defaults are FlytePropeller's."""
        # flytek8s/config/config.go, DefaultInputDataPath and DefaultOutputPath
        return self._input_data_dir or "/var/flyte/inputs", self._output_data_dir or "/var/flyte/outputs"

    @property
    def metadata_format(self) -> ContainerTask.MetadataFormat:
        """The format of the file that has all inputs, beside one file for each."""
        return self._md_format

    def dispatch_execute(self, ctx: FlyteContext, input_literal_map: literals.LiteralMap) -> literals.LiteralMap:
        """Run the task on literals, in attempts; never called in a pod, which has no flytekit."""
        outputs = self.run_attempts(ctx, input_literal_map)
        return marker_outputs() if self.marked else outputs

    def execute(self, **_: Any) -> Any:
        """Refuse: only a container can run this task's command."""
        raise FlyteValidationException(f"task {self.name}: only its container can run it; allowed: call the task")

    def _get_data_loading_config(self) -> DataLoadingConfig:
        if self.interface.inputs or not self.marked:
            return super()._get_data_loading_config()
        # Without inputs and outputs there is no need of copilot, whose uploader would wait for the marker.
        return DataLoadingConfig(self._input_data_dir, self._output_data_dir, False, self._md_format.value)
