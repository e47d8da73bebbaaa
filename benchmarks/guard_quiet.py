"""What a quiet cluster costs the guard: updates of pods that run, from the bytes of the watch to their dismissal.

    python -m benchmarks.guard_quiet             the figures
    python -m benchmarks.guard_quiet --check     the same, and exit 1 if a goal is missed

The decisions are never asked: a pod that runs is dismissed in the thread of the watch.
"""

from __future__ import annotations

import sys
import time
from typing import Any, cast

from benchmarks.pods import NOW
from benchmarks.watched import line, watched_pod
from flytekitplugins_podtriage.core.guard.owned_pod import OwnedPod
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.guard.agenda import Key
from flytekitplugins_podtriage.guard.assembly import ANNOTATIONS, LABELS
from flytekitplugins_podtriage.guard.decisions import Decisions
from flytekitplugins_podtriage.guard.loop import GuardLoop
from flytekitplugins_podtriage.kube.informer.pod_entry import Limits
from flytekitplugins_podtriage.kube.informer.pod_store import PodStore
from flytekitplugins_podtriage.kube.informer.watch_events import Decoder

PODS = 10_000
UPDATES = 200
"""Updates a second."""
GOAL = 0.10
"""The share of one core."""
DISMISSAL_GOAL = 5e-6
"""Seconds for which the loop delays the watch at an update, with the read of the cache."""


def updates(change: int) -> list[bytes]:
    """Return an update of each pod."""
    lines = []
    for number in range(PODS):
        pod = watched_pod(number)
        pod["metadata"]["resourceVersion"] += str(change)
        pod["status"] |= {"phase": "Running"}
        for container in pod["status"]["containerStatuses"]:
            container |= {"state": {"running": {"startedAt": "2026-03-01T11:59:00Z"}}, "ready": True}
        lines.append(line("MODIFIED", pod))
    return lines


def refuse(*_: Any, **__: Any) -> Any:
    """Stand for the decisions."""
    raise AssertionError("a pod that runs was decided on")


def main() -> int:
    """Print the figures; return 1 if a goal is missed."""
    changed: list[Key] = []

    def note(key: Key) -> None:
        loop.changed(key)
        changed.append(key)

    store = PodStore(
        lambda: NOW,
        Limits(events_of_running=False),
        note,
        labels=LABELS,
        annotations=ANNOTATIONS,
    )
    nobody = cast("Any", None)
    decisions = Decisions(step=refuse, new=nobody, count_due=refuse)
    loop = GuardLoop(cast("Any", store), decisions, nobody, nobody, nobody, GuardPolicy(), nobody)
    decoder: Decoder[Any] = Decoder(OwnedPod)
    spent = []
    for change in range(3):
        lines = updates(change)
        start = time.process_time()
        for each in lines:
            decoded: Any = decoder.line(each)
            store.put(decoded.object, listed=False)
        spent.append((time.process_time() - start) / PODS)
    start = time.process_time()
    for key in changed[:PODS]:
        loop.changed(key)
    dismissal = (time.process_time() - start) / PODS
    share = spent[-1] * UPDATES
    ok = share <= GOAL and dismissal <= DISMISSAL_GOAL
    print(
        f"{PODS} running pods: {spent[-1] * 1e6:.0f} us an update, {share:.1%} of a core at {UPDATES} updates/s   goal "
        f"<= {GOAL:.0%}; of that the guard's dismissal {dismissal * 1e6:.1f} us   goal <= {DISMISSAL_GOAL * 1e6:.0f}   "
        f"{'ok' if ok else 'MISSED'}"
    )
    return 1 if not ok and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
