"""Events as OpenShift's console shows them: each a block of lines, the newest first.

``Pod`` and its name, ``Namespace`` and its name, a time in the browser's language, ``Generated from kubelet on NODE``,
``N times in the last M minutes`` if repeated, and the message (openshift/console, frontend/public/components/events).
Neither the type nor the reason is shown: both follow from how the message begins.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.pasted.event_table import EventRow, reason_of_message

_SOURCE: Final = re.compile(r"^\s*Generated from ([\w./-]{1,120})(?: on \S+)?\s*$")
_REPEATED: Final = re.compile(r"^\s*\d{1,9} times in the last ")
_OBJECT: Final = re.compile(
    r"^\s*(Pod|Node|Job|ReplicaSet|PersistentVolumeClaim)\s*(?:PVC|P|N|J|RS)\s*([a-z0-9][a-z0-9.-]*)"
)
_NORMAL: Final = frozenset(
    "Scheduled Pulling Pulled Created Started SuccessfulMountVolume SuccessfulAttachVolume TriggeredScaleUp"
    " Killing".split()
)
_MOST_LINES: Final = 20
"""Lines of one message."""


def read_console_events(lines: Sequence[str], now: datetime) -> list[EventRow]:
    """Return the events in some lines, the oldest first; nothing where there are none.

    Args:
        lines: the lines, normalized.
        now: the moment at which they were shown, with a zone.
    """
    rows: list[EventRow] = []
    about: str | None = None
    source: str | None = None
    message: list[str] = []
    for line in (*lines, ""):
        generated = _SOURCE.match(line)
        named = _OBJECT.match(line)
        if source is not None and message and (generated or named or not line.strip()):
            # The order is all that is known of their moments: a second apart.
            rows.append(_row(" ".join(message), about, source, now - timedelta(seconds=len(rows))))
            source, message = None, []
        if named is not None:
            about = f"{named[1].lower()}/{named[2].partition('Namespace')[0]}"
        elif generated is not None:
            source, message = generated[1], []
        elif source is not None and line.strip() and not _REPEATED.match(line) and len(message) < _MOST_LINES:
            message.append(line.strip())
    rows.reverse()
    return rows


def _row(message: str, about: str | None, source: str, at: datetime) -> EventRow:
    reason = reason_of_message(message)
    is_normal = reason is None or reason in _NORMAL or message.startswith("Back-off pulling image")
    event = wire.Event(
        kind="Event",
        reason=reason,
        message=message,
        type="Normal" if is_normal else "Warning",
        first_timestamp=at,
        last_timestamp=at,
    )
    return EventRow(event=event, object=about, source=source)
