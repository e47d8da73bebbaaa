"""The kubelet of the sandbox: it syncs a pod, as the real one does, and writes what it saw one sync before.

A sync first writes the status, then tries to start what does not run: so a status tells of the sync before it. Sources:
kubernetes pkg/kubelet/kubelet.go (``SyncPod``), pkg/kubelet/kuberuntime, pkg/kubelet/images/image_manager.go, and
recorded stories of kubelets 1.31 and 1.34.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.sandbox.clock import Clock
from flytekitplugins_podtriage.sandbox.faults.injector import Choice
from flytekitplugins_podtriage.sandbox.faults.registry_errors import QUICK, refusal, unreadable
from flytekitplugins_podtriage.sandbox.kubelet import pod_setup, pod_status, processes, teardown, timing
from flytekitplugins_podtriage.sandbox.kubelet.worker import Body, Worker
from flytekitplugins_podtriage.sandbox.pod_state import Container, Record

FIRST: Final = 80
"""From a pod's admission to its first container, in milliseconds."""
NOTICED: Final = 600
"""Until the next sync after something was started (``plegRelistPeriod`` 1 s)."""
ENDED: Final = 20
"""Until the next sync after a container has ended."""
_BACK_OFF: Final = 10_000
_BACK_OFF_MAX: Final = 300_000


