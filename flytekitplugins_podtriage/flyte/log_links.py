"""Links to a pod's logs, by templates as in Flyte's own ``plugins.logs.templates`` (tasklog/template.go)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import attrs
from flyteidl.core.execution_pb2 import TaskLog

from flytekitplugins_podtriage.core import wire

_VARIABLE: Final = re.compile(r"\{\{\s*[.$](\w+)\s*\}\}")
VARIABLES: Final = ("podName", "podUID", "namespace", "containerName", "nodeName", "podUnixStartTime")
"""The variables that a template may use: those of Flyte's that follow from the pod. Case does not matter."""
_KNOWN: Final = {name.lower() for name in VARIABLES}


@attrs.frozen(slots=True)
class LinkTemplate:
    """The name and the address of a link, with variables such as ``{{ .podName }}``."""

    name: str
    uri: str

    @classmethod
    def parse(cls, text: str) -> LinkTemplate:
        """Read ``NAME=URI``.

        Raises:
            ValueError: it has another form, or uses an unknown variable.
        """
        name, equals, uri = (part.strip() for part in text.partition("="))
        if not (name and equals and "://" in uri):
            raise ValueError(f"invalid link {text[:80]!r}; allowed: NAME=https://..., with {_variables()} in it")
        for variable in _VARIABLE.findall(uri):
            if variable.lower() not in _KNOWN:
                raise ValueError(f"{text[:80]!r}: unknown variable {variable!r}; allowed: {_variables()}")
        return cls(name, uri)


def task_logs(templates: Sequence[LinkTemplate], pod: wire.Pod, container: str) -> list[TaskLog]:
    """Return the links to a pod's logs."""
    if not templates:
        return []
    values = _values(pod, container)
    return [
        TaskLog(name=template.name, uri=_VARIABLE.sub(lambda match: values[match[1].lower()], template.uri))
        for template in templates
    ]


def _values(pod: wire.Pod, container: str) -> Mapping[str, str]:
    metadata = pod.metadata or wire.Metadata()
    started = pod.status.start_time if pod.status else None
    return {
        "podname": metadata.name or "",
        "poduid": metadata.uid or "",
        "namespace": metadata.namespace or "",
        "containername": container,
        "nodename": (pod.spec.node_name if pod.spec else None) or "",
        "podunixstarttime": str(int(started.timestamp())) if started else "0",
    }


def _variables() -> str:
    return ", ".join(f"{{{{ .{name} }}}}" for name in VARIABLES)
