"""The backend's settings, out of the files of its ConfigMap.

* Flyte 1.16.8: flytepropeller/pkg/controller/config/config.go (section ``propeller``), flyteplugins
  flytek8s/config/config.go (``plugins.k8s``), tasks (``tasks.task-plugins``).
* Flyte 2 (6fadb90): executor/pkg/config/config.go (``executor``) and the same ``plugins.k8s``.

How they are read: flytestdlib/config/viper/viper.go and duration.go. Files are merged in the order of their names, keys
are compared without regard to case, and values are converted weakly (mapstructure). What environment variables and
flags of the backend's container change is not known here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.durations import go_format, seconds
from flytekitplugins_podtriage.core.policy import Policy

_DEEPEST: Final = 20
"""How deep sections are read; Flyte's own are four deep."""
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")
_TRUE: Final = ("1", "t", "T", "TRUE", "true", "True")
_FALSE: Final = ("", "0", "f", "F", "FALSE", "false", "False")
"""What Go's ``strconv.ParseBool`` takes, and the empty text, which mapstructure takes too."""


@attrs.frozen(kw_only=True)
class BackendConfig:
    """The settings of a backend that the guard needs, with Flyte's defaults for those that its files do not have."""

    stock: Policy
    """Its grace periods."""
    limits: Limits
    """Its limits of retries."""
    inject_finalizer: bool = False
    """``plugins.k8s.inject-finalizer``: whether pods get a finalizer."""
    owner_references: bool = True
    """Whether pods name their owner; ``plugins.k8s.disable-inject-owner-references`` of Flyte 2."""
    enabled_plugins: tuple[str, ...] = ()
    """``tasks.task-plugins.enabled-plugins``; empty: not set."""
    task_types: Mapping[str, str] = attrs.field(factory=dict)
    """``tasks.task-plugins.default-for-task-types``: the plugin by type of task, both in lower case."""
    settings: Mapping[str, object] = attrs.field(factory=dict)
    """What was read, by the setting's name with its section."""
    problems: tuple[str, ...] = ()
    """What could not be read, or means something else than it seems; each a sentence with file or setting."""


def read_propeller_config(files: Mapping[str, object], backend: str = "flyte-1.16") -> BackendConfig:
    """Read the settings of a backend.

    Args:
        files: the documents of its ConfigMap's ``data``, parsed from YAML, by the name of the file.
        backend: ``flyte-1.16`` or ``flyte-2``.

    Raises:
        ValueError: the backend is unknown.
    """
    stock = Policy.for_backend(backend)
    problems: list[str] = []
    merged: dict[str, Any] = {}
    for name in sorted(files):
        document = files[name]
        if isinstance(document, Mapping):
            _merge(merged, document, name, problems)
        elif document is not None:
            problems.append(f"{name[:80]}: is no table of settings and was not read")
    reader = _Reader(merged, problems)
    k8s = "plugins.k8s"
    periods = {
        field: reader.read(f"{k8s}.{field.replace('_', '-')}", _duration)
        for field in (
            "create_container_error_grace_period",
            "create_container_config_error_grace_period",
            "image_pull_backoff_grace_period",
            "pod_pending_timeout",
        )
    }
    if backend == "flyte-2":
        limits = {"max_system_failures": reader.read("executor.maxSystemFailures", _count)}
    else:
        node = "propeller.node-config"
        default_attempts = reader.read(f"{node}.default-max-attempts", _count)
        limits = {
            "max_system_failures": reader.read(f"{node}.max-node-retries-system-failures", _count),
            # 0 allows no retry, as 1 does (isEligibleForRetry).
            "default_max_attempts": None if default_attempts is None else max(default_attempts, 1),
            "ignore_retry_cause": reader.read(f"{node}.ignore-retry-cause", _boolean),
            "interruptible_failure_threshold": reader.read(f"{node}.interruptible-failure-threshold", _integer),
        }
    no_owners = reader.read(f"{k8s}.disable-inject-owner-references", _boolean) if backend == "flyte-2" else None
    return BackendConfig(
        stock=attrs.evolve(stock, **_given(periods)),
        limits=attrs.evolve(Limits(), **_given(limits)),
        inject_finalizer=bool(reader.read(f"{k8s}.inject-finalizer", _boolean)),
        owner_references=not no_owners,
        enabled_plugins=reader.read("tasks.task-plugins.enabled-plugins", _texts) or (),
        task_types=reader.read("tasks.task-plugins.default-for-task-types", _pairs) or {},
        settings=reader.settings,
        problems=tuple(problems),
    )


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _merge(
    into: dict[str, Any], document: Mapping[object, object], where: str, problems: list[str], depth: int = 0
) -> None:
    """Merge a document as viper does: what is no table never replaces a table."""
    if depth > _DEEPEST:
        problems.append(f"{where[:80]}: is nested deeper than {_DEEPEST} tables")
        return
    spellings: set[str] = set()
    for key, value in document.items():
        name = str(key).lower()
        if name in spellings:
            problems.append(f"{where[:80]}: has the key {name[:64]!r} twice, in two spellings")
        spellings.add(name)
        before = into.get(name)
        if isinstance(value, Mapping):
            table = before if isinstance(before, dict) else {}
            into[name] = table
            _merge(table, value, where, problems, depth + 1)
        elif not isinstance(before, dict):
            into[name] = value


