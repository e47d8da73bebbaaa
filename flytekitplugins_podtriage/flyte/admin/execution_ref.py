"""Reading the name of an execution: flyteadmin's form, an address of the console, or a ``flyte://`` URI."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

import attrs

from flytekitplugins_podtriage.core.attempt_history import ExecutionRef
from flytekitplugins_podtriage.flyte.admin.errors import InvalidExecution

FORMS = "NAME, PROJECT/DOMAIN/NAME, the console's address of an execution, or flyte://v1/PROJECT/DOMAIN/NAME/NODE/..."

# Wider than flyteadmin's own check (validation/execution_validator.go: lower-case letters, digits and dashes), which
# decides about odd names; without the characters that are special in addresses and in flyteadmin's filters.
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_NODE = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_PATH_KEYS = {f"{key}{plural}": key for key in ("project", "domain", "execution") for plural in ("", "s")}


@attrs.frozen(slots=True)
class Reference:
    """An execution, and the node and attempt of it, as an EXECUTION argument names them."""

    execution: ExecutionRef
    node: str | None = None
    """The node, where the form names one."""
    retry_attempt: int | None = None
    """The node's attempt, from 0, where the form names one."""


def parse_execution(text: str, project: str | None = None, domain: str | None = None) -> Reference:
    """Read an EXECUTION argument, one of :data:`FORMS`; ``project`` and ``domain`` are those of a bare name.

    Console addresses are those of flytekit's ``generate_console_url``, with anything after the name; ``flyte://`` URIs
    those of flyteadmin (pkg/common/flyte_url.go).

    Raises:
        InvalidExecution: it has none of these forms, or is a bare name without a project or domain.
    """
    given = text.strip()
    if given.startswith("flyte://"):
        return _uri(given)
    if "://" in given:
        return _address(given)
    parts = given.split("/")
    if len(parts) == 3:
        return Reference(_ref(parts[0], parts[1], parts[2], given))
    if len(parts) != 1:
        raise _invalid(given, f"{len(parts)} parts")
    if not _PART.fullmatch(given):
        raise _invalid(given, "not a name")
    for value, what in ((project, "project"), (domain, "domain")):
        if not value:
            raise InvalidExecution(
                f"EXECUTION {_shown(given)}: its {what} is missing; give --{what}, or PROJECT/DOMAIN/NAME"
            )
    return Reference(_ref(project or "", domain or "", given, given))


def _uri(given: str) -> Reference:
    version, *parts = given.removeprefix("flyte://").split("/")
    if version != "v1" or not 3 <= len(parts) <= 7:
        raise _invalid(given, "not a flyte:// URI of version 1")
    node = parts[3] if len(parts) > 3 and parts[3] else None
    if node is not None and not _NODE.fullmatch(node):
        raise _invalid(given, "its node is not a valid name")
    attempt = parts[4] if len(parts) > 4 else ""
    counted = attempt.isascii() and attempt.isdigit() and len(attempt) < 10
    return Reference(_ref(parts[0], parts[1], parts[2], given), node, int(attempt) if counted else None)


def _address(given: str) -> Reference:
    try:
        path = urlsplit(given).path
    except ValueError as error:
        raise _invalid(given, f"not an address: {error}") from error
    steps = [unquote(step) for step in path.split("/") if step]
    parts: dict[str, str] = {}
    index = 0
    while index < len(steps) - 1:
        key = _PATH_KEYS.get(steps[index])
        if key is not None:
            parts.setdefault(key, steps[index + 1])
            index += 1  # a project may be called "domains"
        index += 1
    if "execution" not in parts and "runs" in steps:
        raise _invalid(given, "a run of Flyte 2, which has no flyteadmin")
    if not {"project", "domain", "execution"} <= parts.keys():
        raise _invalid(given, "no /projects/P/domains/D/executions/NAME in it")
    return Reference(_ref(parts["project"], parts["domain"], parts["execution"], given))


def _ref(project: str, domain: str, name: str, given: str) -> ExecutionRef:
    for value, what in ((project, "project"), (domain, "domain"), (name, "name")):
        if not _PART.fullmatch(value):
            raise _invalid(given, f"its {what} {_shown(value)} is not a valid name")
    return ExecutionRef(project, domain, name)


def _invalid(given: str, problem: str) -> InvalidExecution:
    return InvalidExecution(f"EXECUTION {_shown(given)}: {problem}; allowed: {FORMS}")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}...")
