"""Log lines of components, read as messages with a reason and a level.

* klog, text and structured: ``E0715 10:14:20.123456    1234 pod_workers.go:951] "Error syncing pod" err="..."``
  (k8s.io/klog/v2): the kubelet and the other components of Kubernetes, and many controllers;
* logfmt: ``time="..." level=error msg="..." error="..."``: containerd, CRI-O, dockerd (logrus' text formatter);
* JSON, an object in a line: zap, logrus, client-go's and Flyte's own (``json`` of the keys below).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs
import msgspec

_KLOG: Final = re.compile(
    r"(?:^|\s)([IWEF])\d{4} \d\d:\d\d:\d\d(?:\.\d{1,9})?\s{1,9}\d{1,9} [\w./-]{1,120}:\d{1,6}\] ?"
)
_KLOG_REST: Final = re.compile(r"^[\s\[]{0,8}([IWEF] )?[\w-]{1,80}\.go:\d{1,6}\] ?")
"""The end of klog's header, where a selection begins in it."""
_HEADER_WITHIN: Final = 400
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": " "}
_PAIR: Final = re.compile(r"(?:^|\s)([A-Za-z][\w.-]{0,62})=(?:\"((?:[^\"\\]|\\.)*)(?:\"(?=\s|$)|\\?$)|(\S+))")
"""A key and its value; the last value may have been cut off before its closing quotation mark."""
_UNESCAPED: Final = re.compile(r"(?:^|\s)(err|error|msg)=\"(.{1,8192}?)\"(?=\s{1,9}[A-Za-z][\w.-]{0,62}=|\s*$)")
"""A value whose inner quotation marks have lost their escapes, as pages render them."""
_TAIL: Final = re.compile(r"\"(?: [A-Za-z]\w{0,30}=\"[^\"]{0,253}\"){1,8}\s*$")
"""The pairs behind an error, where a selection begins inside of it."""
_SYNC_ERROR: Final = re.compile(r"failed to \"(\w{4,40})\" for \"[^\"\n]{1,400}\" with\s+(?:> )?(\w{4,60}): (?:> )?\"")
"""How the kubelet joins the errors of one sync of a pod (pkg/kubelet/container/sync_result.go, PodSyncResult.Error)."""
_LEADING: Final = re.compile(r"^\"((?:[^\"\\]|\\.)*)\"")
_LOGFMT: Final = re.compile(r"(?:^|\s)level=\w{4,8}\s")
_LEVELS: Final = {"I": "info", "W": "warning", "E": "error", "F": "fatal"}
_QUIET: Final = frozenset({"trace", "debug", "info", "notice", "normal"})
_MESSAGE_KEYS: Final = ("message", "msg", "note", "log")
_ERROR_KEYS: Final = ("error", "err", "cause", "exception", "errorMessage", "error_message")
_REASON_KEYS: Final = ("reason",)
_LEVEL_KEYS: Final = ("level", "severity", "lvl", "type")
_REASON: Final = re.compile(r"[A-Z][A-Za-z]{2,60}")
_DEEPEST: Final = 4
_MOST_PARTS: Final = 50
"""Lines of one line that was broken."""
_NOT_A_PART: Final = ("$ ", "# ", "goroutine ", "panic: ", "Traceback ", "Events:", "Name:")
"""What begins a shell's command, a stack, or what else was pasted."""


@attrs.frozen(kw_only=True)
class LogLine:
    """One line of a log."""

    message: str
    """What it says: the error where it names one beside its message, else the message."""
    reason: str | None = None
    """A reason in Kubernetes' sense, where the line has a field for it."""
    quiet: bool = False
    """Whether its level is below warning: what is only informative is no evidence of a failure."""


def read_log_lines(lines: Iterable[str]) -> list[LogLine]:
    """Return the lines that are a component's log lines; the others are left out.

    A line that follows directly on one of klog or logfmt belongs to it: a person or a mail broke it between words.

    Args:
        lines: the lines, normalized.
    """
    entries: list[LogLine] = []
    held: list[str] = []
    for line in (*lines, ""):
        read = _read(line)
        if read is None and held and len(held) < _MOST_PARTS and line.strip() and not line.startswith(_NOT_A_PART):
            held.append(line.strip())
            continue
        read = read or _read_end(line)
        if len(held) > 1 and (whole := _read(" ".join(held))) is not None:
            entries[-1] = whole
        held = []
        if read is not None:
            entries.append(read)
            held = [] if line.lstrip().startswith("{") else [line.rstrip()]
    return entries


