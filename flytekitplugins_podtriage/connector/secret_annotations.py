"""A task's secrets in the form that Flyte's pod webhook reads: a label, and an annotation for each.

Source: flyteplugins pluginmachinery/utils/secrets/marshaler.go and pluginmachinery/encoding/encoder.go. For stock pods
flytepropeller's plugin manager adds them (nodes/task/k8s/task_exec_context.go); a connector's pods get none from it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, Final

from google.protobuf import text_format

LABEL: Final = "inject-flyte-secrets"
_ANNOTATION: Final = "flyte.secrets/s"
_TO_FLYTE: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "abcdefghijklmnopqrstuvwxyz123456", "=")


def pod_annotations(secrets: Iterable[Any]) -> dict[str, str]:
    """Return the annotations for flytekit's ``Secret``s, in order."""
    return {f"{_ANNOTATION}{index}": _encoded(secret) for index, secret in enumerate(secrets)}


def _encoded(secret: Any) -> str:
    text = text_format.MessageToString(secret.to_flyte_idl())
    return base64.b32encode(text.encode()).decode().translate(_TO_FLYTE)
