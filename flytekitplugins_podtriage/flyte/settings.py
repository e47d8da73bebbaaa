"""The plugin's settings: the section ``podtriage`` of Flyte's configuration file, the environment, and arguments.

Precedence, highest first: arguments, environment (``FLYTE_PODTRIAGE_SYSTEM_RESERVE``), configuration file
(``podtriage: {system-reserve: 2}`` in YAML, ``[podtriage]`` in the older form), defaults. Settings are read when first
used, never on import. The file is the one that flytekit itself uses (``FLYTECTL_CONFIG`` and so on).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from flytekitplugins_podtriage.core import setting_values
from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.errors import InvalidRule, InvalidSettings
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN
from flytekitplugins_podtriage.core.rules.toml import load_rules
from flytekitplugins_podtriage.core.text.suggestions import did_you_mean
from flytekitplugins_podtriage.flyte.log_links import LinkTemplate

SECTION: Final = "podtriage"
PREFIX: Final = "FLYTE_PODTRIAGE_"
RUN_ON: Final = ("connector", "guard", "flyte-1.16", "flyte-2")
BODIES: Final = ("process", "inline")
CLUSTERS: Final = ("sandbox", "kubernetes")
SAFE_TO_EVICT: Final = "cluster-autoscaler.kubernetes.io/safe-to-evict=false"
_TASK_PATTERN: Final = re.compile(r"[\w.*?!\[\]-]+")
_SERVICE: Final = re.compile(r"_(?:SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_.*)?)?)$")
"""The variables that Kubernetes sets in a pod for each service of its namespace (kubernetes pkg/kubelet/envvars): those
of a service called ``flyte-podtriage-connector`` begin with :data:`PREFIX`."""


def _run_on(value: object) -> str:
    return setting_values.one_of(value, RUN_ON)


def _bodies(value: object) -> str:
    return setting_values.one_of(value, BODIES)


def _cluster(value: object) -> str:
    return setting_values.one_of(value, CLUSTERS)


def _pull_policy(value: object) -> str:
    return value if value == "" else setting_values.one_of(value, ("Always", "IfNotPresent", "Never"))


def _links(value: object) -> tuple[LinkTemplate, ...]:
    if isinstance(value, (list, tuple)) and all(isinstance(one, LinkTemplate) for one in value):
        return tuple(value)
    return tuple(LinkTemplate.parse(item) for item in setting_values.items(value))


def _tasks(value: object) -> tuple[str, ...]:
    """Return ``all``, ``marked``, or patterns of task names."""
    patterns = tuple(setting_values.items(value))
    alone = [word for word in ("all", "marked") if word in patterns and len(patterns) > 1]
    wrong = next((pattern for pattern in patterns if not _TASK_PATTERN.fullmatch(pattern)), None)
    if not patterns or alone or wrong is not None:
        shown = wrong if wrong is not None else value
        raise ValueError(
            f"invalid value {str(shown)[:80]!r}; allowed: marked, all, or patterns of task names: train*, app.etl.*"
        )
    return patterns


@attrs.frozen(slots=True)
class Settings:
    """All settings. Each field is a key of the section (with ``-`` for ``_``) and a variable of the environment."""

    user_patience: float = attrs.field(default=Policy().user_patience, converter=setting_values.duration)
    """As in :class:`~flytekitplugins_podtriage.Policy`: a duration (``3m``), or a number of seconds."""
    system_patience: float = attrs.field(default=Policy().system_patience, converter=setting_values.duration)
    """As ``user_patience``."""
    rules: str = attrs.field(default="", converter=setting_values.text)
    """Path of a TOML file with the user's own rules, tried before the built-in ones."""
    system_reserve: int = attrs.field(default=1, converter=setting_values.positive)
    """How many system retries are kept back while user retries are left."""
    max_system_failures: int = attrs.field(default=3, converter=setting_values.count)
    """The backend's ``max-node-retries-system-failures``, which connectors are not given."""
    tasks: tuple[str, ...] = attrs.field(default=("marked",), converter=_tasks)
    """Which plain ``@task`` and ``@dynamic`` functions run as podtriage's: none (``marked``), ``all``, or those whose
    name, or its end, matches a pattern: ``train*`` matches ``app.workflows.train_model``."""
    run_on: str = attrs.field(default="connector", converter=_run_on)
    """The backend that a local run imitates: Flyte with the connector, with the guard, or stock Flyte."""
    plan: str = attrs.field(default="", converter=setting_values.text)
    """The fault plan of a local run, one fault a line or separated by semicolons; or ``@FILE``."""
    bodies: str = attrs.field(default="process", converter=_bodies)
    """Where a local run's task bodies run: each in a process of its own, or in this one."""
    run_commands: bool = attrs.field(default=False, converter=setting_values.boolean)
    """Whether a local run executes the commands of container tasks here; if not, the plan says how they end."""
    compare: bool = attrs.field(default=True, converter=setting_values.boolean)
    """Whether a local run with failed attempts also shows what the other backends would have done."""
    cluster: str = attrs.field(default="sandbox", converter=_cluster)
    """Where a local run's pods run: in the embedded sandbox, or in the Kubernetes of the kubeconfig."""
    context: str = attrs.field(default="", converter=setting_values.text)
    """The context of the kubeconfig; empty: the current one, or the pod's own service account."""
    namespaces: tuple[str, ...] = attrs.field(default=(), converter=setting_values.namespaces)
    """The namespaces in which the connector runs pods; none: all. A local run uses the first of them, or the context's
    namespace."""
    log_links: tuple[LinkTemplate, ...] = attrs.field(default=(), converter=_links)
    """Links to a pod's logs, each ``NAME=https://...`` with Flyte's variables (``{{ .podName }}``) in it."""
    keep_finished: float = attrs.field(default=600.0, converter=setting_values.duration)
    """How long the connector keeps a pod that has ended if FlytePropeller does not ask about it. It records the end
    before it deletes the pod."""
    orphaned_after: float = attrs.field(default=1800.0, converter=setting_values.duration)
    """How often the connector asks whether the execution of a pod that runs is over, and deletes the pod if it is."""
    pod_annotations: Mapping[str, str] = attrs.field(default=SAFE_TO_EVICT, converter=setting_values.pairs)
    """The backend's ``plugins.k8s.default-annotations``, which connectors are not given. Flyte's by default."""
    pod_labels: Mapping[str, str] = attrs.field(default="", converter=setting_values.pairs)
    """The backend's ``plugins.k8s.default-labels``, which connectors are not given."""
    image_pull_policy: str = attrs.field(default="", converter=_pull_policy)
    """The backend's ``plugins.k8s.image-pull-policy``, for containers without one; connectors are not given it."""
    pod_pending_timeout: float = attrs.field(default=0.0, converter=setting_values.duration)
    """The backend's ``plugins.k8s.pod-pending-timeout``: how long a pod may be pending; 0: for ever."""
    ignore_retry_cause: bool = attrs.field(default=False, converter=setting_values.boolean)
    """The backend's ``node-config.ignore-retry-cause``: both kinds are counted together, and there is no choice."""
    default_max_attempts: int = attrs.field(default=1, converter=setting_values.positive)
    """The backend's ``node-config.default-max-attempts``, of tasks without retries of their own."""

    def limits(self, retries: int, *, interruptible: bool = False) -> Limits:
        """Return what the backend allows a task with this number of retries."""
        return Limits(
            retries=retries,
            max_system_failures=self.max_system_failures,
            default_max_attempts=self.default_max_attempts,
            ignore_retry_cause=self.ignore_retry_cause,
            interruptible=interruptible,
        )

    def policy(self) -> Policy:
        """Return podtriage's own policy with these settings.

        Raises:
            InvalidSettings: the file of rules cannot be read, or is not valid.
        """
        rulebook = None
        if self.rules:
            try:
                with open(self.rules, encoding="utf-8") as file:
                    rulebook = BUILT_IN.with_rules(load_rules(file.read(), self.rules))
            except (OSError, UnicodeError, InvalidRule) as error:
                raise InvalidSettings(f"rules {self.rules}: {error}") from error
        return Policy(
            user_patience=self.user_patience,
            system_patience=self.system_patience,
            pod_pending_timeout=self.pod_pending_timeout,
            rules=rulebook,
        )