def sync_errors(text: str) -> list[LogLine]:
    """Return the errors of one sync of a pod, each with its reason; nothing where the text is no such error.

    >>> sync_errors('failed to "StartContainer" for "a" with ErrImagePull: "EOF"')
    [LogLine(message='EOF', reason='ErrImagePull', quiet=False)]
    """
    if 'failed to "' not in text:
        return []
    matches = list(_SYNC_ERROR.finditer(text))
    ends = [match.start() for match in matches[1:]] + [len(text)] * bool(matches)
    return [
        LogLine(message=text[match.end() : end].rstrip(" ,]").removesuffix('"'), reason=match[2])
        for match, end in zip(matches, ends, strict=True)
    ]


def _read(line: str) -> LogLine | None:
    if "] " in line:
        klog = _KLOG.search(line, 0, _HEADER_WITHIN)
        if klog is not None:
            return _klog(klog[1], line[klog.end() :])
        rest = _KLOG_REST.match(line)
        if rest is not None and line.startswith('"', rest.end()):
            return _klog((rest[1] or "E").strip(), line[rest.end() :])
    if "msg=" in line and (level := _LOGFMT.search(line)) is not None and "msg=" in line[level.end() :]:
        pairs = _pairs(line)
        return _of_fields({**pairs, "level": pairs.get("level", "")})
    text = line.strip()
    if text.startswith("{") and text.endswith("}"):
        try:
            fields = msgspec.json.decode(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        return _of_fields(fields)
    return None


def _read_end(line: str) -> LogLine | None:
    """Read the end of a structured line, where a selection begins inside of its error."""
    if '\\"' in line and '"' in line and (tail := _TAIL.search(line)) is not None:
        return LogLine(message=unescape(line[: tail.start()]).strip())
    return None


def _klog(level: str, rest: str) -> LogLine:
    quiet = _LEVELS[level] in _QUIET
    leading = _LEADING.match(rest)
    if leading is None:
        return LogLine(message=rest, quiet=quiet)
    pairs = _pairs(rest[leading.end() :])
    message = unescape(leading[1])
    error = pairs.get("err") or pairs.get("error")
    return LogLine(message=error or message, reason=_reason(pairs.get("reason")), quiet=quiet)


def _pairs(text: str) -> dict[str, str]:
    pairs = {match[1]: unescape(match[2]) if match[2] is not None else match[3] for match in _PAIR.finditer(text)}
    if any(value.startswith('"') for value in pairs.values()):
        pairs.update((match[1], match[2]) for match in _UNESCAPED.finditer(text))
    return pairs


def unescape(text: str) -> str:
    """Undo one level of Go's ``%q``."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), text)


def _of_fields(fields: Any, depth: int = 0) -> LogLine | None:
    """Return what the fields of a structured line say; None if none of them is a message or a reason."""
    if not isinstance(fields, Mapping) or not fields.keys().isdisjoint(("errors", "apiVersion", "code")):
        return None  # a registry's answer, or a Kubernetes object: no log line
    message = _first(fields, _MESSAGE_KEYS)
    error = _first(fields, _ERROR_KEYS)
    reason = _reason(_first(fields, _REASON_KEYS))
    if not message and not error and not reason:
        return None
    level = (_first(fields, _LEVEL_KEYS) or "").lower()
    if message and depth < _DEEPEST and message.lstrip().startswith("{"):
        inner = _read_json(message, depth)
        if inner is not None:
            return inner
    return LogLine(message=error or message or "", reason=reason, quiet=level in _QUIET)


def _read_json(text: str, depth: int) -> LogLine | None:
    """Read a line inside a line: what container logs are wrapped in (``{"log": "{...}"}``)."""
    try:
        return _of_fields(msgspec.json.decode(text), depth + 1)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _first(fields: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    for key in keys:
        value = fields.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, Mapping) and key in _ERROR_KEYS:
            inner = _first(value, (*_MESSAGE_KEYS, *_ERROR_KEYS))
            if inner:
                return inner
    return None


def _reason(text: str | None) -> str | None:
    return text if text is not None and _REASON.fullmatch(text) else None
