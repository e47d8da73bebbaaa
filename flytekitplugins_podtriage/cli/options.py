"""Options that several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flytekitplugins_podtriage.cli.errors import Refused

if TYPE_CHECKING:
    from flytekitplugins_podtriage.core.policy import Policy
    from flytekitplugins_podtriage.core.rules.rulebook import RuleBook

F = TypeVar("F", bound=Callable[..., Any])

STOCK = ("flyte-1.16", "flyte-2")
BACKENDS = ("podtriage", *STOCK)
"""As in core.policy; repeated here so that ``--help`` need not import it (a test compares them)."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, whatever the output goes to.")
html_option = click.option(
    "--html", "html", metavar="FILE", help="Write one self-contained HTML page to FILE (- for stdout) instead."
)
rules_option = click.option(
    "--rules", "rules_file", metavar="FILE", help="Your own rules (TOML), tried ahead of the built-in ones."
)
now_option = click.option(
    "--now",
    "now",
    metavar="T",
    help="Look at it as of T: RFC 3339, or 'last' for the last moment that the record knows. Default: the clock.",
)
settings_option = click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="A setting of plugins.k8s, as image-pull-backoff-grace-period=5m; may be repeated.",
)


def backend_option(default: str, backends: Iterable[str] = BACKENDS) -> Callable[[F], F]:
    """Return the option ``--backend``."""
    return click.option(
        "--backend",
        type=click.Choice(list(backends)),
        default=default,
        show_default=True,
        help="Whose judgement is wanted.",
    )


def read_settings(settings: Iterable[str]) -> dict[str, float]:
    """Read ``KEY=VALUE`` settings; keys as in ``plugins.k8s`` or as fields of Policy, durations in Go's spelling.

    Raises:
        Refused: a key is unknown, or a value no duration.
    """
    from flytekitplugins_podtriage.core.durations import seconds

    found = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        name = key.strip().replace("-", "_")
        if not equals or name not in durations():
            allowed = ", ".join(sorted(field.replace("_", "-") for field in durations()))
            raise Refused(f"--set {setting[:80]!r}: no such setting; allowed: KEY=VALUE with a KEY of {allowed}")
        try:
            text = value.strip()
            found[name] = float(text) if text.replace(".", "", 1).isdigit() else seconds(text)
        except ValueError as error:
            raise Refused(f"--set {key}: {error}") from error
    return found


def durations() -> tuple[str, ...]:
    """Return the names of Policy's fields that are durations."""
    import attrs

    from flytekitplugins_podtriage.core.policy import Policy

    return tuple(field.name for field in attrs.fields(Policy) if isinstance(field.default, float))


def read_rules(path: str | None) -> RuleBook | None:
    """Read a user's own rules and put them before the built-in ones; None if there is no file of them.

    Raises:
        Refused: the file cannot be read, or a rule in it not used.
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
        raise Refused(message if path in message else f"{path}: {message}") from error


def policies(
    backends: Iterable[str], settings: Mapping[str, float] | None = None, rules: RuleBook | None = None
) -> dict[str, Policy]:
    """Return the policies of some backends, with the user's settings and, for podtriage's own, rules."""
    import attrs

    from flytekitplugins_podtriage.core.policy import Policy

    found = {}
    for backend in backends:
        policy = attrs.evolve(Policy.for_backend(backend), **(settings or {}))  # type: ignore[arg-type]  # durations
        found[backend] = attrs.evolve(policy, rules=rules) if policy.dialect is None else policy
    return found


def moment(now: str | None, record: datetime | None, last: Callable[[], datetime | None]) -> datetime:
    """Return the moment to look from: the one asked for, else the record's own, else the clock's.

    Args:
        now: the value of ``--now``.
        record: the moment that the record itself names, if it does.
        last: how to find the last moment that the record knows of, for ``--now last``.
    """
    from flytekitplugins_podtriage.cli.times import LAST, clock, parse_moment

    if now == LAST:
        return record or last() or clock()
    if now is not None:
        return parse_moment(now, "--now")
    return record or clock()
