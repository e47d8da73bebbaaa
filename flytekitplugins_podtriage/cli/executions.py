"""Executions of the past, from flyteadmin: which one is meant, and how it is shown."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

import click

from flytekitplugins_podtriage.cli.refusal import FAILING, Refused
from flytekitplugins_podtriage.cli.source import STDIN

# A name as flyteadmin takes it (RFC 1123 label), "project:domain:name", or an address of the console.
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_FULL = re.compile(r"([\w.-]+)[:/]([\w.-]+)[:/]([a-z0-9][a-z0-9-]{0,62})")
_LINK = re.compile(r"https?://.*/projects/([\w.-]+)/domains/([\w.-]+)/executions/([a-z0-9-]+)")
_FILES = (".json", ".jsonl", ".yaml", ".yml", ".txt", ".gz")


def is_execution(what: str, options: Mapping[str, object]) -> bool:
    """Whether an argument names an execution and not a file."""
    if what == STDIN:
        return False
    if _LINK.match(what) or options.get("project") or options.get("domain") or options.get("node"):
        return True
    if os.path.exists(what) or what.endswith(_FILES):
        return False
    return bool(_NAME.fullmatch(what) or (_FULL.fullmatch(what) and ":" in what))


def which(what: str, project: object, domain: object) -> tuple[str, str, str]:
    """Return project, domain and name of the execution that is meant.

    Raises:
        Refused: it is not said which project and domain it is in.
    """
    found = _LINK.match(what) or _FULL.fullmatch(what)
    if found:
        return found[1], found[2], found[3]
    if not _NAME.fullmatch(what):
        raise Refused(f"{what}: not an execution; allowed: a name, PROJECT:DOMAIN:NAME, or a link to the console")
    if not isinstance(project, str) or not isinstance(domain, str):
        raise Refused(
            f"{what}: no such file, and for an execution the project and domain are missing; "
            f"allowed: -p PROJECT -d DOMAIN, or PROJECT:DOMAIN:{what}"
        )
    return project, domain, what


def explain_execution(what: str, as_json: bool, html: str | None, options: Mapping[str, object]) -> int:
    """Explain an execution from what flyteadmin keeps of it; return the exit code."""
    from flytekitplugins_podtriage.cli.options import read_rules
    from flytekitplugins_podtriage.cli.output import print_json, print_view, write_page
    from flytekitplugins_podtriage.config import Unreachable, attempts_of_execution
    from flytekitplugins_podtriage.report.history import history

    if options.get("at") is not None:
        raise click.UsageError("--at is for a recorded timeline")
    project, domain, name = which(what, options.get("project"), options.get("domain"))
    rules_file, node, config = options.get("rules_file"), options.get("node"), options.get("flyte_config")
    rules = read_rules(rules_file if isinstance(rules_file, str) else None)
    where = f"{project}:{domain}:{name}"
    try:
        found = list(
            attempts_of_execution(
                config if isinstance(config, str) else None,
                project,
                domain,
                name,
                node if isinstance(node, str) else None,
            )
        )
    except Unreachable as error:
        raise Refused(f"{where}: {error}; allowed: an execution that flyteadmin knows") from error
    if not found and node:
        raise Refused(f"{where}: it has no attempt of a node {node!r}; allowed: the id of one of its nodes")
    told = history(name, f"{project} {domain}", found, rules)
    if html is not None:
        from flytekitplugins_podtriage.report.page_history import page

        write_page(html, page(told))
    elif as_json:
        from flytekitplugins_podtriage.report.plain import history_json

        print_json(history_json(told))
    else:
        from flytekitplugins_podtriage.report.console_history import HistoryView

        print_view(HistoryView(told))
    return FAILING if told.failing else 0
