"""Past executions from flyteadmin: the one that an argument names, and the failed ones of a project."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from flytekitplugins_podtriage.cli.errors import EXIT_FAILING, InputError, input_errors
from flytekitplugins_podtriage.cli.input import STDIN

if TYPE_CHECKING:
    from flytekitplugins_podtriage.core.attempt_history import Attempt, ExecutionRef

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_FULL_NAME = re.compile(r"[\w.-]+([:/])[\w.-]+\1[a-z0-9][a-z0-9-]{0,62}")
_FILE_SUFFIXES = (".json", ".jsonl", ".yaml", ".yml", ".txt", ".gz")


def is_execution(subject: str, options: Mapping[str, Any]) -> bool:
    """Whether an argument names an execution and not a file."""
    if subject == STDIN:
        return False
    if "://" in subject or options["project"] or options["domain"] or options["node"]:
        return True
    if os.path.exists(subject) or subject.endswith(_FILE_SUFFIXES):
        return False
    return bool(_NAME.fullmatch(subject) or _FULL_NAME.fullmatch(subject))


def explain_execution(subject: str, form: str | None, html: str | None, options: Mapping[str, Any]) -> int:
    """Explain an execution from the error messages that flyteadmin keeps; return the exit code."""
    from flytekitplugins_podtriage.cli.options import read_rules
    from flytekitplugins_podtriage.cli.output import print_document, print_view, write_page
    from flytekitplugins_podtriage.report.history import build_history

    if options["at"] is not None:
        raise click.UsageError("--at needs a recorded timeline")
    rules, node = read_rules(options["rules_file"]), options["node"]
    execution, attempts = attempts_of_execution(
        subject.replace(":", "/") if _FULL_NAME.fullmatch(subject) else subject,
        project=options["project"],
        domain=options["domain"],
        node=node,
        config=options["flyte_config"],
    )
    if not attempts and node:
        raise InputError(f"{execution}: has no attempt of a node {node!r}; expected the id of one of its nodes")
    history = build_history(execution.name, f"{execution.project} {execution.domain}", attempts, rules)
    if html is not None:
        from flytekitplugins_podtriage.report.html.history import page

        write_page(html, page(history))
    elif form is not None:
        from flytekitplugins_podtriage.report.as_json import history_json

        print_document(history_json(history), form)
    else:
        from flytekitplugins_podtriage.report.console.history import HistoryView

        print_view(HistoryView(history))
    return EXIT_FAILING if history.failing else 0


def attempts_of_execution(
    execution: str, *, project: str | None, domain: str | None, node: str | None, config: str | None
) -> tuple[ExecutionRef, list[Attempt]]:
    """Return an execution and its attempts from flyteadmin, of one node if ``node`` or the link names it.

    ``execution`` is a name, ``PROJECT/DOMAIN/NAME``, a link to the console, or a ``flyte://`` URI; what is None comes
    from Flyte's configuration.

    Raises:
        InputError: the argument is not an execution, or flyteadmin cannot be reached.
    """
    from flytekitplugins_podtriage.flyte.admin.errors import FlyteUnreachable, InvalidExecution
    from flytekitplugins_podtriage.flyte.admin.execution_ref import parse_execution
    from flytekitplugins_podtriage.flyte.admin.executions import attempts_of_execution as read_attempts
    from flytekitplugins_podtriage.flyte.admin.login import connect

    with _with_hint(execution), input_errors(FlyteUnreachable, InvalidExecution):
        # Check the name before connecting: a typo is reported even without a configuration.
        parse_execution(execution, project or "p", domain or "d")
        connection = connect(config, project, domain)
        reference = parse_execution(execution, connection.project, connection.domain)
        ref = reference.execution
        attempts = read_attempts(connection.client, ref.project, ref.domain, ref.name, node=node or reference.node)
        return ref, list(attempts)


@contextmanager
def _with_hint(name: str) -> Iterator[None]:
    """Add to an error how a pod, a file or an execution is named: a bare name may have been meant as any of them."""
    try:
        yield
    except InputError as error:
        if not _NAME.fullmatch(name):
            raise
        shown = name[:80]
        hint = f"{shown!r} was taken for an execution: a pod is named by --pod {shown} -n NAMESPACE, a file by its path"
        raise InputError(f"{error.message}; {hint}") from error


def failed_attempts(
    config: str | None,
    project: str,
    domain: str,
    *,
    since: datetime,
    until: datetime | None = None,
    limit: int | None = None,
) -> Iterator[Attempt]:
    """Yield the failed attempts of a project and domain in a span of time from flyteadmin.

    Raises:
        InputError: flyteadmin cannot be reached.
    """
    from flytekitplugins_podtriage.flyte.admin.errors import FlyteUnreachable
    from flytekitplugins_podtriage.flyte.admin.executions import failed_attempts as read_attempts
    from flytekitplugins_podtriage.flyte.admin.login import connect

    with input_errors(FlyteUnreachable):
        connection = connect(config, project, domain)
        yield from read_attempts(connection.client, project, domain, since, until=until, limit=limit)
