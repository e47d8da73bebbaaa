"""Outputs on their way: a container task has not succeeded before copilot has stored what its container left.

Copilot's uploader is a sidecar of Kubernetes' own kind: an init container that is restarted always, which the kubelet
ends by SIGTERM once every other container has ended; only then it uploads (flytek8s/copilot.go ``AddCoPilotToPod``,
flytecopilot/cmd/containerwatcher/signal_watcher.go, v1.16.8). Whoever takes the end of the task's container for the
end of the task has propeller look for ``outputs.pb`` too early, and the user pays for ``OutputsNotFound``.
"""

from __future__ import annotations

from typing import Final

import attrs

from flytekitplugins_podtriage.core.absent_pods import pod_gone
from flytekitplugins_podtriage.core.model import Phase, Verdict
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot

_UPLOADER: Final = "uploader"
"""The end of its name; what precedes is the setting ``plugins.k8s.co-pilot.name``."""
_OVER: Final = frozenset({"Succeeded", "Failed"})


def held(verdict: Verdict, snapshot: PodSnapshot) -> Verdict:
    """Return a verdict, but no success while the outputs are still to be uploaded.

    Of a pod that is gone before they were, nobody knows whether they are there: it is lost, and what lies at the output
    prefix decides.
    """
    if verdict.phase is not Phase.SUCCESS or not is_uploading(snapshot):
        return verdict
    if snapshot.gone:
        return pod_gone(started=True)
    reason = "the task's container has ended well; copilot stores its outputs once all other containers have ended"
    return attrs.evolve(verdict, phase=Phase.RUNNING, reason=reason, code=None, message=None, cleanup=False)


def is_uploading(snapshot: PodSnapshot) -> bool:
    """Return whether copilot's uploader has not ended in a pod, or had not when it was last seen."""
    status, spec = snapshot.pod.status, snapshot.pod.spec
    if status is None or spec is None or status.phase in _OVER:
        return False
    ended = {
        one.name
        for one in status.init_container_statuses or ()
        if one.state is not None and one.state.terminated is not None
    }
    return any(
        one.restart_policy == "Always" and (one.name or "").endswith(_UPLOADER) and one.name not in ended
        for one in spec.init_containers or ()
    )
