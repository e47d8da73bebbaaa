"""A connector of your own, with podtriage's treatment for the pods that it makes.

It runs tasks of the type ``letters``: a container that counts the letters of a text. All that is podtriage's in it is
the hook: pod and events in, what to answer out. Serve it with

    pyflyte serve connector --modules 05_own_connector
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from flytekit.extend.backend.base_connector import AsyncConnectorBase, ConnectorRegistry, Resource, ResourceMeta
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from flytekitplugins_podtriage import TaskAttempt, TriageHook


@dataclass
class LettersMeta(ResourceMeta):
    """Which pod, and for which attempt of a task."""

    namespace: str
    pod: str
    output_prefix: str
    outputs: bool
    retries: int

    @property
    def attempt(self) -> TaskAttempt:
        return TaskAttempt(self.output_prefix, outputs=self.outputs, retries=self.retries)


class LettersConnector(AsyncConnectorBase):
    """Makes a pod for each attempt and has podtriage tell how it fares."""

    name = "Letters Connector"

    def __init__(self, api: Any = None) -> None:
        super().__init__(task_type_name="letters", metadata_type=LettersMeta)
        self._api = api
        self._hook = TriageHook()

    @property
    def api(self) -> Any:
        if self._api is None:
            config.load_config()  # a kubeconfig, or the pod's own service account
            self._api = client.CoreV1Api()
        return self._api

    def create(self, task_template: Any, output_prefix: str, task_execution_metadata: Any, **_: Any) -> LettersMeta:
        attempt = TaskAttempt.of(task_template, output_prefix)
        # The same attempt has the same pod: a create that is repeated makes no second one.
        name = f"letters-{hashlib.sha256(output_prefix.encode()).hexdigest()[:20]}"
        namespace = task_execution_metadata.namespace
        pod = {
            "metadata": {"name": name},
            "spec": {
                "restartPolicy": "Never",
                "containers": [
                    {
                        "name": "letters",
                        "image": task_template.custom["image"],
                        "args": ["count", "--into", f"{output_prefix}/outputs.pb"],
                    }
                ],
            },
        }
        try:
            self.api.create_namespaced_pod(namespace, pod)
        except ApiException as error:
            if error.status != 409:
                raise
        return LettersMeta(namespace, name, output_prefix, attempt.outputs, attempt.retries)

    def get(self, resource_meta: LettersMeta, **_: Any) -> Resource:
        try:
            pod = self.api.read_namespaced_pod(resource_meta.pod, resource_meta.namespace)
        except ApiException as error:
            if error.status != 404:
                raise
            return self._hook.resource(None, resource_meta.attempt)
        events = self.api.list_namespaced_event(
            resource_meta.namespace, field_selector=f"involvedObject.uid={pod.metadata.uid}"
        )
        return self._hook.resource(pod, resource_meta.attempt, events=events.items)

    def delete(self, resource_meta: LettersMeta, **_: Any) -> None:
        try:
            self.api.delete_namespaced_pod(resource_meta.pod, resource_meta.namespace)
        except ApiException as error:
            if error.status != 404:
                raise


ConnectorRegistry.register(LettersConnector(), override=True)
