"""From a file or stdin to pods: documents in JSON and YAML, and texts for people."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import attrs
import msgspec

from flytekitplugins_podtriage.cli.errors import InputError, NoDocument
from flytekitplugins_podtriage.cli.input import read_document, source_name
from flytekitplugins_podtriage.cli.json_or_yaml import parse_documents
from flytekitplugins_podtriage.cli.pod_documents import PodRecord, find_pods
from flytekitplugins_podtriage.cli.times import LAST, parse_time, utc_now
from flytekitplugins_podtriage.core.model import Category
from flytekitplugins_podtriage.core.pasted.normalize import decode
from flytekitplugins_podtriage.core.triage import triage

if TYPE_CHECKING:
    from flytekitplugins_podtriage.core.pasted.reading import PastedText

_UNREADABLE: Final = (
    "is neither a pod nor a text of kubectl; "
    "give the output of `kubectl get pod NAME -o yaml` or `kubectl describe pod NAME`"
)
_DOCUMENT: Final = re.compile(rb"^(?:- )?(?:apiVersion|kind|metadata|items|pod|steps)[ \t]*:", re.MULTILINE)
"""What begins a Kubernetes object in YAML: its errors are to be reported in terms of YAML."""


@attrs.frozen
class PastedMessage:
    """A text that tells of a failure, but of no pod."""

    text: str
    notes: tuple[str, ...] = ()
    """What could not be known from it."""


def read_pods_or_text(path: str, now: str | None = None, at: float | None = None) -> list[PodRecord] | PastedMessage:
    """Return the pods in a file, or in stdin for ``-``, or the message that it holds instead.

    Args:
        path: the file.
        now: the option ``--now``: ages in a text are counted back from it.
        at: the second up to which a recorded timeline is replayed; by default its end.

    Raises:
        InputError: it is neither.
    """
    source = source_name(path)
    data = read_document(path)
    moment = parse_time(now, "--now") if now is not None and now != LAST else None
    return _read(data, source, at, moment)


def pods_in(data: bytes, source: str) -> list[PodRecord]:
    """Return the pods in a document or a text.

    Raises:
        InputError: there is none.
    """
    given = _read(data, source, None, None)
    if not isinstance(given, list):
        raise InputError(f"{source}: {_UNREADABLE}")
    return given


def _read(data: bytes, source: str, at: float | None, now: datetime | None) -> list[PodRecord] | PastedMessage:
    try:
        return find_pods(parse_documents(data, source), source, at)
    except NoDocument as error:
        is_json = data.lstrip()[:1] in (b"{", b"[")
        if not is_json and _DOCUMENT.search(data) is not None:
            raise
        given = _read_text(decode(data), source, now, only_known=is_json)
        if given is not None:
            return given
        if is_json:
            raise
        raise InputError(f"{source}: {_UNREADABLE}") from error


def _read_text(
    text: str, source: str, now: datetime | None, *, only_known: bool
) -> list[PodRecord] | PastedMessage | None:
    """Return what a text tells of pods or of a failure; None if it tells of neither.

    With ``only_known`` a text in none of the known layouts is no message.
    """
    # A pod in JSON or YAML needs neither.
    from flytekitplugins_podtriage.core.diagnose import diagnose
    from flytekitplugins_podtriage.core.pasted.reading import read_objects

    now = now or utc_now()
    objects = read_objects(text, now)
    pods = [one for one in objects if one.pod is not None]
    is_known = diagnose(text).category is not Category.UNKNOWN
    if pods and not (is_known and all(one.only_events and not _has_cause(one, now) for one in pods)):
        return [_record(one, source) for one in pods]
    if not objects and (only_known or not is_known):
        return None
    return PastedMessage(text, tuple(note for one in objects for note in one.missing))


def _has_cause(pasted: PastedText, now: datetime) -> bool:
    """Whether the events of a pod whose status is not known tell by themselves what is wrong with it."""
    return triage(pasted.pod, events=pasted.events, now=now).category not in (None, Category.UNKNOWN)


def _record(pasted: PastedText, source: str) -> PodRecord:
    pod: Any = msgspec.to_builtins(pasted.pod)
    events: Any = msgspec.to_builtins(pasted.events)
    return PodRecord(pod, tuple(events), source, pasted.printed_at, notes=pasted.missing)
