"""The guard's settings: a YAML file of its own, and options of the command line.

Precedence, highest first: options, the file, FlytePropeller's ConfigMap (for the settings that are the backend's own),
defaults. Keys are written with ``-``. A key that is unknown and a value that is not allowed are one line that says
where, what, and what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs
import yaml
from attrs.converters import optional

from flytekitplugins_podtriage.core import setting_values as values
from flytekitplugins_podtriage.core.accounting import FLYTE_2_SYSTEM_FAILURES, Limits
from flytekitplugins_podtriage.core.errors import InvalidRule, InvalidSettings
from flytekitplugins_podtriage.core.guard.policy import GUARDED_BACKENDS, Caps, GuardPolicy, Mode
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN
from flytekitplugins_podtriage.core.rules.toml import load_rules
from flytekitplugins_podtriage.core.text.suggestions import did_you_mean

SELECTORS: Final = {"flyte-1.16": "execution-id", "flyte-2": "flyte.org/managed=true"}
"""The labels that a backend gives to all its pods."""
_LARGEST_FILE: Final = 1_000_000
_NAME: Final = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?")
_MODES: Final = tuple(map(str, Mode))


def _backend(value: object) -> str:
    return values.one_of(value, GUARDED_BACKENDS)


def _mode(value: object) -> Mode:
    return Mode(values.one_of(str(value), _MODES))


def _modes(value: object) -> dict[str, Mode]:
    """Return modes by namespace: of a table, or of items ``namespace=mode``."""
    return {values.namespace(name): _mode(mode) for name, mode in values.pairs(value).items()}


def _name(value: object) -> str:
    name = values.text(value)
    if not _NAME.fullmatch(name):
        raise ValueError(f"invalid name {name[:80]!r}; allowed: a-z, 0-9, - and ., up to 253 characters")
    return name


def _namespace_or_none(value: object) -> str:
    return "" if value == "" else values.namespace(value)


def _objects(value: object) -> tuple[str, ...]:
    """Return names of objects with their namespaces."""
    names = tuple(values.items(value))
    for name in names:
        namespace, slash, rest = name.partition("/")
        if not slash:
            raise ValueError(f"invalid object {name[:80]!r}; allowed: NAMESPACE/NAME")
        values.namespace(namespace)
        _name(rest)
    return names


def _port(value: object) -> int:
    return values.integer(value, 0, 65535)


@attrs.frozen(kw_only=True, slots=True)
class GuardSettings:
    """All settings of ``podtriage guard``. Each field is a key of the file, with ``-`` for ``_``."""

    # What is guarded

    backend: str = attrs.field(default="flyte-1.16", converter=_backend)
    """The backend that runs the pods: ``flyte-1.16`` or ``flyte-2``."""
    mode: Mode = attrs.field(default=Mode.OBSERVE, converter=_mode)
    """The mode of namespaces without one of their own: ``observe`` reports what would be done, ``enforce`` does it."""
    namespace_modes: Mapping[str, Mode] = attrs.field(factory=dict, converter=_modes)
    """The mode of single namespaces: a table, or ``flytesnacks-production=enforce`` with commas between several."""
    namespaces: tuple[str, ...] = attrs.field(default=(), converter=values.namespaces)
    """The namespaces whose pods are guarded, one watch each; none: all, with a single watch."""
    selector: str = attrs.field(default="", converter=values.text)
    """The label selector of the pods that are watched; empty: the labels that the backend gives to its pods."""

    # When it acts

    margin: float = attrs.field(default=5.0, converter=values.duration)
    """How long before stock Flyte charges the user the guard acts, if nothing else is due."""
    clock_skew: float = attrs.field(default=2.0, converter=values.duration)
    """By how much FlytePropeller's clock may differ from the API server's; added to the margin."""
    system_reserve: int = attrs.field(default=1, converter=values.positive)
    """How many system retries the guard never spends (1.16)."""
    max_system_restarts: int = attrs.field(default=FLYTE_2_SYSTEM_FAILURES, converter=values.count)
    """How many SYSTEM restarts a TaskAction gets before the user pays (Flyte 2)."""
    cap_per_execution: int = attrs.field(default=Caps().per_execution, converter=values.count)
    """How many pods of one execution the guard ends within an hour."""
    cap_per_namespace: int = attrs.field(default=Caps().per_namespace, converter=values.count)
    """How many pods of one namespace the guard ends within a minute."""
    cap_per_minute: int = attrs.field(default=Caps().per_minute, converter=values.count)
    """How many pods the guard ends within a minute, in all."""
    fail_fast: bool = attrs.field(default=False, converter=values.boolean)
    """Whether pods that can only fail (image not found, wrong platform) are ended early, charged to the user."""
    fail_fast_after: float = attrs.field(default=30.0, converter=values.duration)
    """How old such a pod is at least."""
    rescue: bool = attrs.field(default=False, converter=values.boolean)
    """Whether the reason of pods that ended already is corrected where the charge would be wrong (1.16 only)."""

    # How it judges

    user_patience: float = attrs.field(default=Policy().user_patience, converter=values.duration)
    """podtriage's own grace period for a pod that cannot start for a user-side or unknown reason."""
    system_patience: float = attrs.field(default=Policy().system_patience, converter=values.duration)
    """The same for a platform-side reason."""
    rules: str = attrs.field(default="", converter=values.text)
    """Path of a TOML file with your own rules, tried before the built-in ones."""

    # The backend's own settings

    propeller_config: tuple[str, ...] = attrs.field(default=("flyte/flyte-propeller-config",), converter=_objects)
    """FlytePropeller's ConfigMap, ``NAMESPACE/NAME``, or several: the first that exists is read. Empty: none is."""
    propeller_deployment: tuple[str, ...] = attrs.field(default=("flyte/flytepropeller",), converter=_objects)
    """FlytePropeller's Deployment, likewise: the tag of its image is the backend's version."""
    backend_version: str = attrs.field(default="", converter=values.text)
    """The backend's version, where the image's tag does not tell. Of a version that podtriage does not know everything
    is observed only."""
    image_pull_backoff_grace_period: float | None = attrs.field(default=None, converter=optional(values.duration))
    """``plugins.k8s.image-pull-backoff-grace-period``."""
    create_container_error_grace_period: float | None = attrs.field(default=None, converter=optional(values.duration))
    """``plugins.k8s.create-container-error-grace-period``."""
    create_container_config_error_grace_period: float | None = attrs.field(
        default=None, converter=optional(values.duration)
    )
    """``plugins.k8s.create-container-config-error-grace-period``."""
    pod_pending_timeout: float | None = attrs.field(default=None, converter=optional(values.duration))
    """``plugins.k8s.pod-pending-timeout``; ``0s`` is off."""
    max_system_failures: int | None = attrs.field(default=None, converter=optional(values.count))
    """``node-config.max-node-retries-system-failures``."""
    default_max_attempts: int | None = attrs.field(default=None, converter=optional(values.positive))
    """``node-config.default-max-attempts``."""
    ignore_retry_cause: bool | None = attrs.field(default=None, converter=optional(values.boolean))
    """``node-config.ignore-retry-cause``. Where it is on the guard stays in ``observe``: both kinds cost the same."""
    retries: int = attrs.field(default=0, converter=values.count)
    """The user retries of tasks whose own cannot be read (dynamic children, offloaded workflows)."""

    # The program itself

    context: str = attrs.field(default="", converter=values.text)
    """The context of the kubeconfig; empty: the current one, or the pod's own service account."""
    cluster: str = attrs.field(default="", converter=values.text)
    """The cluster's name in audit lines; empty: that of the context."""
    lease_namespace: str = attrs.field(default="", converter=_namespace_or_none)
    """The namespace of the Lease and of the switch; empty: the pod's own, or the context's."""
    lease_name: str = attrs.field(default="podtriage-guard", converter=_name)
    """The Lease by which one replica acts. Each shard of FlytePropeller that has a guard of its own needs its own."""
    switch: str = attrs.field(default="podtriage-guard-switch", converter=_name)
    """The ConfigMap whose key ``mode`` with the value ``observe`` stops all acts within 5 s, without a restart."""
    host: str = attrs.field(default="0.0.0.0", converter=values.text)  # noqa: S104  # probes come from the node
    """The address of ``/healthz``, ``/readyz`` and ``/metrics``; ``::`` for IPv6."""
    port: int = attrs.field(default=9090, converter=_port)
    """Their port; 0: any that is free."""
    audit_log: str = attrs.field(default="-", converter=values.text)
    """Where audit lines go: ``-`` is standard output, else the path of a file that is appended to."""

    @property
    def pod_selector(self) -> str:
        """The label selector of the pods that are watched."""
        return self.selector or SELECTORS[self.backend]

    def policy(self, stock: Policy | None = None, limits: Limits | None = None) -> GuardPolicy:
        """Return the settings of the guard's decisions.

        Args:
            stock: the backend's grace periods as its ConfigMap has them; None: Flyte's defaults.
            limits: the backend's limits as its ConfigMap has them; None: Flyte's defaults.

        Raises:
            InvalidSettings: two settings exclude each other, or the file of rules cannot be used.
        """
        grace_periods = ("image_pull_backoff", "create_container_error", "create_container_config_error")
        names = (*(f"{name}_grace_period" for name in grace_periods), "pod_pending_timeout")
        set_limits = {"max_system_failures", "default_max_attempts", "ignore_retry_cause"}
        stock = attrs.evolve(stock or Policy.for_backend(self.backend), **self._given(names))
        limits = attrs.evolve(limits or Limits(), retries=self.retries, **self._given(set_limits))
        own = Policy(
            user_patience=self.user_patience,
            system_patience=self.system_patience,
            pod_pending_timeout=stock.pod_pending_timeout,
            rules=BUILT_IN.with_rules(self._own_rules()) if self.rules else None,
        )
        try:
            return GuardPolicy(
                backend=self.backend,
                stock=stock,
                own=own,
                limits=limits,
                mode=self.mode,
                namespace_modes=self.namespace_modes,  # type: ignore[arg-type]  # mypy reads MappingProxyType's own
                system_reserve=self.system_reserve,
                max_system_restarts=self.max_system_restarts,
                margin=self.margin,
                clock_skew=self.clock_skew,
                caps=Caps(
                    per_execution=self.cap_per_execution,
                    per_namespace=self.cap_per_namespace,
                    per_minute=self.cap_per_minute,
                ),
                fail_fast=self.fail_fast,
                fail_fast_after=self.fail_fast_after,
                rescue=self.rescue,
            )
        except ValueError as error:
            raise InvalidSettings(str(error)) from error

    def _given(self, names: Any) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def _own_rules(self) -> Any:
        try:
            with open(self.rules, encoding="utf-8") as file:
                return load_rules(file.read(), self.rules)
        except (OSError, UnicodeError, InvalidRule) as error:
            message = str(error)
            raise InvalidSettings(message if self.rules in message else f"rules {self.rules}: {message}") from error


