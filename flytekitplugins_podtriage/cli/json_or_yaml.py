"""Parsing documents: JSON, JSON lines, and one or several YAML documents become plain values.

YAML input is not trusted: only plain values are constructed, and aliases that multiply or deep nesting (the C parser of
libyaml recurses without a bound) are rejected before anything is constructed.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from flytekitplugins_podtriage.cli.errors import InputError, NoDocument

MAX_DEPTH = 100
"""The deepest nesting of YAML that is accepted. A Pod has about a dozen levels."""
MAX_NODES = 5_000_000
"""How many YAML values a document may have once its aliases are expanded."""
_MAX_GROWTH = 20
"""How many times aliases may multiply the values as written, beyond :data:`_MIN_NODES`."""
_MIN_NODES = 100_000
_DECODE_ERRORS = (msgspec.MsgspecError, UnicodeError, RecursionError)


def parse_documents(data: bytes, source: str) -> list[Any]:
    """Return the documents in a text as plain values; the text itself decides between JSON, JSON lines and YAML.

    Raises:
        InputError: it is neither; ``source`` names it in the message.
    """
    if data.lstrip()[:1] in (b"{", b"["):
        return _parse_json(data, source)
    return _parse_yaml(data, source)


def _parse_json(data: bytes, source: str) -> list[Any]:
    try:
        return [msgspec.json.decode(data)]
    except _DECODE_ERRORS as error:
        first = error
    documents: list[Any] = []
    for number, text in enumerate(data.split(b"\n"), 1):
        try:
            if text.strip():
                documents.append(msgspec.json.decode(text))
        except _DECODE_ERRORS as error:
            if documents:
                raise InputError(_json_error(f"{source}, line {number}", error)) from error
            break  # not JSON lines: then the first line would be an object of its own
    if not documents:
        raise InputError(_json_error(source, first)) from first
    return documents


def _json_error(source: str, error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return f"{source}: is nested too deeply; expected a Kubernetes object"
    if isinstance(error, UnicodeError):
        return f"{source}: is not UTF-8; expected JSON or YAML in UTF-8"
    return f"{source}: invalid JSON: {error}; expected JSON or YAML"


def _parse_yaml(data: bytes, source: str) -> list[Any]:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise NoDocument(f"{source}: byte {error.start} is not UTF-8; expected JSON or YAML in UTF-8") from error
    import yaml

    loader = _loader()
    try:
        _check(text, source, loader)
        documents = [document for document in yaml.load_all(text, Loader=loader) if document is not None]
    except yaml.YAMLError as error:
        raise NoDocument(f"{source}: invalid YAML: {_yaml_error(error)}; expected JSON or YAML") from error
    except (RecursionError, ValueError, TypeError, OverflowError) as error:
        raise NoDocument(f"{source}: unsupported YAML: {error}; expected plain values") from error
    if not documents:
        raise InputError(f"{source}: contains no document; expected JSON or YAML")
    return documents


def _check(text: str, source: str, loader: Any) -> None:
    """Walk the parser's events, which needs no recursion, and reject what would explode when constructed."""
    import yaml

    written = expanded = 0
    sizes: dict[str, int] = {}
    opened: list[tuple[str | None, int]] = []
    for event in yaml.parse(text, Loader=loader):
        written += isinstance(event, yaml.NodeEvent)
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in opened):
                raise InputError(f"{source}: the alias *{event.anchor} contains itself; expected YAML without cycles")
            expanded += sizes.get(event.anchor or "", 1)
        elif isinstance(event, yaml.ScalarEvent):
            expanded += 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            expanded += 1
            opened.append((event.anchor, expanded))
            if len(opened) > MAX_DEPTH:
                raise InputError(f"{source}: is nested too deeply; expected at most {MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            if anchor is not None:
                sizes[anchor] = expanded - before + 1
        if expanded > MAX_NODES or (expanded > _MIN_NODES and expanded > _MAX_GROWTH * written):
            raise InputError(
                f"{source}: its aliases expand to more than {min(expanded, MAX_NODES):,} values; "
                "expected YAML without such aliases"
            )


def _yaml_error(error: Any) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"{problem} (line {mark.line + 1})" if mark is not None else str(problem)


@cache
def _loader() -> Any:
    """Return the loader of plain values; times stay text, as in Kubernetes' own YAML."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]  # the base is known at runtime only
        """Plain values only."""

    stamp = "tag:yaml.org,2002:timestamp"
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != stamp]
        for first, resolvers in base.yaml_implicit_resolvers.items()
    }
    return Loader
