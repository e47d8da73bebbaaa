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
"""The variables that a template may use: those of Flyte's that a pod tells. Their case does not matter."""
_KNOWN: Final = {name.lower() for name in VARIABLES}


@attrs.frozen(slots=True)
class LinkTemplate:
    """A link's name and address, with variables such as ``{{ .podName }}`` in it."""

    name: str
    uri: str

    @classmethod
    def parse(cls, text: str) -> LinkTemplate:
        """Read ``NAME=URI``.

        Raises:
            ValueError: it is not of that form, or uses a variable that there is not.
        """
        name, equals, uri = (part.strip() for part in text.partition("="))
        if not (name and equals and "://" in uri):
            raise ValueError(f"{text[:80]!r} is no link; allowed: NAME=https://..., with {_spelt()} in it")
        for variable in _VARIABLE.findall(uri):
            if variable.lower() not in _KNOWN:
                raise ValueError(f"{text[:80]!r}: no variable {variable!r}; allowed: {_spelt()}")
        return cls(name, uri)


def task_logs(templates: Sequence[LinkTemplate], pod: wire.Pod, container: str) -> list[TaskLog]:
    """Return the links of a pod's logs."""
    if not templates:
        return []
    values = _values(pod, container)
    return [
        TaskLog(name=template.name, uri=_VARIABLE.sub(lambda found: values[found[1].lower()], template.uri))
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


def _spelt() -> str:
    return ", ".join(f"{{{{ .{name} }}}}" for name in VARIABLES)
