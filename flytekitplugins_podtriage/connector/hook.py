"""``TriageHook``: with it any connector or backend adapter gets podtriage's treatment for a pod that it made.

A pod (and its events) goes in, a flytekit ``Resource`` comes out: the phase to answer with, a message that a person can
act on, links, and the verdict as custom info. When the attempt is over the hook has also chosen the budget, by what the
attempts before it left beside their output prefixes, and written ``error.pb`` where a stock backend looks for it.
``docs/hook.md`` has a whole connector built on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, Final

import attrs
from flytekit.extend.backend.base_connector import Resource

from flytekitplugins_podtriage.connector.copilot_sidecar import held
from flytekitplugins_podtriage.connector.output_prefix import OutputPrefix
from flytekitplugins_podtriage.connector.responses import Told, custom_info, message, resource, running
from flytekitplugins_podtriage.connector.settlement import Ending, Settlement
from flytekitplugins_podtriage.core.absent_pods import pod_gone, triage_snapshot
from flytekitplugins_podtriage.core.decode import read_events, read_pod
from flytekitplugins_podtriage.core.demystify import PRIMARY_CONTAINER
from flytekitplugins_podtriage.core.memory import Memory
from flytekitplugins_podtriage.core.model import Verdict
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.flyte.log_links import task_logs
from flytekitplugins_podtriage.flyte.settings import Settings, read_settings
from flytekitplugins_podtriage.flyte.task import MARKER

_PATIENCE: Final = ("user_patience", "system_patience")


@attrs.frozen(slots=True)
class TaskAttempt:
    """What the hook has to know of the attempt that a pod is for."""

    output_prefix: str
    """Where propeller looks for outputs and errors; unique per attempt, whose number is its last segment."""
    outputs: bool = True
    """Whether the task declares any: without, a stock backend takes ``error.pb`` into no account."""
    retries: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    """``metadata.retries`` of its template."""
    marker: bool = False
    """Whether its one output is podtriage's marker, and no program in the pod writes it: then the answer holds it."""
    user_patience: float | None = None
    """The task's own, in seconds; None: the hook's."""
    system_patience: float | None = None
    """Likewise."""

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
            marker=declared == {MARKER} and copilot,
            **patience,
        )


class TriageHook:
    """Turns what is seen of a pod into what a connector answers.

    Args:
        policy: how pods are judged; None: as the settings say.
        settings: the plugin's; None: they are read when first needed, see
            :func:`~flytekitplugins_podtriage.flyte.settings.read_settings`.
        access: flytekit's ``FileAccessProvider`` for the output prefixes; None: the current context's.

    One hook serves any number of pods and threads.
    """

    def __init__(self, policy: Policy | None = None, *, settings: Settings | None = None, access: Any = None) -> None:
        self._given = policy
        self._settings = settings
        self._access = access
        self._policies: dict[tuple[float | None, float | None], Policy] = {}

    @property
    def settings(self) -> Settings:
        """The settings that are in force.

        Raises:
            InvalidSettings: a setting is unknown or its value not allowed.
        """
        if self._settings is None:
            self._settings = read_settings()
        return self._settings

    def policy(self, attempt: TaskAttempt) -> Policy:
        """Return how an attempt's pod is judged."""
        key = (attempt.user_patience, attempt.system_patience)
        found = self._policies.get(key)
        if found is None:
            found = self._given or self.settings.policy()
            user, system = key
            found = attrs.evolve(
                found,
                user_patience=found.user_patience if user is None else user,
                system_patience=found.system_patience if system is None else system,
            )
            if len(self._policies) < 256:  # a task may ask for any patience: not one for each is kept
                self._policies[key] = found
        return found

    def prefix(self, attempt: TaskAttempt) -> OutputPrefix:
        """Return an attempt's output prefix."""
        return OutputPrefix(attempt.output_prefix, self._access)

    def resource(
        self,
        pod: object,
        attempt: TaskAttempt,
        *,
        events: Iterable[object] = (),
        memory: Memory | None = None,
        gone: bool = False,
        now: datetime | None = None,
    ) -> Resource:
        """Return what to answer ``get`` with; at the end of an attempt, once it is written where it belongs.

        The same end is told the same way however often it is asked for, by whichever process.

        Args:
            pod: JSON as bytes or text, a dictionary, or a ``kubernetes`` V1Pod; None: it is gone, and its last state is
                not known.
            attempt: what it is for.
            events: its events, in the same forms.
            memory: what ``remember`` has kept of it, if somebody watches it.
            gone: whether the pod is no longer there; ``pod`` is then its last known state.
            now: the moment, with a zone; None: the present one.

        Raises:
            InvalidPod: the pod or an event cannot be read.
            InvalidSettings: a setting is unknown or its value not allowed.
        """
        told = self._seen(pod, attempt, events, memory, gone, now)
        return told.resource if isinstance(told, Told) else self.settle(told).resource

    async def aresource(
        self,
        pod: object,
        attempt: TaskAttempt,
        *,
        events: Iterable[object] = (),
        memory: Memory | None = None,
        gone: bool = False,
        now: datetime | None = None,
    ) -> Resource:
        """Do the same without holding up the event loop: what is read and written goes through a thread."""
        told = self._seen(pod, attempt, events, memory, gone, now)
        if isinstance(told, Ending):
            told = await asyncio.get_running_loop().run_in_executor(None, self.settle, told)
        return told.resource

    def _seen(
        self,
        pod: object,
        attempt: TaskAttempt,
        events: Iterable[object],
        memory: Memory | None,
        gone: bool,
        now: datetime | None,
    ) -> Told | Ending:
        at = now or datetime.now(timezone.utc)
        if pod is None:
            return self.ending(pod_gone(), attempt, at)
        return self.tell(PodSnapshot(read_pod(pod), tuple(read_events(events)), memory, gone), attempt, at)

    def tell(self, snapshot: PodSnapshot, attempt: TaskAttempt, now: datetime) -> Told | Ending:
        """Return the answer for a pod that is not over, or the end that is to be settled; nothing is read or written.

        Raises:
            InvalidPod: the pod cannot be read.
        """
        verdict = triage_snapshot(snapshot, self.policy(attempt), now)
        if not attempt.marker:
            verdict = held(verdict, snapshot)
        logs = task_logs(self.settings.log_links, snapshot.pod, _primary(snapshot))
        if verdict.phase.terminal:
            return self.ending(verdict, attempt, now, snapshot, logs)
        return Told(resource(running(verdict), message(verdict), custom_info(verdict, snapshot), logs), verdict)

    def ending(
        self, verdict: Verdict, attempt: TaskAttempt, now: datetime, snapshot: PodSnapshot | None = None, logs: Any = ()
    ) -> Ending:
        """Return the end of an attempt as :meth:`settle` takes it."""
        return Ending(
            verdict, attempt.outputs, attempt.marker, attempt.retries, self.prefix(attempt), now, snapshot, logs
        )

    def settle(self, ending: Ending) -> Told:
        """Write down how an attempt ended, and return how that is told. It reads and writes at the output prefix.

        It raises nothing that a store raises: what cannot be written is told, and tried again when next asked.
        """
        settings = self.settings
        return Settlement(ending, settings.limits(ending.retries), settings.system_reserve).told()


def _primary(snapshot: PodSnapshot) -> str:
    metadata = snapshot.pod.metadata
    named = (metadata.annotations or {}).get(PRIMARY_CONTAINER) if metadata else None
    containers = snapshot.pod.spec.containers if snapshot.pod.spec else None
    return named or (containers[0].name if containers else None) or ""


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 else None
