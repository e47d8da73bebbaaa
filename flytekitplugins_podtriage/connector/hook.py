"""``TriageHook``: podtriage's treatment of pods for any connector or backend adapter that creates them.

A pod (and its events) goes in, a flytekit ``Resource`` comes out: the phase to answer with, a message that a person can
act on, links, and the verdict as custom info. When the attempt is over the hook has also chosen the retries to charge,
by what earlier attempts left at their output prefixes, and written ``error.pb`` where a stock backend reads it.
``docs/hook.md`` has a whole connector built on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from functools import partial
from typing import Any

import attrs
from flyteidl.core.execution_pb2 import TaskLog
from flytekit.extend.backend.base_connector import Resource

from flytekitplugins_podtriage.connector import idl
from flytekitplugins_podtriage.connector.copilot_sidecar import wait_for_upload
from flytekitplugins_podtriage.connector.output_prefix import OutputPrefix
from flytekitplugins_podtriage.connector.responses import Response, custom_info, flytekit_resource, message
from flytekitplugins_podtriage.connector.settlement import AttemptEnd, Settlement, SettlementObserver
from flytekitplugins_podtriage.connector.task_attempt import TaskAttempt
from flytekitplugins_podtriage.core.absent_pods import pod_gone, triage_snapshot
from flytekitplugins_podtriage.core.decode import read_events, read_pod
from flytekitplugins_podtriage.core.demystify import PRIMARY_CONTAINER
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.memory import Memory
from flytekitplugins_podtriage.core.model import Verdict
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.flyte.log_links import task_logs
from flytekitplugins_podtriage.flyte.settings import Settings, read_settings


class TriageHook:
    """Turns the state of a pod into the response of a connector.

    Args:
        policy: how pods are judged; None: as the settings say.
        settings: the plugin's; None: they are read when first needed, see
            :func:`~flytekitplugins_podtriage.flyte.settings.read_settings`.
        access: flytekit's ``FileAccessProvider`` for the output prefixes; None: the current context's.
        observer: is notified of ends that are put on record, and of those that cannot be.

    One hook serves any number of pods and threads.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        settings: Settings | None = None,
        access: Any = None,
        observer: SettlementObserver | None = None,
    ) -> None:
        self._policy = policy
        self._settings = settings
        self._access = access
        self._observer = observer
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
        policy = self._policies.get(key)
        if policy is None:
            policy = self._policy or self.settings.policy()
            user, system = key
            policy = attrs.evolve(
                policy,
                user_patience=policy.user_patience if user is None else user,
                system_patience=policy.system_patience if system is None else system,
            )
            if len(self._policies) < 256:  # tasks may set any values: not all of them are kept
                self._policies[key] = policy
        return policy

    def prefix(self, attempt: TaskAttempt) -> OutputPrefix:
        """Return an attempt's output prefix."""
        return self.prefix_at(attempt.output_prefix)

    def prefix_at(self, path: str) -> OutputPrefix:
        """Return the output prefix of this path."""
        return OutputPrefix(path, self._access)

    def resource(
        self,
        pod: object,
        attempt: TaskAttempt,
        *,
        events: Iterable[object] = (),
        memory: Memory | None = None,
        gone: bool = False,
        now: datetime | None = None,
        as_of: datetime | None = None,
    ) -> Resource:
        """Return the response to ``get``; at the end of an attempt, after everything about it has been written.

        An end is reported the same way however often it is asked about, by whichever process.

        Args:
            pod: JSON as bytes or text, a dictionary, or a ``kubernetes`` V1Pod; None: it is gone, and its last state is
                not known.
            attempt: the attempt that the pod is for.
            events: its events, in the same forms.
            memory: what ``remember`` has kept of it, if it is watched.
            gone: whether the pod no longer exists; ``pod`` is then its last known state.
            now: the current time, with a zone, by a clock that agrees with the cluster's; None: ``as_of``, or else the
                system clock's.
            as_of: when ``pod`` and ``events`` were requested from the API server, with a zone, by the clock of ``now``.
                An attempt that is to end because time passed without news (a pull that still fails) ends only if that
                time had passed by then; otherwise the response says that a current view is needed. It must not be
                later than that: a cache, an informer or a file is only as new as the last complete read, however live
                its watch seems. None: they have just been read, for this call.

        Raises:
            InvalidPod: the pod or an event cannot be read.
            InvalidSettings: a setting is unknown or its value not allowed.
            ValueError: ``now`` or ``as_of`` has no zone.
        """
        now = now or as_of or datetime.now(timezone.utc)
        freshness = Freshness.current(now) if as_of is None else Freshness(as_of=as_of)
        if pod is None:
            return self.settle(self.end(pod_gone(), attempt, now)).resource
        snapshot = PodSnapshot(read_pod(pod), tuple(read_events(events)), memory, gone)
        response = self.evaluate(snapshot, attempt, now, freshness)
        return (response if isinstance(response, Response) else self.settle(response)).resource

    async def aresource(
        self,
        pod: object,
        attempt: TaskAttempt,
        *,
        events: Iterable[object] = (),
        memory: Memory | None = None,
        gone: bool = False,
        now: datetime | None = None,
        as_of: datetime | None = None,
    ) -> Resource:
        """Do the same in a thread, without blocking the event loop."""
        call = partial(self.resource, pod, attempt, events=events, memory=memory, gone=gone, now=now, as_of=as_of)
        resource: Resource = await asyncio.get_running_loop().run_in_executor(None, call)
        return resource

    def evaluate(
        self, snapshot: PodSnapshot, attempt: TaskAttempt, now: datetime, freshness: Freshness
    ) -> Response | AttemptEnd:
        """Return the response about a pod that is not over, or the end to be settled; nothing is read or written.

        An end that is due, but rests on time that the view does not reach, is a response with ``unconfirmed``.

        Raises:
            InvalidPod: the pod cannot be read.
        """
        decision = triage_snapshot(snapshot, self.policy(attempt), now, freshness)
        verdict = decision.verdict
        if not attempt.marker:
            verdict = wait_for_upload(verdict, snapshot)
        logs = task_logs(self.settings.log_links, snapshot.pod, _primary_container(snapshot))
        if verdict.phase.terminal:
            return self.end(verdict, attempt, now, snapshot, logs)
        # FlytePropeller passes no message on with RUNNING (webapi/connector/plugin.go, Status). A running pod with
        # something to report is answered with RUNNING all the same, since its container runs.
        phase, info = idl.phase(verdict.phase), custom_info(verdict, snapshot)
        resource = flytekit_resource(phase, message(verdict), info, logs)
        return Response(resource, verdict, unconfirmed=decision.unconfirmed is not None)

    def end(
        self,
        verdict: Verdict,
        attempt: TaskAttempt,
        now: datetime,
        snapshot: PodSnapshot | None = None,
        logs: Sequence[TaskLog] = (),
    ) -> AttemptEnd:
        """Return the end of an attempt, as :meth:`settle` takes it."""
        return AttemptEnd(
            verdict=verdict, attempt=attempt, prefix=self.prefix(attempt), now=now, snapshot=snapshot, logs=logs
        )

    def settle(self, end: AttemptEnd) -> Response:
        """Write down how an attempt ended, and return the response. It reads and writes at the output prefix.

        It raises nothing that a store raises: the response says what cannot be written, and the next call tries again.
        """
        settings = self.settings
        limits = settings.limits(end.attempt.retries)
        return Settlement(end, limits, settings.system_reserve, self._observer).settle()


def _primary_container(snapshot: PodSnapshot) -> str:
    metadata, spec = snapshot.pod.metadata, snapshot.pod.spec
    name = (metadata.annotations or {}).get(PRIMARY_CONTAINER) if metadata else None
    containers = spec.containers if spec else None
    return name or (containers[0].name if containers else None) or ""
