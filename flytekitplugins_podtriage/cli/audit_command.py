"""``podtriage audit``: who was charged for failed attempts, and whose fault they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from flytekitplugins_podtriage.cli.completers import complete_file
from flytekitplugins_podtriage.cli.errors import EXIT_BAD_INPUT, InputError, error_line
from flytekitplugins_podtriage.cli.options import (
    STOCK_BACKENDS,
    backend_option,
    examples,
    html_option,
    json_option,
    now_option,
    rules_option,
    settings_option,
)

if TYPE_CHECKING:
    from flytekitplugins_podtriage.cli.audit_input import AuditReader
    from flytekitplugins_podtriage.report.audit import Audit


@click.command(
    epilog=examples(
        "podtriage audit --project flytesnacks --domain development --since 7d",
        "podtriage audit attempts.jsonl --html audit.html",
        "kubectl logs -n flyte -l app.kubernetes.io/name=podtriage-guard --tail=-1 | podtriage audit -",
    )
)
@click.argument("file", metavar="[FILE | -]", required=False, shell_complete=complete_file)
@click.option("-p", "--project", metavar="P", help="Read the attempts of this project from flyteadmin.")
@click.option("-d", "--domain", metavar="D", help="Read the attempts of this domain from flyteadmin.")
@click.option("--since", metavar="SPAN", default="7d", show_default=True, help="Start at: 12h, 7d, or RFC 3339.")
@click.option("--until", metavar="T", help="End at: RFC 3339, or a span before now. Default: now.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Read at most N failed attempts.")
@click.option("--flyte-config", metavar="FILE", help="Flyte configuration. Default: as flytekit looks for it.")
@backend_option("flyte-1.16", STOCK_BACKENDS)
@now_option
@settings_option
@rules_option
@json_option
@html_option
def audit(
    file: str | None,
    project: str | None,
    domain: str | None,
    since: str,
    until: str | None,
    limit: int | None,
    flyte_config: str | None,
    backend: str,
    now: str | None,
    settings: tuple[str, ...],
    rules_file: str | None,
    as_json: bool,
    html: str | None,
) -> int:
    """Count failed attempts by whose retries they were charged to and whose fault they were.

    The attempts come from flyteadmin (--project and --domain) or from FILE (- is stdin): JSON lines of attempts
    {"kind", "code"?, "message", "execution"?, "task"?, "node"?, "attempt"?} or of pods, or the log of podtriage guard.
    For pods the verdict of --backend is compared with podtriage's. Attempts with an unknown cause are counted
    separately, never as SYSTEM.
    """
    from flytekitplugins_podtriage.cli.audit_input import AuditReader
    from flytekitplugins_podtriage.cli.options import policies, read_rules, read_settings
    from flytekitplugins_podtriage.cli.times import LAST, parse_time, utc_now
    from flytekitplugins_podtriage.report.audit import Tally

    if as_json and html:
        raise click.UsageError("--json and --html exclude each other")
    if (project is None) is not (domain is None):
        raise click.UsageError("--project and --domain go together")
    if project is not None and file is not None:
        raise click.UsageError("give a FILE, or --project and --domain, not both")
    if now == LAST:
        raise click.UsageError('--now last needs a single record; put a "now" into each line')
    by_backend = policies((backend, "podtriage"), read_settings(settings), read_rules(rules_file))
    at = parse_time(now, "--now") if now is not None else None
    reader = AuditReader(
        tally=Tally(),
        stock=by_backend[backend],
        own=by_backend["podtriage"],
        clock=(lambda: at) if at else utc_now,
    )
    if project is not None and domain is not None:
        source = _read_flyteadmin(reader, project, domain, since, until, limit, flyte_config)
    else:
        source = _read_file(reader, file)
    if reader.bad_lines and reader.tally.empty:
        raise InputError(reader.first_error)
    _show(reader.tally.result(source, from_text=reader.from_text), as_json, html)
    if reader.bad_lines:
        lines = f"{reader.bad_lines} lines" if reader.bad_lines > 1 else "1 line"
        click.echo(error_line(f"podtriage audit: could not read {lines}; first: {reader.first_error}"), err=True)
        return EXIT_BAD_INPUT
    return 0


def _read_file(reader: AuditReader, path: str | None) -> str:
    """Count what a file contains; return its name."""
    from flytekitplugins_podtriage.cli.input import STDIN, open_source, source_name, stdin_is_terminal

    if path is None and stdin_is_terminal():
        raise click.UsageError("give a FILE, - for stdin, or --project and --domain")
    path = path or STDIN
    with open_source(path) as file, _progress(path) as advance:
        reader.read(file, source_name(path), advance)
    return source_name(path)


def _read_flyteadmin(
    reader: AuditReader,
    project: str,
    domain: str,
    since: str,
    until: str | None,
    limit: int | None,
    config: str | None,
) -> str:
    """Count the failed attempts of a project and domain; return what was read."""
    from flytekitplugins_podtriage.cli.executions import failed_attempts
    from flytekitplugins_podtriage.cli.times import parse_since, utc_now

    begin = parse_since(since, "--since", utc_now())
    end = parse_since(until, "--until", utc_now()) if until is not None else None
    with _progress(None) as advance:
        attempts = failed_attempts(config, project, domain, since=begin, until=end, limit=limit)
        reader.read_attempts(attempts, advance)
    return f"{project} {domain}, since {begin.strftime('%Y-%m-%d %H:%M')} UTC"


@contextmanager
def _progress(path: str | None) -> Iterator[Callable[[int], None]]:
    """Show progress on stderr if it is a terminal; the yielded function takes the bytes or attempts that were read."""
    import sys

    if not sys.stderr.isatty():
        yield lambda _: None
        return
    import os

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from flytekitplugins_podtriage.cli.output import console

    total = os.path.getsize(path) if path is not None and os.path.isfile(path) else None
    columns = (SpinnerColumn("line"), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    all_columns = (*columns, MofNCompleteColumn()) if path is None else columns
    with Progress(*all_columns, console=console(error=True), transient=True) as bar:
        task = bar.add_task("attempts" if path is None else "reading", total=total)
        yield lambda amount: bar.advance(task, amount)


def _show(answer: Audit, as_json: bool, html: str | None) -> None:
    from flytekitplugins_podtriage.cli.output import print_json, print_view, write_page

    if html is not None:
        from flytekitplugins_podtriage.report.html.audit import page

        write_page(html, page(answer))
    elif as_json:
        from flytekitplugins_podtriage.report.as_json import audit_json

        print_json(audit_json(answer))
    else:
        from flytekitplugins_podtriage.report.console.audit import AuditView

        print_view(AuditView(answer))
