"""The recorded data, read once."""

from __future__ import annotations

import functools
import gzip
import json
from datetime import datetime
from typing import Any

from tests.paths import DATA


@functools.cache
def rows(name: str) -> list[dict[str, Any]]:
    """Return the rows of a file of JSON lines."""
    path = DATA / name
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in text.splitlines()]


@functools.cache
def timelines() -> dict[str, dict[str, Any]]:
    """Return the recorded stories by id."""
    return {row["id"]: row for row in rows("timelines.jsonl.gz")}


def moment(text: str) -> datetime:
    """Return a time as Python 3.10 reads it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