FIELDS: Final = {field.name: field for field in attrs.fields(GuardSettings)}


def keys() -> tuple[str, ...]:
    """Return the keys of the file."""
    return tuple(name.replace("_", "-") for name in FIELDS)


def read_settings(path: str | None = None, options: Mapping[str, tuple[object, str]] | None = None) -> GuardSettings:
    """Read the settings.

    Args:
        path: a YAML file; None: there is none.
        options: settings of the command line, each with the name of its option for messages.

    Raises:
        InvalidSettings: the file cannot be read, a setting is unknown, or its value invalid.
    """
    given: dict[str, tuple[object, str]] = {}
    if path is not None:
        for key, value in _read_file(path).items():
            given[field_name(str(key), path)] = (value, f"{path}: {key}")
    given |= {field_name(key, source): (value, source) for key, (value, source) in (options or {}).items()}
    converted = {name: _converted(name, value, source) for name, (value, source) in given.items()}
    settings = GuardSettings(**converted)
    settings.policy()  # what excludes each other is refused here, not at the first decision
    return settings


def field_name(key: str, source: str) -> str:
    """Return the field of a key.

    Raises:
        InvalidSettings: there is none of that name.
    """
    name = key.replace("-", "_")
    if name not in FIELDS:
        hint = did_you_mean(key, keys())
        raise InvalidSettings(f"{source}: unknown setting {key[:64]!r};{hint} allowed: {', '.join(keys())}")
    return name


def _read_file(path: str) -> Mapping[object, object]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(_LARGEST_FILE + 1)
        if len(text) > _LARGEST_FILE:
            raise InvalidSettings(f"{path}: is too large; allowed: 1 MB")
        document = yaml.safe_load(text)
    except OSError as error:
        raise InvalidSettings(f"{path}: {(error.strerror or str(error)).lower()}; allowed: a YAML file") from error
    except (yaml.YAMLError, UnicodeError, RecursionError, ValueError) as error:
        if isinstance(error, InvalidSettings):
            raise
        raise InvalidSettings(f"{path}: is not YAML: {' '.join(str(error).split())[:200]}") from error
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        kind = type(document).__name__
        raise InvalidSettings(f"{path}: invalid document of type {kind}; allowed: a table with {', '.join(keys())}")
    return document


def _converted(name: str, value: object, source: str) -> object:
    converter = FIELDS[name].converter
    assert converter is not None
    if value is None:
        raise InvalidSettings(f"{source}: no value; leave the key out for the default")
    try:
        return converter(value)  # type: ignore[operator]  # attrs' own type of a converter is wider
    except (ValueError, TypeError) as error:
        raise InvalidSettings(f"{source}: {error}") from error
