"""``podtriage audit``: who was charged for failed attempts, and who should have been."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from flytekitplugins_podtriage.cli.errors import REFUSED, Refused, one_line
from flytekitplugins_podtriage.cli.options import (
    STOCK,
    backend_option,
    html_option,
    json_option,
    now_option,
    rules_option,
    settings_option,
)

if TYPE_CHECKING:
    from flytekitplugins_podtriage.cli.audit_input import Reader
    from flytekitplugins_podtriage.report.audit import Audit


@click.command(short_help="Count who was charged for failed attempts, and who should have been.")
@click.argument("file", metavar="[FILE | -]", required=False)
@click.option("-p", "--project", metavar="P", help="Ask flyteadmin: the project.")
@click.option("-d", "--domain", metavar="D", help="Ask flyteadmin: the domain.")
@click.option("--since", metavar="SPAN", default="7d", show_default=True, help="From when on: 12h, 7d, or RFC 3339.")
@click.option("--until", metavar="T", help="Until when: RFC 3339, or a span before now. Default: now.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Look at no more than N failed attempts.")
@click.option("--flyte-config", metavar="FILE", help="Flyte's configuration. Default: what flytekit finds.")
@backend_option("flyte-1.16", STOCK)
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
    """Count who was charged for failed attempts, and who should have been.

    From flyteadmin with --project and --domain; or from FILE (- is stdin): JSON lines of attempts {"kind", "code"?,
    "message", "execution"?, "task"?, "node"?, "attempt"?} or of pods; for pods the stock verdict of --backend is set
    against podtriage's. Causes that podtriage does not know are counted apart, and never as the platform's.
    """
    from flytekitplugins_podtriage.cli.audit_input import Reader
    from flytekitplugins_podtriage.cli.options import policies, read_rules, read_settings
    from flytekitplugins_podtriage.cli.times import LAST, clock, parse_moment
    from flytekitplugins_podtriage.report.audit import Tally

    if as_json and html:
        raise click.UsageError("--json and --html exclude each other")
    if (project is None) is not (domain is None):
        raise click.UsageError("--project and --domain go together")
    if project is not None and file is not None:
        raise click.UsageError("give a FILE, or --project and --domain, not both")
    if now == LAST:
        raise click.UsageError('--now last is for one record; lines may have a "now" of their own')
    judges = policies((backend, "podtriage"), read_settings(settings), read_rules(rules_file))
    moment = parse_moment(now, "--now") if now is not None else None
    reader = Reader(Tally(), judges[backend], judges["podtriage"], (lambda: moment) if moment else clock)
    if project is not None and domain is not None:
        source = _from_flyte(reader, project, domain, since, until, limit, flyte_config)
    else:
        source = _from_file(reader, file)
    if reader.bad and reader.tally.empty:
        raise Refused(reader.first_bad)
    _show(reader.tally.result(source, from_text=reader.from_text), as_json, html)
    if reader.bad:
        lines = f"{reader.bad} lines" if reader.bad > 1 else "1 line"
        click.echo(one_line(f"podtriage audit: {lines} could not be read, first {reader.first_bad}"), err=True)
        return REFUSED
    return 0


def _from_file(reader: Reader, path: str | None) -> str:
    from flytekitplugins_podtriage.cli.input import STDIN, name_of, opened, stdin_is_terminal

    if path is None and stdin_is_terminal():
        raise click.UsageError("give a FILE, - for stdin, or --project and --domain")
    path = path or STDIN
    with opened(path) as file, _progress(path) as advance:
        reader.read(file, name_of(path), advance)
    return name_of(path)


def _from_flyte(
    reader: Reader, project: str, domain: str, since: str, until: str | None, limit: int | None, config: str | None
) -> str:
    from flytekitplugins_podtriage.cli.audit_input import stream
    from flytekitplugins_podtriage.cli.executions import failed_attempts
    from flytekitplugins_podtriage.cli.times import clock, parse_since

    begin = parse_since(since, "--since", clock())
    end = parse_since(until, "--until", clock()) if until is not None else None
    with _progress(None) as advance:
        stream(failed_attempts(config, project, domain, since=begin, until=end, limit=limit), reader, advance)
    return f"{project} {domain}, since {begin.strftime('%Y-%m-%d %H:%M')} UTC"


@contextmanager
def _progress(path: str | None) -> Iterator[Callable[[int], None]]:
    """Show how far it is, on stderr, if that is a terminal; the caller says how much (bytes or attempts) was read."""
    import sys

    if not sys.stderr.isatty():
        yield lambda _: None
        return
    import os

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from flytekitplugins_podtriage.cli.output import console

    total: int | None = None
    if path is not None and os.path.isfile(path):
        total = os.path.getsize(path)
    columns = (SpinnerColumn("line"), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    counted = (*columns, MofNCompleteColumn()) if path is None else columns
    with Progress(*counted, console=console(error=True), transient=True) as bar:
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
