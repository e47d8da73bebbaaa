"""What a kubelet writes of a connector's pod, in a word each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flyteidl.core.errors_pb2 import ContainerError
from flyteidl.core.execution_pb2 import ExecutionError, TaskExecution

from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from tests.apiserver.api import Api, pods
from tests.apiserver.connector.served import eventually
from tests.apiserver.kubelet import ScriptedKubelet

USER, SYSTEM = ExecutionError.USER, ExecutionError.SYSTEM
RECOVERABLE, FINAL = ContainerError.RECOVERABLE, ContainerError.NON_RECOVERABLE
SUCCEEDED, FAILED, RETRYABLE = TaskExecution.SUCCEEDED, TaskExecution.FAILED, TaskExecution.RETRYABLE_FAILED
LIMITED = "failed to pull and unpack image: unexpected status code: 429 Too Many Requests - toomanyrequests"
MISSING = 'failed to resolve reference "docker.io/library/app:1": docker.io/library/app:1: not found'
SHUTDOWN = "Pod was terminated in response to imminent node shutdown."


class AwaitingKubelet:
    """A kubelet that waits for the pods that it is to write of: they are made behind the answer of ``create``."""

    def __init__(self, kubelet: ScriptedKubelet, admin: Api) -> None:
        self._kubelet = kubelet
        self._admin = admin

    def __getattr__(self, call: str) -> Callable[..., Any]:
        function = getattr(self._kubelet, call)

        def when_it_is_there(namespace: str, name: str, *arguments: Any, **more: Any) -> Any:
            made(self._admin, namespace, name)
            return function(namespace, name, *arguments, **more)

        return function if call.startswith("finish_") else when_it_is_there


def name_of(meta: bytes) -> str:
    return PodMeta.decode(meta).pod


def made(admin: Api, namespace: str, name: str) -> None:
    eventually(lambda: admin.find(pods(namespace, name)) is not None, f"pod {name}")


def limited(kubelet: AwaitingKubelet, namespace: str, name: str) -> None:
    kubelet.image_pull_failed(namespace, name, LIMITED)
    kubelet.image_pull_back_off(namespace, name, LIMITED)


def missing(kubelet: AwaitingKubelet, namespace: str, name: str) -> None:
    kubelet.image_pull_failed(namespace, name, MISSING)
    kubelet.image_pull_back_off(namespace, name, MISSING)


def crashed(kubelet: AwaitingKubelet, namespace: str, name: str) -> None:
    kubelet.running(namespace, name)
    kubelet.failed(namespace, name, 3)


def shut_down(kubelet: AwaitingKubelet, namespace: str, name: str) -> None:
    kubelet.running(namespace, name)
    kubelet.failed(namespace, name, 143, pod_reason="Terminated", pod_message=SHUTDOWN)


def ended_well(kubelet: AwaitingKubelet, namespace: str, name: str) -> None:
    kubelet.running(namespace, name)
    kubelet.succeeded(namespace, name)
