"""Whose fault is it that a Kubernetes pod failed, and which of Flyte's retry budgets should pay?

Everything public is a name of this package. Nothing is imported until it is used: flytekit loads the plugin on
``import flytekit``, and that must neither slow down nor break.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flytekitplugins_podtriage.connector.hook import TriageHook as TriageHook
    from flytekitplugins_podtriage.connector.task_attempt import TaskAttempt as TaskAttempt
    from flytekitplugins_podtriage.core.diagnose import diagnose as diagnose
    from flytekitplugins_podtriage.core.errors import InvalidPod as InvalidPod
    from flytekitplugins_podtriage.core.errors import InvalidRule as InvalidRule
    from flytekitplugins_podtriage.core.errors import InvalidSettings as InvalidSettings
    from flytekitplugins_podtriage.core.forecast import forecast as forecast
    from flytekitplugins_podtriage.core.memory import Memory as Memory
    from flytekitplugins_podtriage.core.memory import remember as remember
    from flytekitplugins_podtriage.core.model import Category as Category
    from flytekitplugins_podtriage.core.model import Charge as Charge
    from flytekitplugins_podtriage.core.model import Diagnosis as Diagnosis
    from flytekitplugins_podtriage.core.model import ErrorKind as ErrorKind
    from flytekitplugins_podtriage.core.model import Evidence as Evidence
    from flytekitplugins_podtriage.core.model import Phase as Phase
    from flytekitplugins_podtriage.core.model import Verdict as Verdict
    from flytekitplugins_podtriage.core.policy import Policy as Policy
    from flytekitplugins_podtriage.core.spending import Budgets as Budgets
    from flytekitplugins_podtriage.core.spending import Spending as Spending
    from flytekitplugins_podtriage.core.spending import spend as spend
    from flytekitplugins_podtriage.core.triage import triage as triage
    from flytekitplugins_podtriage.flyte.settings import Settings as Settings
    from flytekitplugins_podtriage.flyte.settings import read_settings as read_settings
    from flytekitplugins_podtriage.local.container_task import PodTriageNoOutputs as PodTriageNoOutputs
    from flytekitplugins_podtriage.local.task import PodTriage as PodTriage
    from flytekitplugins_podtriage.local.task import PodTriageContainerTask as PodTriageContainerTask
    from flytekitplugins_podtriage.local.task_data import PodTriageSystemError as PodTriageSystemError
    from flytekitplugins_podtriage.local.task_data import PodTriageUserError as PodTriageUserError

_HOMES = {
    "Budgets": "core.spending",
    "Category": "core.model",
    "Charge": "core.model",
    "Diagnosis": "core.model",
    "ErrorKind": "core.model",
    "Evidence": "core.model",
    "InvalidPod": "core.errors",
    "InvalidRule": "core.errors",
    "InvalidSettings": "core.errors",
    "Memory": "core.memory",
    "Phase": "core.model",
    "PodTriage": "local.task",
    "PodTriageContainerTask": "local.task",
    "PodTriageNoOutputs": "local.container_task",
    "PodTriageSystemError": "local.task_data",
    "PodTriageUserError": "local.task_data",
    "Policy": "core.policy",
    "Settings": "flyte.settings",
    "Spending": "core.spending",
    "TaskAttempt": "connector.task_attempt",
    "TriageHook": "connector.hook",
    "Verdict": "core.model",
    "diagnose": "core.diagnose",
    "forecast": "core.forecast",
    "read_settings": "flyte.settings",
    "remember": "core.memory",
    "spend": "core.spending",
    "triage": "core.triage",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605  # the names above, said once


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
