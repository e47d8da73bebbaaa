"""The plugin's settings: the section ``podtriage`` of Flyte's configuration file, the environment, and arguments.

Arguments go before the environment (``FLYTE_PODTRIAGE_SYSTEM_RESERVE``), the environment before the file
(``podtriage: {system-reserve: 2}`` in YAML, ``[podtriage]`` in the older form), the file before the defaults. They are
read when first used, never on import. The file is the one that flytekit itself finds (``FLYTECTL_CONFIG`` and so on).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.durations import seconds
from flytekitplugins_podtriage.core.errors import InvalidRule
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN
from flytekitplugins_podtriage.core.rules.toml import load_rules
from flytekitplugins_podtriage.flyte.log_links import LinkTemplate

SECTION: Final = "podtriage"
PREFIX: Final = "FLYTE_PODTRIAGE_"
RUN_ON: Final = ("connector", "guard", "flyte-1.16", "flyte-2")
BODIES: Final = ("process", "inline")
CLUSTERS: Final = ("sandbox", "kubernetes")
SAFE_TO_EVICT: Final = "cluster-autoscaler.kubernetes.io/safe-to-evict=false"
_NAMESPACE: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_SERVICE: Final = re.compile(r"_(?:SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_.*)?)?)$")
"""What Kubernetes puts into a pod's environment for each service of its namespace (kubernetes pkg/kubelet/envvars): for
one called ``flyte-podtriage-connector`` it begins as our variables do."""
_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "no", "off"})


class InvalidSettings(ValueError):
    """A setting is unknown, or its value is; the message is one line: where, what, and what is allowed."""


def _duration(value: object) -> float:
    found = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else seconds(str(value))
    if not 0 <= found <= 366 * 86400:
        raise ValueError(f"{value!r} is no time to wait; allowed: 0s to 366 days, as 90s or 1h30m")
    return found


def _number(value: object, least: int) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not text.isdigit() or not least <= int(text) <= 1000:
        raise ValueError(f"{value!r} is no such number; allowed: {least} to 1000")
    return int(text)


def _reserve(value: object) -> int:
    return _number(value, 1)


def _failures(value: object) -> int:
    return _number(value, 0)


def _one_of(value: object, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"{value!r} is none; allowed: {', '.join(allowed)}")
    return str(value)


def _backend(value: object) -> str:
    return _one_of(value, RUN_ON)


def _bodies(value: object) -> str:
    return _one_of(value, BODIES)


def _cluster(value: object) -> str:
    return _one_of(value, CLUSTERS)


def _switch(value: object) -> bool:
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise ValueError(f"{value!r} is neither; allowed: true, false")
    return text in _TRUE


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _parts(value: object) -> list[str]:
    """Return the parts of a setting that may be many: a list, or text with commas or line ends between them."""
    parts = value if isinstance(value, (list, tuple)) else _text(value).replace("\n", ",").split(",")
    return [part for part in (_text(part).strip() for part in parts) if part]


def _links(value: object) -> tuple[LinkTemplate, ...]:
    if isinstance(value, (list, tuple)) and all(isinstance(one, LinkTemplate) for one in value):
        return tuple(value)
    return tuple(LinkTemplate.parse(part) for part in _parts(value))


def _pairs(value: object) -> dict[str, str]:
    """Return pairs: a table, or ``name=value`` as :func:`_parts` takes them."""
    if isinstance(value, Mapping):
        return {_text(name): str(item) for name, item in value.items()}
    pairs = [part.partition("=") for part in _parts(value)]
    for name, equals, _ in pairs:
        if not (name.strip() and equals):
            raise ValueError(f"{name[:80]!r} is no pair; allowed: name=value, several with commas between them")
    return {name.strip(): item.strip() for name, _, item in pairs}


def _pull_policy(value: object) -> str:
    return value if value == "" else _one_of(value, ("Always", "IfNotPresent", "Never"))


def _attempts(value: object) -> int:
    return _number(value, 1)


def _namespaces(value: object) -> tuple[str, ...]:
    names = _parts(value)
    for name in names:
        if not _NAMESPACE.fullmatch(name):
            raise ValueError(f"{name[:80]!r} is no namespace; allowed: a-z, 0-9 and -, up to 63 characters")
    return tuple(names)


@attrs.frozen(slots=True)
class Settings:
    """What can be set. Each field is a key of the section (with ``-`` for ``_``) and a variable of the environment."""

    user_patience: float = attrs.field(default=Policy().user_patience, converter=_duration)
    """As in :class:`~flytekitplugins_podtriage.Policy`: a duration (``3m``), or a number of seconds."""
    system_patience: float = attrs.field(default=Policy().system_patience, converter=_duration)
    """Likewise."""
    rules: str = attrs.field(default="", converter=_text)
    """Path of a TOML file with rules of one's own, tried ahead of the built-in ones."""
    system_reserve: int = attrs.field(default=1, converter=_reserve)
    """How much of the platform's budget is kept back while the user's could pay."""
    max_system_failures: int = attrs.field(default=3, converter=_failures)
    """The backend's ``max-node-retries-system-failures``: a connector is not told it."""
    run_on: str = attrs.field(default="connector", converter=_backend)
    """Whose rules a local run goes by: the connector's, the guard's, or those of a stock backend."""
    plan: str = attrs.field(default="", converter=_text)
    """The faults of a local run: a plan, one fault a line or between semicolons; or ``@FILE``."""
    bodies: str = attrs.field(default="process", converter=_bodies)
    """Where a local run's task bodies run: each in a process of its own, or in this one."""
    run_commands: bool = attrs.field(default=False, converter=_switch)
    """Whether a local run runs the commands of container tasks on this machine; without, the plan says how they end."""
    compare: bool = attrs.field(default=True, converter=_switch)
    """Whether a local run with failed attempts also shows what the other backends would have done."""
    cluster: str = attrs.field(default="sandbox", converter=_cluster)
    """Where a local run's pods run: in the embedded sandbox, or in the Kubernetes of the kubeconfig."""
    context: str = attrs.field(default="", converter=_text)
    """The context of the kubeconfig; empty: the current one, or the pod's own service account."""
    namespaces: tuple[str, ...] = attrs.field(default=(), converter=_namespaces)
    """The namespaces in which the connector runs pods; none: all. A local run's pods run in the first of them, or in
    the context's."""
    log_links: tuple[LinkTemplate, ...] = attrs.field(default=(), converter=_links)
    """Links to a pod's logs, each ``NAME=https://...`` with Flyte's variables (``{{ .podName }}``) in it."""
    keep_finished: float = attrs.field(default=600.0, converter=_duration)
    """How long the connector leaves a pod that has ended, and that nobody has asked for, before it records the end and
    deletes the pod."""
    orphaned_after: float = attrs.field(default=1800.0, converter=_duration)
    """After how long without a question about a pod the connector finds out whether its execution is over."""

    pod_annotations: Mapping[str, str] = attrs.field(default=SAFE_TO_EVICT, converter=_pairs)
    """The backend's ``plugins.k8s.default-annotations``: propeller hands none on to connectors. Flyte's by default."""
    pod_labels: Mapping[str, str] = attrs.field(default="", converter=_pairs)
    """The backend's ``plugins.k8s.default-labels``, likewise."""
    image_pull_policy: str = attrs.field(default="", converter=_pull_policy)
    """The backend's ``plugins.k8s.image-pull-policy``, likewise; for containers that say nothing."""
    pod_pending_timeout: float = attrs.field(default=0.0, converter=_duration)
    """The backend's ``plugins.k8s.pod-pending-timeout``: how long a pod may be pending at all; 0: any time."""
    ignore_retry_cause: bool = attrs.field(default=False, converter=_switch)
    """The backend's ``node-config.ignore-retry-cause``: one budget for both kinds, and so nothing to choose."""
    default_max_attempts: int = attrs.field(default=1, converter=_attempts)
    """The backend's ``node-config.default-max-attempts``: of tasks without retries of their own."""

    def limits(self, retries: int, *, interruptible: bool = False) -> Limits:
        """Return what the backend allows a task with so many retries."""
        return Limits(
            retries=retries,
            max_system_failures=self.max_system_failures,
            default_max_attempts=self.default_max_attempts,
            ignore_retry_cause=self.ignore_retry_cause,
            interruptible=interruptible,
        )

    def policy(self) -> Policy:
        """Return podtriage's own policy as these settings have it.

        Raises:
            InvalidSettings: the file of rules cannot be read, or holds no rules.
        """
        book = None
        if self.rules:
            try:
                with open(self.rules, encoding="utf-8") as file:
                    book = BUILT_IN.with_rules(load_rules(file.read(), self.rules))
            except (OSError, UnicodeError, InvalidRule) as error:
                raise InvalidSettings(f"rules {self.rules}: {error}") from error
        return Policy(
            user_patience=self.user_patience,
            system_patience=self.system_patience,
            pod_pending_timeout=self.pod_pending_timeout,
            rules=book,
        )


