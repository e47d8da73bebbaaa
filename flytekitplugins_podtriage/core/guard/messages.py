"""The message that reaches the user: two lines with the cause, its evidence, the budget that pays and the remedy.

FlytePropeller puts ``status.message`` into the error of the node; Flyte 2's executor into the TaskAction and an event,
which is lost from about a kilobyte on (seen: 900 bytes are kept, with 1,200 the event is missing, with 40,000 the
update of the status is refused).
"""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.guard.pod_facts import status_of
from flytekitplugins_podtriage.core.guard.signature import CORRECTED_BY, ENDED_BY
from flytekitplugins_podtriage.core.guard.values import ActKind
from flytekitplugins_podtriage.core.model import Charge, Verdict
from flytekitplugins_podtriage.core.text.controls import without_controls
from flytekitplugins_podtriage.core.text.redact import mask

MAX_BYTES: Final = {"flyte-1.16": 2000, "flyte-2": 900}
"""Of a message, in UTF-8."""
_SECOND_LINE: Final = 0.45
"""The share of a message that its second line may take."""
_CUT: Final = " [...] "


def message_of(kind: ActKind, pod: wire.Pod, verdict: Verdict, charge: Charge | None, why: str, backend: str) -> str:
    """Return what is written into ``status.message``, within the backend's limit.

    Args:
        kind: what the guard does.
        pod: the pod; the status of one that is corrected is quoted.
        verdict: podtriage's own.
        charge: what the stock backend would charge otherwise.
        why: which budget pays, in a sentence without a full stop.
        backend: the backend that the message is for.
    """
    limit = MAX_BYTES[backend]
    cause = _one_line(verdict.reason or _without_remedy(verdict))
    first = f"{ENDED_BY if kind.deletes else CORRECTED_BY}{cause or 'no cause is named'}"
    payer = f"{kind.kind}: {why}" if why else f"{kind.kind}"
    parts = [payer]
    if not kind.deletes:
        parts.append(f"Before: {_one_line(status_of(pod).reason or 'no reason')}, {_quoted(status_of(pod).message)}")
    elif charge is not None and charge.kind is not None and charge.kind is not kind.kind:
        parts.append(f"Without podtriage: {charge.kind}, {charge.code or 'no code'}")
    if verdict.remedy:
        parts.append(f"Fix: {verdict.remedy}")
    second = _cut(_one_line(". ".join(part.rstrip(".") for part in parts)), int(limit * _SECOND_LINE))
    return f"{_cut(first, limit - len(second.encode()) - 1)}\n{second}"


def _without_remedy(verdict: Verdict) -> str:
    """Return the message of a failing verdict without its last line, which is the remedy."""
    message = verdict.message or ""
    return message.removesuffix(f"\nFix: {verdict.remedy}") if verdict.remedy else message


def _quoted(message: str | None) -> str:
    text = _one_line((message or "")[:1000])
    return f'"{_cut(text, 200)}"' if text else "no message"


def _one_line(text: str) -> str:
    """Return a text without secrets and controls, as one line."""
    if len(text) > 8000:
        text = f"{text[:4000]}{_CUT}{text[-4000:]}"
    return mask(" ".join(without_controls(text).split()))


def _cut(text: str, limit: int) -> str:
    """Return a text of at most so many bytes in UTF-8; a longer one loses its middle."""
    data = text.encode(errors="replace")
    if len(data) <= limit:
        return data.decode()
    room = max(0, limit - len(_CUT))
    head = room * 2 // 3
    return f"{data[:head].decode(errors='ignore')}{_CUT}{data[len(data) - (room - head) :].decode(errors='ignore')}"
