"""From text to plain values: JSON, JSON lines, and one or several YAML documents.

YAML comes from strangers too: only plain values are made of it, aliases that multiply are refused before they are
followed, and so is deep nesting (the C parser of libyaml recurses without a bound).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from flytekitplugins_podtriage.cli.errors import Refused

DEEPEST = 100
"""The deepest nesting of YAML that is read. A Pod has about a dozen levels."""
MOST_NODES = 5_000_000
"""How many YAML values a document may have once its aliases are followed."""
_GROWTH = 20
"""How many times as many values the aliases may make of those that are written, once they are many."""
_MANY = 100_000


def documents(data: bytes, where: str) -> list[Any]:
    """Return the documents in a text as plain values: JSON, JSON lines or YAML, which the text itself tells.

    Raises:
        Refused: it is none of them.
    """
    if data.lstrip()[:1] in (b"{", b"["):
        return _json(data, where)
    return _yaml(data, where)


def _json(data: bytes, where: str) -> list[Any]:
    try:
        return [msgspec.json.decode(data)]
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        first = error
    # Several objects, one a line? Then the first line is whole.
    lines = [(number, text) for number, text in enumerate(data.split(b"\n"), 1) if text.strip()]
    if len(lines) > 1:
        try:
            found = [msgspec.json.decode(lines[0][1])]
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise Refused(_not_json(where, first)) from first
        for number, text in lines[1:]:
            try:
                found.append(msgspec.json.decode(text))
            except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
                raise Refused(_not_json(f"{where}, line {number}", error)) from error
        return found
    raise Refused(_not_json(where, first)) from first


def _not_json(where: str, error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return f"{where}: it is nested too deeply; allowed: a Kubernetes object"
    if isinstance(error, UnicodeError):
        return f"{where}: it is not UTF-8; allowed: JSON or YAML in UTF-8"
    return f"{where}: not JSON: {error}; allowed: JSON or YAML"


def _yaml(data: bytes, where: str) -> list[Any]:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Refused(f"{where}: byte {error.start} is not UTF-8; allowed: JSON or YAML in UTF-8") from error
    import yaml

    loader = _loader()
    try:
        _check(text, where, loader)
        found = [document for document in yaml.load_all(text, Loader=loader) if document is not None]
    except yaml.YAMLError as error:
        raise Refused(f"{where}: not YAML: {_yaml_error(error)}; allowed: JSON or YAML") from error
    except (RecursionError, ValueError, TypeError, OverflowError) as error:
        raise Refused(f"{where}: not YAML that can be read: {error}; allowed: plain values") from error
    if not found:
        raise Refused(f"{where}: it holds no document; allowed: JSON or YAML")
    return found


def _check(text: str, where: str, loader: Any) -> None:
    """Walk the events of the parser, which has no recursion, and refuse what would explode when it is built."""
    import yaml

    written = followed = depth = 0
    sizes: dict[str, int] = {}
    opened: list[tuple[str | None, int]] = []
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.AliasEvent):
            written += 1
            if any(anchor == event.anchor for anchor, _ in opened):
                raise Refused(f"{where}: the alias *{event.anchor} holds itself; allowed: YAML without cycles")
            followed += sizes.get(event.anchor or "", 1)
        elif isinstance(event, yaml.ScalarEvent):
            written += 1
            followed += 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            written += 1
            followed += 1
            depth += 1
            opened.append((event.anchor, followed))
            if depth > DEEPEST:
                raise Refused(f"{where}: it is nested too deeply; allowed: up to {DEEPEST} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            anchor, before = opened.pop()
            if anchor is not None:
                sizes[anchor] = followed - before + 1
        if followed > MOST_NODES or (followed > _MANY and followed > _GROWTH * written):
            raise Refused(
                f"{where}: its aliases multiply to more than {min(followed, MOST_NODES):,} values; "
                "allowed: YAML without such aliases"
            )


def _yaml_error(error: Any) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"{problem} (line {mark.line + 1})" if mark is not None else str(problem)


@cache
def _loader() -> Any:
    """Return the loader of plain values; a time stays the text that it is, as in Kubernetes' own YAML."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]  # the base is known at runtime only
        """Plain values, as Kubernetes reads them."""

    stamp = "tag:yaml.org,2002:timestamp"
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != stamp]
        for first, resolvers in base.yaml_implicit_resolvers.items()
    }
    return Loader