_KEYS: Final = {field.name: field for field in attrs.fields(Settings)}


def read_settings(
    arguments: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    config_file: Any = None,
) -> Settings:
    """Read the settings.

    Args:
        arguments: what was said explicitly; None values are as if not said.
        environ: the environment; None: that of the process.
        config_file: path of Flyte's configuration, or flytekit's ``ConfigFile``; None: the one that flytekit finds.

    Raises:
        InvalidSettings: a key is unknown or a value not allowed.
    """
    found = _of_file(config_file)
    for variable, text in sorted((os.environ if environ is None else environ).items()):
        if variable.startswith(PREFIX) and not _SERVICE.search(variable):
            where = f"environment variable {variable}"
            found[_known(variable[len(PREFIX) :].lower(), where, _KEYS)] = (text, where)
    for name, argument in (arguments or {}).items():
        _known(name, "arguments", _KEYS)
        if argument is not None:
            found[name] = (argument, f"argument {name}")
    return Settings(**{name: _converted(name, value, where) for name, (value, where) in found.items()})


def _of_file(config_file: Any) -> dict[str, tuple[object, str]]:
    """Return the values of the configuration file's section and where each stands."""
    from flytekit.configuration.file import ConfigEntry, LegacyConfigEntry, YamlConfigEntry, get_config_file

    cfg = get_config_file(config_file)
    if cfg is None:
        return {}
    where = f"section {SECTION} of Flyte's configuration"
    raw: Mapping[str, object] = {}
    if cfg.legacy_config is not None:
        raw = dict(cfg.legacy_config.items(SECTION)) if cfg.legacy_config.has_section(SECTION) else {}
    elif isinstance(cfg.yaml_config, dict):
        section = cfg.yaml_config.get(SECTION)
        if section is not None and not isinstance(section, dict):
            raise InvalidSettings(f"{where}: {section!r} is no table of settings; allowed: {_spelt(_KEYS)}")
        raw = section or {}
    found: dict[str, tuple[object, str]] = {}
    for key, value in raw.items():
        name = _known(str(key).replace("-", "_"), where, _KEYS)
        entry = ConfigEntry(LegacyConfigEntry(SECTION, str(key)), YamlConfigEntry(f"{SECTION}.{key}"))
        # flytekit's entry takes 0 and "" of YAML for absent.
        read = entry.legacy.read_from_file(cfg) if cfg.legacy_config else entry.yaml_entry.read_from_file(cfg)
        found[name] = (value if read is None else read, f"{where}: {key}")
    return found


def _known(name: str, where: str, allowed: Mapping[str, object]) -> str:
    if name not in allowed:
        raise InvalidSettings(f"{where}: no setting {name[:64]!r}; allowed: {_spelt(allowed)}")
    return name


def _spelt(names: Mapping[str, object]) -> str:
    return ", ".join(name.replace("_", "-") for name in names)


def _converted(name: str, value: object, where: str) -> object:
    converter = _KEYS[name].converter
    assert callable(converter)
    try:
        return converter(value)
    except (ValueError, TypeError) as error:
        raise InvalidSettings(f"{where}: {error}") from error
