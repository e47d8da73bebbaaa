"""Executions of the past, from flyteadmin: which one is meant, and how it is shown."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import click

from flytekitplugins_podtriage.cli.errors import FAILING, Refused
from flytekitplugins_podtriage.cli.input import STDIN

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_FULL = re.compile(r"[\w.-]+([:/])[\w.-]+\1[a-z0-9][a-z0-9-]{0,62}")
_FILES = (".json", ".jsonl", ".yaml", ".yml", ".txt", ".gz")


def is_execution(what: str, options: Mapping[str, object]) -> bool:
    """Whether an argument names an execution and not a file."""
    if what == STDIN:
        return False
    if "://" in what or options.get("project") or options.get("domain") or options.get("node"):
        return True
    if os.path.exists(what) or what.endswith(_FILES):
        return False
    return bool(_NAME.fullmatch(what) or _FULL.fullmatch(what))


def explain_execution(what: str, as_json: bool, html: str | None, options: Mapping[str, object]) -> int:
    """Explain an execution from what flyteadmin keeps of it; return the exit code."""
    from flytekitplugins_podtriage.cli.options import read_rules
    from flytekitplugins_podtriage.cli.output import print_json, print_view, write_page
    from flytekitplugins_podtriage.config import Unreachable, attempts_of_execution
    from flytekitplugins_podtriage.report.history import history

    if options.get("at") is not None:
        raise click.UsageError("--at is for a recorded timeline")
    rules = read_rules(_text(options.get("rules_file")))
    node = _text(options.get("node"))
    named = what.replace(":", "/") if _FULL.fullmatch(what) else what
    try:
        where, attempts = attempts_of_execution(
            named,
            project=_text(options.get("project")),
            domain=_text(options.get("domain")),
            node=node,
            config=_text(options.get("flyte_config")),
        )
        found = list(attempts)
    except Unreachable as error:
        raise Refused(str(error)) from error
    if not found and node:
        raise Refused(f"{where}: it has no attempt of a node {node!r}; allowed: the id of one of its nodes")
    project, domain, name = where.split("/")
    told = history(name, f"{project} {domain}", found, rules)
    if html is not None:
        from flytekitplugins_podtriage.report.html.history import page

        write_page(html, page(told))
    elif as_json:
        from flytekitplugins_podtriage.report.as_json import history_json

        print_json(history_json(told))
    else:
        from flytekitplugins_podtriage.report.console.history import HistoryView

        print_view(HistoryView(told))
    return FAILING if told.failing else 0


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
