"""What has to be known of a task's attempt to answer about its pod."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from flytekitplugins_podtriage.flyte.task import MARKER

_PATIENCE: Final = ("user_patience", "system_patience")


@attrs.frozen(slots=True)
class TaskAttempt:
    """What the hook has to know of the attempt that a pod is for."""

    output_prefix: str
    """Where FlytePropeller looks for outputs and errors. It is unique per attempt; the last segment is its number."""
    outputs: bool = True
    """Whether the task declares outputs: of a task without any, FlytePropeller does not read ``error.pb``."""
    retries: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    """``metadata.retries`` of the task template."""
    marker: bool = False
    """Whether podtriage's marker is the only output, and the program in the pod may not write it: the response then
    holds it. Copilot does not write it, nor does an image without podtriage (the setting ``tasks``)."""
    user_patience: float | None = None
    """The task's own, in seconds; None: the hook's."""
    system_patience: float | None = None
    """The task's own, in seconds; None: the hook's."""

    @classmethod
    def of(cls, template: Any, output_prefix: str) -> TaskAttempt:
        """Read it from a flytekit ``TaskTemplate``, as ``create`` of a connector gets it."""
        declared = set(template.interface.outputs or {}) if template.interface is not None else set()
        retries = template.metadata.retries.retries if template.metadata and template.metadata.retries else 0
        custom: Mapping[str, Any] = template.custom or {}
        patience = {name: _seconds(custom.get(name)) for name in _PATIENCE}
        pod = template.k8s_pod
        copilot = pod is not None and pod.data_config is not None
        return cls(
            output_prefix,
            outputs=bool(declared),
            retries=int(retries),
            marker=declared == {MARKER} and (copilot or custom.get("marker") is True),
            **patience,
        )


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 else None