class Kubelet(Worker):
    """The kubelet of all nodes; every pod finds a node that has none of its images."""

    def __init__(self, clock: Clock, choice: Choice, flavour: str, body: Body | None) -> None:
        super().__init__(clock, choice, body)
        self._tells_cause = flavour != "1.31"
        self.paced = choice.paces

    def sync_in(self, delay: int, record: Record) -> None:
        """Have a pod synced; only the last of such calls counts."""
        record.sync_token += 1
        self.clock.at(delay, record.order, partial(self.sync, record, record.sync_token))

    def sync(self, record: Record, token: int | None = None) -> None:
        """Write a pod's status, then start what can be started; with a token only if no other sync has been planned."""
        if (token is not None and token != record.sync_token) or record.gone or record.cut_off or record.over:
            return
        if record.busy:
            record.again = True
            return
        reached = pod_status.phase(record)
        terminal = reached in ("Failed", "Succeeded")
        # As long as the kubelet has not torn the pod down, it does not say that it is over (mergePodStatus).
        pod_status.publish(record, self.clock.second(), record.phase if terminal else reached)
        if record.ending is not None:
            return
        if terminal or self._mains_over(record):
            teardown.wind_down(self, record)
            return
        self._work(record, 0)

    def work(self, record: Record) -> None:
        """Start what a pod that was just taken on consists of."""
        if not (record.cut_off or record.over or record.busy) and record.ending is None:
            self._work(record, 0)

    def _mains_over(self, record: Record) -> bool:
        """Whether only sidecars among the init containers are left."""
        return (
            bool(record.inits) and any(item.native for item in record.inits) and pod_status.phase(record) == "Succeeded"
        )

    def _work(self, record: Record, place: int, started: bool = False) -> None:
        """Go through the containers from one on, and start what does not run."""
        if not record.prepared:
            later = pod_setup.prepare(self, record)
            if later is not None:
                self.sync_in(later, record)
                return
        record.busy = True
        containers = record.containers
        for index in range(place, len(containers)):
            container = containers[index]
            if record.ending is not None:
                break
            if container.running is not None:
                continue
            if record.inits and not container.init and not pod_status.initialized(record):
                break
            if (container.ended is not None or container.crashed) and not self._restartable(record, container):
                continue
            pulled = self._image(record, container)
            if pulled is None:
                if container.init:
                    break
                continue
            if pulled >= 0:
                self.after(pulled, record, partial(self._pulled, index, started))
                return
            started = processes.start(self, record, container) or started
            if container.init:
                break  # the next one has to wait until a sync has seen this one run, or end
        self._rest(record, started)

    def _rest(self, record: Record, started: bool) -> None:
        """End a sync: say when the next one is."""
        record.busy = False
        first = record.rounds == 0
        record.rounds += 1
        if record.ending is not None:
            teardown.tear_down(self, record)
        elif record.again:
            record.again = False
            self.sync_in(ENDED, record)
        elif started or first:
            self.sync_in(NOTICED, record)
        elif not pod_status.all_run(record):
            self.sync_in(timing.until_next(self, record) if self.paced else timing.SYNC, record)

    def _pulled(self, place: int, started: bool, record: Record) -> None:
        """Go on once a pull has ended."""
        if record.cut_off:
            return
        container = record.containers[place]
        if not container.present:
            error = record.pull_waits[container.image][2]
            self.say(
                record, "Failed", f'Failed to pull image "{container.image}": {error}', container.path, warning=True
            )
            self.say(record, "Failed", "Error: ErrImagePull", container.path, warning=True)
            _wait(container, "ErrImagePull", error)
            if container.init:
                self._rest(record, started)
            else:
                self._work(record, place + 1, started)
            return
        self.say(record, "Pulled", f'Successfully pulled image "{container.image}"', container.path)
        started = processes.start(self, record, container) or started
        if container.init:
            self._rest(record, started)
        else:
            self._work(record, place + 1, started)

    def _image(self, record: Record, container: Container) -> int | None:
        """See to a container's image.

        Returns:
            -1 if it is there, None if the container has to wait, else how long the pull takes, in milliseconds.
        """
        image, path, now = container.image, container.path, self.clock.now
        said = unreadable(image)
        if said is not None:
            self.say(record, "InspectFailed", said, path, warning=True)
            self.say(record, "Failed", "Error: InvalidImageName", path, warning=True)
            _wait(container, "InvalidImageName", said)
            return None
        if container.pull_policy == "Never" and self.choice.absent(record, container, now / 1000):
            said = f'Container image "{image}" is not present with pull policy of Never'
            self.say(record, "ErrImageNeverPull", said, path, warning=True)
            self.say(record, "Failed", "Error: ErrImageNeverPull", path, warning=True)
            _wait(container, "ErrImageNeverPull", said)
            return None
        if container.pull_policy == "Never" or (container.present and container.pull_policy != "Always"):
            self.say(record, "Pulled", f'Container image "{image}" already present on machine', path)
            return -1
        not_before, wait, error = record.pull_waits.get(image, (0, 0, ""))
        if now < not_before:
            said = f'Back-off pulling image "{image}"'
            self.say(record, "BackOff", said, path)
            self.say(record, "Failed", "Error: ImagePullBackOff", path, warning=True)
            _wait(container, "ImagePullBackOff", f"{said}: ErrImagePull: {error}" if self._tells_cause else said)
            return None
        return self._pull(record, container, wait)

    def _pull(self, record: Record, container: Container, wait: int) -> int | None:
        """Begin a pull; return how long it takes."""
        image, now = container.image, self.clock.now
        key = f"{record.namespace}/{record.name}/{container.name}/{now}"
        slow, fault = self.choice.pull(record, container, now / 1000, key)
        self.say(record, "Pulling", f'Pulling image "{image}"', container.path)
        delay = round(slow * 1000)
        if fault is None:
            container.present = True
            return delay + QUICK
        answer = refusal(fault, image)
        if answer.takes is None:
            # It hangs for as long as the fault holds, and is then cut.
            until = self.choice.until(record, fault)
            if until is None:
                return 10**12
            record.pull_waits[image] = (0, 0, f'failed to pull and unpack image "{image}": unexpected EOF')
            return max(QUICK, until - now)
        wait = min(wait * 2, _BACK_OFF_MAX) if wait else _BACK_OFF
        delay += answer.takes
        record.pull_waits[image] = (now + delay + wait, wait, answer.error or "")
        container.present = False
        return delay

    def _restartable(self, record: Record, container: Container) -> bool:
        """Whether a container that has ended is started again now; if it has to wait, say so."""
        always = container.native or (record.restart_policy == "Always" and not container.init)
        if not always and not container.crashed and (record.restart_policy == "Never" or container.exit_code == 0):
            return False
        if self.clock.now < container.ended_at + container.crash_wait:
            seconds = container.crash_wait // 1000
            about = f"{record.name}_{record.namespace}({record.uid})"
            said = f"back-off {seconds}s restarting failed container={container.name} pod={about}"
            shown = f"Back-off restarting failed container {container.name} in pod {about}"
            self.say(record, "BackOff", shown, container.path, warning=True)
            container.last, container.ended = container.ended or container.last, None
            container.not_started = False
            container.crashed = True
            _wait(container, "CrashLoopBackOff", said)
            return False
        container.crash_wait = min(container.crash_wait * 2, _BACK_OFF_MAX) or _BACK_OFF
        container.last, container.ended = container.ended or container.last, None
        container.not_started = False
        container.restarts += 1
        container.crashed = False
        return True

    def exited(self, record: Record, container: Container) -> None:
        """Go on after a container of a pod has ended."""
        processes.follow(self, record, container)
        if record.cut_off:
            return
        if record.ending is None:
            self.sync_in(ENDED, record)
        elif not any(container.running is not None for container in record.containers):
            teardown.stopped(self, record)


def _wait(container: Container, reason: str, message: str) -> None:
    """Have a container wait; saying the same again changes nothing."""
    known = container.waiting.waiting if container.waiting is not None else None
    if known is None or known.reason != reason or known.message != message:
        container.waiting = wire.State(waiting=wire.Waiting(reason=reason, message=message))
