"""A connector of your own whose pods are judged by podtriage.

It runs tasks of type ``letters``: a container that counts the letters of a text. The only part that comes from
podtriage is the hook, which turns a pod and its events into the answer for FlytePropeller. Serve it with

    pyflyte serve connector --modules 05_own_connector
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from flytekit.extend.backend.base_connector import AsyncConnectorBase, ConnectorRegistry, Resource, ResourceMeta
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from flytekitplugins_podtriage import TaskAttempt, TriageHook


@dataclass
class LettersMeta(ResourceMeta):
    """Identifies the pod, and the attempt that it runs."""

    namespace: str
    pod: str
    output_prefix: str
    outputs: bool
    retries: int

    @property
    def attempt(self) -> TaskAttempt:
        return TaskAttempt(self.output_prefix, outputs=self.outputs, retries=self.retries)


class LettersConnector(AsyncConnectorBase):
    """Creates a pod for each attempt; podtriage judges it."""

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
        # The name depends on the attempt only, so a repeated create makes no second pod.
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
        as_of = datetime.now(timezone.utc)  # before the requests: they show what was so then, or later
        try:
            pod = self.api.read_namespaced_pod(resource_meta.pod, resource_meta.namespace)
        except ApiException as error:
            if error.status != 404:
                raise
            return self._hook.resource(None, resource_meta.attempt)
        events = self.api.list_namespaced_event(
            resource_meta.namespace, field_selector=f"involvedObject.uid={pod.metadata.uid}"
        )
        return self._hook.resource(pod, resource_meta.attempt, events=events.items, as_of=as_of)

    def delete(self, resource_meta: LettersMeta, **_: Any) -> None:
        try:
            self.api.delete_namespaced_pod(resource_meta.pod, resource_meta.namespace)
        except ApiException as error:
            if error.status != 404:
                raise


ConnectorRegistry.register(LettersConnector(), override=True)