_FIELDS: Final = {field.name: field for field in attrs.fields(Settings)}


def read_settings(
    arguments: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    config_file: Any = None,
) -> Settings:
    """Read the settings.

    Args:
        arguments: settings given explicitly; those with the value None are ignored.
        environ: the environment; None: that of the process.
        config_file: path of Flyte's configuration, or flytekit's ``ConfigFile``; None: the one that flytekit uses.

    Raises:
        InvalidSettings: a setting is unknown or its value invalid.
    """
    values = _read_file(config_file)
    for variable, text in sorted((os.environ if environ is None else environ).items()):
        if variable.startswith(PREFIX) and not _SERVICE.search(variable):
            source = f"environment variable {variable}"
            values[_field_name(variable[len(PREFIX) :].lower(), source)] = (text, source)
    for name, argument in (arguments or {}).items():
        _field_name(name, "arguments")
        if argument is not None:
            values[name] = (argument, f"argument {name}")
    return Settings(**{name: _converted(name, value, source) for name, (value, source) in values.items()})


def _read_file(config_file: Any) -> dict[str, tuple[object, str]]:
    """Return the values in the configuration file's section, each with its source for messages."""
    from flytekit.configuration.file import ConfigEntry, LegacyConfigEntry, YamlConfigEntry, get_config_file

    # Without flytekit's cache, which is filled by `import flytekit`: `pyflyte -c FILE` names its file after that.
    cfg = getattr(get_config_file, "__wrapped__", get_config_file)(config_file)
    if cfg is None:
        return {}
    source = f"section {SECTION} of Flyte's configuration"
    section: object = {}
    if cfg.legacy_config is not None:
        section = dict(cfg.legacy_config.items(SECTION)) if cfg.legacy_config.has_section(SECTION) else {}
    elif isinstance(cfg.yaml_config, dict):
        section = cfg.yaml_config.get(SECTION, {})
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise InvalidSettings(f"{source}: invalid value {section!r}; allowed: a table with {_setting_names()}")
    values: dict[str, tuple[object, str]] = {}
    for key, raw in section.items():
        name = _field_name(str(key).replace("-", "_"), source)
        entry = ConfigEntry(LegacyConfigEntry(SECTION, str(key)), YamlConfigEntry(f"{SECTION}.{key}"))
        value = entry.legacy.read_from_file(cfg) if cfg.legacy_config else entry.yaml_entry.read_from_file(cfg)
        # flytekit's entry returns None for 0 and "" in YAML.
        values[name] = (raw if value is None else value, f"{source}: {key}")
    return values


def _field_name(name: str, source: str) -> str:
    if name not in _FIELDS:
        hint = did_you_mean(name, (known.replace("_", "-") for known in _FIELDS))
        raise InvalidSettings(f"{source}: unknown setting {name[:64]!r};{hint} allowed: {_setting_names()}")
    return name


def _setting_names() -> str:
    return ", ".join(name.replace("_", "-") for name in _FIELDS)


def _converted(name: str, value: object, source: str) -> object:
    converter = _FIELDS[name].converter
    assert callable(converter)
    try:
        return converter(value)
    except (ValueError, TypeError) as error:
        raise InvalidSettings(f"{source}: {error}") from error
