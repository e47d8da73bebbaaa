"""Options that several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from flytekitplugins_podtriage.cli.completers import complete_file
from flytekitplugins_podtriage.cli.errors import InputError
from flytekitplugins_podtriage.core.text.suggestions import did_you_mean

if TYPE_CHECKING:
    from flytekitplugins_podtriage.core.policy import Policy
    from flytekitplugins_podtriage.core.rules.rulebook import RuleBook

F = TypeVar("F", bound=Callable[..., Any])

STOCK_BACKENDS = ("flyte-1.16", "flyte-2")
BACKENDS = ("podtriage", *STOCK_BACKENDS)
"""As in core.policy; repeated here so that ``--help`` need not import it (a test compares them)."""


def _complete_setting(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the keys of ``--set`` that begin with a word."""
    keys = (f"{name.replace('_', '-')}=" for name in duration_fields())
    return [key for key in keys if key.startswith(incomplete)]


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
html_option = click.option(
    "--html",
    "html",
    metavar="FILE",
    shell_complete=complete_file,
    help="Write a self-contained HTML page to FILE (- for stdout).",
)
rules_option = click.option(
    "--rules",
    "rules_file",
    metavar="FILE",
    shell_complete=complete_file,
    help="Apply your own rules (TOML) before the built-in ones.",
)
now_option = click.option(
    "--now",
    "now",
    metavar="T",
    help="Evaluate as of T: RFC 3339, or 'last' for the last time in the record. Default: the current time.",
)
settings_option = click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    shell_complete=_complete_setting,
    help="Override a plugins.k8s setting, e.g. image-pull-backoff-grace-period=5m; repeatable.",
)


def examples(*commands: str) -> str:
    """Return example commands as the epilog of a command's help."""
    return "\n".join(("\b", "Examples:", *(f"  {command}" for command in commands)))


def backend_option(
    default: str, backends: Iterable[str] = BACKENDS, text: str = "Judge as this backend."
) -> Callable[[F], F]:
    """Return the option ``--backend``."""
    return click.option(
        "--backend",
        type=click.Choice(list(backends)),
        default=default,
        show_default=True,
        help=text,
    )


def read_settings(settings: Iterable[str]) -> dict[str, float]:
    """Read ``KEY=VALUE`` settings; keys as in ``plugins.k8s`` or as fields of Policy, durations as Go writes them.

    Raises:
        InputError: a key is unknown, or a value is not a duration.
    """
    from flytekitplugins_podtriage.core.durations import seconds

    values = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        field = key.strip().replace("-", "_")
        if not equals or field not in duration_fields():
            keys = sorted(name.replace("_", "-") for name in duration_fields())
            problem = f"unknown setting;{did_you_mean(key.strip(), keys)}" if equals else "no value;"
            raise InputError(f"--set {setting[:80]!r}: {problem} expected KEY=VALUE with a KEY of {', '.join(keys)}")
        try:
            text = value.strip()
            values[field] = float(text) if text.replace(".", "", 1).isdigit() else seconds(text)
        except ValueError as error:
            raise InputError(f"--set {key}: {error}") from error
    return values


def duration_fields() -> tuple[str, ...]:
    """Return the names of Policy's fields that are durations."""
    import attrs

    from flytekitplugins_podtriage.core.policy import Policy

    return tuple(field.name for field in attrs.fields(Policy) if isinstance(field.default, float))


def read_rules(path: str | None) -> RuleBook | None:
    """Return the user's own rules, before the built-in ones; None without a file of them.

    Raises:
        InputError: the file cannot be read, or a rule in it is invalid.
    """
    if path is None:
        return None
    from flytekitplugins_podtriage.cli.input import read_text
    from flytekitplugins_podtriage.core.errors import InvalidRule
    from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN
    from flytekitplugins_podtriage.core.rules.toml import load_rules

    try:
        return BUILT_IN.with_rules(load_rules(read_text(path), path))
    except InvalidRule as error:
        message = str(error)
        raise InputError(message if path in message else f"{path}: {message}") from error


def policies(
    backends: Iterable[str], settings: Mapping[str, float] | None = None, rules: RuleBook | None = None
) -> dict[str, Policy]:
    """Return the policies of some backends with the user's settings, and podtriage's with the user's rules."""
    import attrs

    from flytekitplugins_podtriage.core.policy import Policy

    by_backend = {}
    for backend in backends:
        policy = attrs.evolve(Policy.for_backend(backend), **(settings or {}))  # type: ignore[arg-type]  # durations
        by_backend[backend] = attrs.evolve(policy, rules=rules) if policy.dialect is None else policy
    return by_backend


def is_default(name: str) -> bool:
    """Whether an option of the running command was not given."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.DEFAULT


def assumptions(known: Iterable[str] = ()) -> tuple[str, ...]:
    """Return what the running command was not given of a task's retries and its backend, as phrases.

    ``known`` are the options whose values are known from elsewhere.
    """
    values = click.get_current_context().params
    return tuple(
        phrase.format(values[name])
        for name, phrase in (
            ("retries", "{} user retries (--retries), since a pod does not record them"),
            ("system_retries", "{} system retries (--system-retries)"),
            ("settings", "Flyte's default grace periods (--set)"),
        )
        if name not in known and is_default(name)
    )


def resolve_now(now: str | None, recorded: datetime | None, latest: Callable[[], datetime | None]) -> datetime:
    """Return the moment to evaluate at: that of ``--now``, else the record's own, else the current time.

    ``latest`` returns the last time in the record, for ``--now last``.
    """
    from flytekitplugins_podtriage.cli.times import LAST, parse_time, utc_now

    if now == LAST:
        return recorded or latest() or utc_now()
    if now is not None:
        return parse_time(now, "--now")
    return recorded or utc_now()
