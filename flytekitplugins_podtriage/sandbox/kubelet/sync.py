"""The kubelet of the sandbox: it syncs a pod as the real one does.

A sync first writes the status, then tries to start what is not running: a status therefore shows the result of the
sync before. Sources: kubernetes pkg/kubelet/kubelet.go (``SyncPod``), pkg/kubelet/kuberuntime,
pkg/kubelet/images/image_manager.go, and recordings of kubelets 1.31 and 1.34.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.sandbox.clock import Clock
from flytekitplugins_podtriage.sandbox.faults.injector import Injector
from flytekitplugins_podtriage.sandbox.faults.registry_errors import QUICK, inspect_error, pull_result
from flytekitplugins_podtriage.sandbox.kubelet import pod_setup, pod_status, processes, teardown, timing
from flytekitplugins_podtriage.sandbox.kubelet.worker import Body, Worker
from flytekitplugins_podtriage.sandbox.pod_state import Container, FailedPull, PodRecord

FIRST: Final = 80
"""From a pod's admission to its first container, in milliseconds."""
_AFTER_START: Final = 600
"""Until the next sync after something was started (``plegRelistPeriod`` 1 s)."""
_AFTER_EXIT: Final = 20
"""Until the next sync after a container has ended."""
_BACK_OFF: Final = 10_000
_BACK_OFF_MAX: Final = 300_000
_NEVER: Final = 10**12


