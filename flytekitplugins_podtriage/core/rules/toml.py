"""Users' and operators' own rules, written in TOML.

    [[rule]]
    id = "acme-mirror-cold"
    category = "registry_unavailable"
    kind = "SYSTEM"
    means = "the mirror of the build farm is still warming up"
    remedy = "Wait five minutes, or pull from {registry} directly."
    phrases = ["cache not primed"]

The keys are the fields of :class:`~flytekitplugins_podtriage.core.rules.rule.Rule`. Such rules are tried before the
built-in ones, in their order, whoever says a message: the platform or the task's own program.
"""

from __future__ import annotations

import sys
from typing import Any

from flytekitplugins_podtriage.core.errors import InvalidRule
from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN
from flytekitplugins_podtriage.core.rules.rule import Rule
from flytekitplugins_podtriage.core.text.speaker import Speaker
from flytekitplugins_podtriage.core.text.suggestions import did_you_mean

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_TEXTS = ("id", "category", "kind", "means", "remedy", "source")
_LISTS = ("phrases", "also", "unless", "reasons")
_NUMBERS = ("statuses", "not_statuses")
_ALLOWED = (*_TEXTS, *_LISTS, *_NUMBERS)
_REQUIRED = ("id", "category", "kind", "means")


def load_rules(text: str, source: str) -> tuple[Rule, ...]:
    """Read rules from the text of a TOML file.

    Args:
        text: the file's text.
        source: what to call the file in an error, and as the source of its rules.

    Raises:
        InvalidRule: the text is not TOML, or a rule of it cannot be used; the message names file, rule and reason.
    """
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidRule(f"{source}: not TOML: {error}") from error
    unknown = sorted(set(data) - {"rule"})
    if unknown:
        raise InvalidRule(f"{source}: unknown key {unknown[0]!r}; allowed: [[rule]] tables")
    tables = data.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InvalidRule(f"{source}: 'rule' is not a list of tables; write each rule under [[rule]]")
    rules: list[Rule] = []
    taken = {rule.id for rule in BUILT_IN}
    for number, table in enumerate(tables, 1):
        rule = _rule(table, f"{source}: rule {number}", source)
        if rule.id in taken:
            raise InvalidRule(f"{source}: rule {number} ({rule.id}): the id is taken; choose another")
        taken.add(rule.id)
        rules.append(rule)
    return tuple(rules)


def _rule(table: dict[str, Any], location: str, source: str) -> Rule:
    """Read one rule from its table."""
    if isinstance(table.get("id"), str):
        location = f"{location} ({table['id'][:64]})"
    for key in table:
        if key not in _ALLOWED:
            hint = did_you_mean(key, _ALLOWED)
            raise InvalidRule(f"{location}: unknown key {key!r};{hint} allowed: {', '.join(_ALLOWED)}")
    for key in _REQUIRED:
        if key not in table:
            raise InvalidRule(f"{location}: {key!r} is missing; required: {', '.join(_REQUIRED)}")
    for key in _TEXTS:
        if key in table and not isinstance(table[key], str):
            raise InvalidRule(f"{location}: {key!r} is not text")
    for key in _LISTS:
        value = table.get(key, [])
        if isinstance(value, str) or not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise InvalidRule(f"{location}: {key!r} is not a list of texts")
    for key in _NUMBERS:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(type(item) is int and 100 <= item <= 599 for item in value):
            raise InvalidRule(f"{location}: {key!r} is not a list of HTTP statuses (100 to 599)")
    try:
        rule = Rule(**{"remedy": "", "source": source, "speakers": Speaker, **table})
    except InvalidRule as error:
        raise InvalidRule(f"{location}: {error}") from error
    except ValueError as error:
        wrong = "category" if "Category" in str(error) else "kind"
        allowed = "lower-case words joined by '_'" if wrong == "category" else "USER, SYSTEM"
        raise InvalidRule(f"{location}: {wrong} {table[wrong]!r} is not usable; allowed: {allowed}") from error
    if rule.kind.value not in ("USER", "SYSTEM"):
        raise InvalidRule(f"{location}: kind {table['kind']!r} is not usable; allowed: USER, SYSTEM")
    return rule
