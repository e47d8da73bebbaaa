"""``podtriage rules``: the table of rules, with sources."""

from __future__ import annotations

import click

from flytekitplugins_podtriage.cli.options import json_option, rules_option


@click.command(short_help="Print the table of rules, with sources.")
@click.argument("rule", metavar="[ID]", required=False)
@click.option("--stock", is_flag=True, help="Also the branches of stock Flyte's code.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the page of the documentation.")
@rules_option
@json_option
def rules(rule: str | None, stock: bool, as_markdown: bool, rules_file: str | None, as_json: bool) -> int:
    """Print the rules in the order in which they are tried; with an ID that one alone, with all that it says.

    --rules shows where one's own stand. JSON is one line a rule.
    """
    from flytekitplugins_podtriage.cli.errors import Refused
    from flytekitplugins_podtriage.cli.options import read_rules
    from flytekitplugins_podtriage.cli.output import binary, print_json, print_view
    from flytekitplugins_podtriage.report import rules as report

    if as_json and as_markdown:
        raise click.UsageError("--json and --markdown exclude each other")
    found = report.rows(read_rules(rules_file), stock=stock or as_markdown or rule is not None)
    if rule is not None:
        near = [row for row in found if row.id == rule]
        if not near:
            like = ", ".join(row.id for row in found if rule in row.id or rule in row.category)
            raise Refused(f"no rule {rule[:64]!r}; allowed: one of `podtriage rules`{f' ({like})' if like else ''}")
        found = near
    if as_markdown:
        out = binary()
        out.write(report.markdown(found).encode())
        out.flush()
    elif as_json:
        from flytekitplugins_podtriage.report.as_json import rules_json

        print_json(rules_json(found))
    else:
        from flytekitplugins_podtriage.report.console.rules import rules_view

        print_view(rules_view(found))
    return 0
