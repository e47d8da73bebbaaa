"""Audits of a few attempts."""

from __future__ import annotations

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.report.audit import Audit, Entry, Tally


def audited(*entries: Entry) -> Audit:
    tally = Tally()
    for entry in entries:
        tally.add(entry)
    return tally.result("somewhere")


WRONGED = Entry(ErrorKind.USER, ErrorKind.SYSTEM, "registry_rate_limited", "train", "docker.io", "e n0", "429")


UNKNOWN = Entry(ErrorKind.USER, None, "unknown", "train")


RIGHT = Entry(ErrorKind.USER, ErrorKind.USER, "oom", "train")
