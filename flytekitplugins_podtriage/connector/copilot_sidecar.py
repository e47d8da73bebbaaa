"""Success of a container task: not before copilot has uploaded what the container left.

Copilot's uploader is a native sidecar: an init container with ``restartPolicy: Always``, which the kubelet ends by
SIGTERM once every other container has ended; only then it uploads (flytek8s/copilot.go ``AddCoPilotToPod``,
flytecopilot/cmd/containerwatcher/signal_watcher.go, v1.16.8). A connector that takes the end of the task's container
for the end of the task has FlytePropeller look for ``outputs.pb`` too early, and the user pays for ``OutputsNotFound``.
"""

from __future__ import annotations

from typing import Final

import attrs

from flytekitplugins_podtriage.core.absent_pods import pod_gone
from flytekitplugins_podtriage.core.model import Phase, Verdict
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot

_UPLOADER: Final = "uploader"
"""The end of the container's name; the setting ``plugins.k8s.co-pilot.name`` precedes it."""
_OVER: Final = frozenset({"Succeeded", "Failed"})


def wait_for_upload(verdict: Verdict, snapshot: PodSnapshot) -> Verdict:
    """Return a verdict, but with RUNNING in place of success while the outputs are still to be uploaded.

    If the pod is gone before that, nobody knows whether the outputs are complete: the verdict is that the pod is lost,
    and what lies at the output prefix decides.
    """
    if verdict.phase is not Phase.SUCCESS or not is_uploading(snapshot):
        return verdict
    if snapshot.gone:
        return pod_gone(started=True)
    reason = "the task's container has succeeded; copilot stores its outputs once all other containers have ended"
    return attrs.evolve(verdict, phase=Phase.RUNNING, reason=reason, code=None, message=None, cleanup=False)


def is_uploading(snapshot: PodSnapshot) -> bool:
    """Return whether copilot's uploader has not ended, or had not when the pod was last observed."""
    status, spec = snapshot.pod.status, snapshot.pod.spec
    if status is None or spec is None or status.phase in _OVER:
        return False
    ended = {
        container.name
        for container in status.init_container_statuses or ()
        if container.state is not None and container.state.terminated is not None
    }
    return any(
        container.restart_policy == "Always"
        and (container.name or "").endswith(_UPLOADER)
        and container.name not in ended
        for container in spec.init_containers or ()
    )