class _Reader:
    """Reads single settings, and keeps what it read and what it could not."""

    def __init__(self, merged: Mapping[str, Any], problems: list[str]) -> None:
        self._merged = merged
        self._problems = problems
        self.settings: dict[str, object] = {}

    def read(self, name: str, convert: Callable[[object], Any]) -> Any:
        """Return a setting; None: it is not set, or not in a way that the backend takes."""
        value: object = self._merged
        for part in name.lower().split("."):
            if not isinstance(value, Mapping):
                if value is not None:
                    self._problems.append(f"{name}: one of its sections is no table")
                return None
            value = value.get(part)
        if value is None:
            return None
        try:
            converted = convert(value)
        except (ValueError, TypeError, OverflowError) as error:
            self._problems.append(f"{name}: {error}")
            return None
        if convert is _duration and not isinstance(value, str) and value:
            written = str(value)[:40]
            self._problems.append(
                f"{name}: the number {written} is in nanoseconds ({go_format(converted)}); write a unit: {written}s"
            )
        self.settings[name] = converted
        return converted


def _duration(value: object) -> float:
    """``config.Duration``: text as Go writes it, or a number of nanoseconds."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not math.isfinite(value) or abs(value) >= 1 << 63:
            raise ValueError(f"invalid duration {_shown(value)}; allowed: 30s, 3m0s, 1.5h")
        return int(value) / 1e9
    if value == "":
        return 0.0
    if not isinstance(value, str) or value != value.strip():
        raise ValueError(f"invalid duration {_shown(value)}; allowed: 30s, 3m0s, 1.5h")
    try:
        return seconds(value)
    except ValueError:
        raise ValueError(f"invalid duration {_shown(value)}; allowed: 30s, 3m0s, 1.5h") from None


def _integer(value: object) -> int:
    if isinstance(value, str):
        if value == "":
            return 0
        if not _INTEGER.fullmatch(value):
            raise ValueError(f"invalid number {_shown(value)}; allowed: a whole number")
        return int(value)
    if isinstance(value, (bool, int, float)):
        number = int(value)
        if abs(number) < 1 << 63:
            return number
    raise ValueError(f"invalid number {_shown(value)}; allowed: a whole number")


def _count(value: object) -> int:
    number = _integer(value)
    if number < 0:
        raise ValueError(f"invalid number {number}; allowed: 0 or more")
    return number


def _boolean(value: object) -> bool:
    if isinstance(value, (bool, int, float)):
        return bool(value)
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ValueError(f"invalid value {_shown(value)}; allowed: true or false")


def _texts(value: object) -> tuple[str, ...]:
    """Return a list, which may be written as text with commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(","))
    if isinstance(value, list):
        return tuple(str(part) for part in value)
    raise ValueError(f"invalid value {_shown(value)}; allowed: a list")


def _pairs(value: object) -> dict[str, str]:
    """Return a table, which may be written as a list of tables (sliceToMapHook)."""
    tables = value if isinstance(value, list) else [value]
    pairs: dict[str, str] = {}
    for table in tables:
        if not isinstance(table, Mapping):
            raise ValueError(f"invalid value {_shown(value)}; allowed: a table")
        pairs |= {str(key).lower(): str(plugin).lower() for key, plugin in table.items()}
    return pairs


def _shown(value: object) -> str:
    """Return a value for a message: a kind instead of anything long, which may be a secret in the wrong line."""
    return repr(value) if isinstance(value, (bool, int, float, str)) and len(str(value)) <= 40 else _kind(value)


def _kind(value: object) -> str:
    return f"of type {type(value).__name__}"