class Kubelet(Worker):
    """The kubelet of all nodes; every pod gets a node that has none of its images."""

    def __init__(self, clock: Clock, injector: Injector, version: str, body: Body | None) -> None:
        super().__init__(clock, injector, body)
        self._shows_pull_error = version != "1.31"
        self.paced = injector.sets_pace

    def sync_in(self, delay: int, record: PodRecord) -> None:
        """Schedule a sync of a pod; it replaces one that is scheduled already."""
        record.sync_token += 1
        self.clock.at(delay, record.order, partial(self.sync, record, record.sync_token))

    def sync(self, record: PodRecord, token: int | None = None) -> None:
        """Write a pod's status, then start what can be started; with a token only if it is that of the latest sync."""
        if (token is not None and token != record.sync_token) or record.gone or record.cut_off or record.over:
            return
        if record.busy:
            record.sync_again = True
            return
        phase = pod_status.phase_of(record)
        terminal = phase in ("Failed", "Succeeded")
        # Until the kubelet has torn the pod down, it does not show it as ended (mergePodStatus).
        pod_status.publish(record, self.clock.second, record.phase if terminal else phase)
        if record.ending is not None:
            return
        if terminal:
            teardown.wind_down(self, record)
        else:
            self._start_containers(record, 0)

    def start_pod(self, record: PodRecord) -> None:
        """Start the containers of a pod that was just admitted."""
        if not (record.cut_off or record.over or record.busy) and record.ending is None:
            self._start_containers(record, 0)

    def _start_containers(self, record: PodRecord, first: int, started: bool = False) -> None:
        """Start the containers that are not running, from the given index on."""
        if not record.prepared:
            delay = pod_setup.prepare(self, record)
            if delay is not None:
                self.sync_in(delay, record)
                return
        record.busy = True
        for index, container in enumerate(record.containers[first:], first):
            if record.ending is not None:
                break
            if container.running is not None:
                continue
            if record.inits and not container.init and not pod_status.initialized(record):
                break
            if (container.ended is not None or container.crashed) and not self._restartable(record, container):
                continue
            pull_duration = self._ensure_image(record, container)
            if pull_duration is None:
                if container.init:
                    break
                continue
            if pull_duration >= 0:
                self.after(pull_duration, record, partial(self._finish_pull, index, started))
                return
            started = processes.start(self, record, container) or started
            if container.init:
                break  # the next one has to wait until a sync has seen this one run, or end
        self._end_sync(record, started)

    def _end_sync(self, record: PodRecord, started: bool) -> None:
        """End a sync: schedule the next one."""
        record.busy = False
        first = record.syncs == 0
        record.syncs += 1
        if record.ending is not None:
            teardown.tear_down(self, record)
        elif record.sync_again:
            record.sync_again = False
            self.sync_in(_AFTER_EXIT, record)
        elif started or first:
            self.sync_in(_AFTER_START, record)
        elif not pod_status.all_run(record):
            self.sync_in(timing.next_sync(self, record) if self.paced else timing.SYNC, record)

    def _finish_pull(self, index: int, started: bool, record: PodRecord) -> None:
        """Continue a sync after a pull has ended."""
        if record.cut_off:
            return
        container = record.containers[index]
        image, path = container.image, container.path
        if container.present:
            self.emit(record, "Pulled", f'Successfully pulled image "{image}"', path)
            started = processes.start(self, record, container) or started
        else:
            error = record.failed_pulls[image].error
            self.warn(record, "Failed", f'Failed to pull image "{image}": {error}', path)
            self.warn(record, "Failed", "Error: ErrImagePull", path)
            _wait(container, "ErrImagePull", error)
        if container.init:
            self._end_sync(record, started)
        else:
            self._start_containers(record, index + 1, started)

    def _ensure_image(self, record: PodRecord, container: Container) -> int | None:
        """Check for a container's image, and start pulling it if necessary.

        Returns:
            -1 if it is present, None if the container has to wait, else the duration of the pull in milliseconds.
        """
        image, path, now = container.image, container.path, self.clock.now
        failed = record.failed_pulls.get(image)
        message = inspect_error(image) if failed is None else None
        if message is not None:
            self.warn(record, "InspectFailed", message, path)
            self.warn(record, "Failed", "Error: InvalidImageName", path)
            _wait(container, "InvalidImageName", message)
            return None
        if container.pull_policy == "Never" and self.injector.absent(record, container, now / 1000):
            message = f'Container image "{image}" is not present with pull policy of Never'
            self.warn(record, "ErrImageNeverPull", message, path)
            self.warn(record, "Failed", "Error: ErrImageNeverPull", path)
            _wait(container, "ErrImageNeverPull", message)
            return None
        if container.pull_policy == "Never" or (container.present and container.pull_policy != "Always"):
            self.emit(record, "Pulled", f'Container image "{image}" already present on machine', path)
            return -1
        if failed is not None and now < failed.retry_at:
            self.emit(record, "BackOff", f'Back-off pulling image "{image}"', path)
            self.warn(record, "Failed", "Error: ImagePullBackOff", path)
            container.waiting = failed.state
            return None
        return self._pull(record, container, failed.backoff if failed is not None else 0)

    def _pull(self, record: PodRecord, container: Container, backoff: int) -> int:
        """Start a pull; return its duration in milliseconds."""
        image, now = container.image, self.clock.now
        key = f"{record.namespace}/{record.name}/{container.name}/{now}"
        slow, fault = self.injector.pull(record, container, now / 1000, key)
        self.emit(record, "Pulling", f'Pulling image "{image}"', container.path)
        duration = round(slow * 1000)
        if fault is None:
            container.present = True
            return duration + QUICK
        result = pull_result(fault, image)
        if result.duration is None:
            # It hangs as long as the fault is active, and is then cut off.
            until = self.injector.until(record, fault)
            if until is None:
                return _NEVER
            error = f'failed to pull and unpack image "{image}": unexpected EOF'
            record.failed_pulls[image] = FailedPull(error)
            return max(QUICK, until - now)
        duration += result.duration
        backoff = min(backoff * 2, _BACK_OFF_MAX) or _BACK_OFF
        message = f'Back-off pulling image "{image}"'
        if self._shows_pull_error:
            message = f"{message}: ErrImagePull: {result.error}"
        state = wire.State(waiting=wire.Waiting(reason="ImagePullBackOff", message=message))
        record.failed_pulls[image] = FailedPull(result.error, now + duration + backoff, backoff, state)
        container.present = False
        return duration

    def _restartable(self, record: PodRecord, container: Container) -> bool:
        """Whether a container that has ended is restarted now; while it has to wait, show that."""
        always = container.native or (record.restart_policy == "Always" and not container.init)
        if not always and not container.crashed and (record.restart_policy == "Never" or container.exit_code == 0):
            return False
        waits = self.clock.now < container.ended_at + container.crash_wait
        if waits:
            pod = f"{record.name}_{record.namespace}({record.uid})"
            message = f"Back-off restarting failed container {container.name} in pod {pod}"
            self.warn(record, "BackOff", message, container.path)
            seconds = container.crash_wait // 1000
            message = f"back-off {seconds}s restarting failed container={container.name} pod={pod}"
            _wait(container, "CrashLoopBackOff", message)
        else:
            container.crash_wait = min(container.crash_wait * 2, _BACK_OFF_MAX) or _BACK_OFF
            container.restarts += 1
        container.last, container.ended = container.ended or container.last, None
        container.not_started = False
        container.crashed = waits
        return not waits

    def exited(self, record: PodRecord, container: Container) -> None:
        """Continue after a container of a pod has ended."""
        processes.end_copilot(self, record, container)
        if record.cut_off:
            return
        if record.ending is None:
            self.sync_in(_AFTER_EXIT, record)
        elif not any(container.running is not None for container in record.containers):
            teardown.stopped(self, record)


def _wait(container: Container, reason: str, message: str) -> None:
    """Make a container wait; the state is replaced only if it changes."""
    waiting = container.waiting.waiting if container.waiting is not None else None
    if waiting is None or waiting.reason != reason or waiting.message != message:
        container.waiting = wire.State(waiting=wire.Waiting(reason=reason, message=message))
