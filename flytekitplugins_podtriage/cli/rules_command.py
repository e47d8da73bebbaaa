"""``podtriage rules``: the rules and their sources."""

from __future__ import annotations

import click

from flytekitplugins_podtriage.cli.completers import complete_rule
from flytekitplugins_podtriage.cli.options import examples, json_option, rules_option


@click.command(epilog=examples("podtriage rules pull-429"))
@click.argument("rule_id", metavar="[ID]", required=False, shell_complete=complete_rule)
@click.option("--stock", is_flag=True, help="Add the branches of stock Flyte's code.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the documentation page.")
@rules_option
@json_option
def rules(rule_id: str | None, stock: bool, as_markdown: bool, rules_file: str | None, as_json: bool) -> int:
    """List the rules in the order in which they are tried, or show one rule in full.

    --rules includes your own rules. JSON has one line per rule.
    """
    from flytekitplugins_podtriage.cli.errors import InputError
    from flytekitplugins_podtriage.cli.options import read_rules
    from flytekitplugins_podtriage.cli.output import print_bytes, print_json, print_view
    from flytekitplugins_podtriage.core.text.suggestions import did_you_mean
    from flytekitplugins_podtriage.report.rules import markdown, rule_rows

    if as_json and as_markdown:
        raise click.UsageError("--json and --markdown exclude each other")
    rows = rule_rows(read_rules(rules_file), stock=stock or as_markdown or rule_id is not None)
    if rule_id is not None:
        all_rows, rows = rows, [row for row in rows if row.id == rule_id]
        if not rows:
            hint = did_you_mean(rule_id, [row.id for row in all_rows])
            containing = ", ".join(row.id for row in all_rows if rule_id in row.id or rule_id in row.category)
            others = f" (containing it: {containing})" if containing else ""
            raise InputError(f"unknown rule {rule_id[:64]!r};{hint} expected one of `podtriage rules --stock`{others}")
    if as_markdown:
        print_bytes(markdown(rows).encode())
    elif as_json:
        from flytekitplugins_podtriage.report.as_json import rules_json

        print_json(rules_json(rows))
    else:
        from flytekitplugins_podtriage.report.console.rules import rules_view

        print_view(rules_view(rows))
    return 0
