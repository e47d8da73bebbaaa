"""The user retries of a pod's task, from flyteadmin: within seconds, without a login, and never an error.

They only make an answer more precise, which is there without them. So a stored token of an earlier login is used, but
none is asked for; nothing is repeated; and who has no configuration of flytekit does not pay for importing it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import attrs

DEADLINE: Final = 3.0
"""Seconds that each call may take."""
TOTAL: Final = 8.0
"""Seconds after which the answer is not waited for, whatever takes so long: a name service, a key store."""
_FILES: Final = ("flytekit.config", "~/.flyte/config", "~/.flyte/config.yaml")
_VARIABLES: Final = ("FLYTECTL_CONFIG", "FLYTE_PLATFORM_URL")


@attrs.frozen
class FlytePod:
    """What Flyte's labels and its name say of a pod."""

    project: str
    domain: str
    execution: str
    node: str
    """The label ``node-id``: the node's id in its own workflow."""
    name: str


@attrs.frozen
class TaskRetries:
    """The user retries that a task is registered with."""

    task: str
    retries: int


def retries_of_pod(
    pod: FlytePod, config_file: str | None = None, environ: Mapping[str, str] | None = None
) -> TaskRetries | None:
    """Return the task of a pod and its user retries, as registered; an override in the workflow is not in it.

    Args:
        pod: a pod of FlytePropeller's.
        config_file: a configuration of flytekit or flytectl; None: the one that flytekit uses.
        environ: the environment; None: that of the process.

    Returns:
        None if they cannot be known: flyteadmin is not configured, cannot be reached in time, wants a login, or does
        not know the pod or its task.
    """
    if config_file is None and not _may_be_configured(os.environ if environ is None else environ):
        return None
    found: list[TaskRetries | None] = []

    def read() -> None:
        with suppress(Exception):  # flytekit's, gRPC's, a key store's, an odd response
            found.append(_read(pod, config_file))

    reader = threading.Thread(target=read, name="podtriage-flyteadmin", daemon=True)
    reader.start()
    reader.join(TOTAL)
    return found[0] if found else None


def _may_be_configured(environ: Mapping[str, str]) -> bool:
    return any(map(environ.get, _VARIABLES)) or any(Path(name).expanduser().is_file() for name in _FILES)


def _read(pod: FlytePod, config_file: str | None) -> TaskRetries | None:
    from flyteidl.service.admin_pb2_grpc import AdminServiceStub
    from flytekit.clients.auth_helper import get_channel
    from flytekit.configuration import Config, PlatformConfig

    platform = Config.auto(config_file).platform
    if platform == PlatformConfig():  # a guess of flytekit's
        return None
    channel = get_channel(platform)
    try:
        stub = AdminServiceStub(channel)
        metadata = _stored_token(platform.endpoint)
        return _retries(
            pod, lambda method, request: getattr(stub, method)(request, timeout=DEADLINE, metadata=metadata)
        )
    finally:
        channel.close()


def _stored_token(endpoint: str) -> list[tuple[str, str]]:
    from flytekit.clients.auth.keyring import KeyringStore

    logging.getLogger("keyring").setLevel(logging.ERROR)
    with suppress(Exception):  # each key store has its own
        stored = KeyringStore.retrieve(endpoint)
        if stored is not None and stored.access_token:
            return [("authorization", f"Bearer {stored.access_token}")]
    return []


def _retries(pod: FlytePod, call: Callable[[str, Any], Any]) -> TaskRetries | None:
    from flyteidl.admin import common_pb2, task_execution_pb2
    from flyteidl.core import identifier_pb2

    execution = identifier_pb2.WorkflowExecutionIdentifier(project=pod.project, domain=pod.domain, name=pod.execution)
    for node in _node_ids(pod):
        request = task_execution_pb2.TaskExecutionListRequest(
            node_execution_id=identifier_pb2.NodeExecutionIdentifier(execution_id=execution, node_id=node),
            limit=100,
            sort_by=common_pb2.Sort(key="created_at", direction=common_pb2.Sort.DESCENDING),
        )
        for attempt in call("ListTaskExecutions", request).task_executions:
            if attempt.closure.metadata.generated_name == pod.name:
                task = attempt.id.task_id
                metadata = call("GetTask", common_pb2.ObjectGetRequest(id=task)).closure.compiled_task.template.metadata
                known = metadata.HasField("retries")
                return TaskRetries(task.name, int(metadata.retries.retries)) if known else None
    return None


def _node_ids(pod: FlytePod) -> Iterator[str]:
    """Yield what flyteadmin may call the node: a pod is named EXECUTION-NODE-ATTEMPT, long parts are hashed."""
    middle, _, attempt = pod.name.removeprefix(f"{pod.execution}-").rpartition("-")
    if attempt.isdigit() and middle and middle != pod.name.rpartition("-")[0]:
        yield middle
    if middle != pod.node:
        yield pod.node
