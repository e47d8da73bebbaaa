"""``podtriage doctor``: what in a cluster or its configuration defeats the guard, with a remedy each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from flytekitplugins_podtriage.cli.completers import complete_file
from flytekitplugins_podtriage.cli.errors import EXIT_FAILING, InputError, input_errors
from flytekitplugins_podtriage.cli.options import STOCK_BACKENDS, examples, json_option

if TYPE_CHECKING:
    from flytekitplugins_podtriage.core.guard.findings import Finding


@click.command(
    epilog=examples(
        "podtriage doctor",
        "podtriage doctor --config guard.yaml --service-account flyte/podtriage-guard",
        "podtriage doctor --backend flyte-2 --json",
    )
)
@click.option("--config", metavar="FILE", shell_complete=complete_file, help="The guard's settings (docs/guard.md).")
@click.option("--backend", type=click.Choice(STOCK_BACKENDS), help="What runs the pods. Default: flyte-1.16.")
@click.option("-n", "--namespace", "namespaces", metavar="NS", multiple=True, help="As for guard; repeatable.")
@click.option("--context", metavar="NAME", help="Context of the kubeconfig. Default: the current one.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Any setting of the guard; repeatable.")
@click.option(
    "--service-account",
    metavar="NS/NAME",
    help="Ask for the rights of this account, instead of your own; needs the right to ask.",
)
@json_option
def doctor(
    config: str | None,
    backend: str | None,
    namespaces: tuple[str, ...],
    context: str | None,
    settings: tuple[str, ...],
    service_account: str | None,
    as_json: bool,
) -> int:
    """Find what in this cluster or its configuration defeats the guard, and say what to do about it.

    It reads nodes, Flyte's ConfigMap and Deployment, asks for permissions, compares clocks, and changes nothing. What
    may not be read is not known. The exit code is 1 if the guard cannot act here.
    """
    from datetime import datetime, timezone

    from flytekitplugins_podtriage.cli.guard_command import settings_of
    from flytekitplugins_podtriage.cli.output import print_json
    from flytekitplugins_podtriage.core.errors import InvalidSettings
    from flytekitplugins_podtriage.core.guard.findings import Severity, findings
    from flytekitplugins_podtriage.core.pod_cluster import ClusterError
    from flytekitplugins_podtriage.guard.cluster_reader import read_facts
    from flytekitplugins_podtriage.guard.settings_file import read_settings
    from flytekitplugins_podtriage.kube.client.connection import connect

    account = _account(service_account)
    options = {"backend": backend, "namespaces": list(namespaces) or None, "context": context}
    with input_errors(InvalidSettings, ClusterError):
        read = read_settings(config, settings_of(settings, options))
        connection = connect(read.context or None)
        facts = read_facts(connection, read, datetime.now(timezone.utc), account)
    all_of_them = findings(facts)
    if as_json:
        import msgspec

        print_json(msgspec.json.encode({"schema": 1, "cluster": connection.name, "findings": list(all_of_them)}))
    else:
        click.echo(_text(connection.location, all_of_them))
    return EXIT_FAILING if any(one.severity is Severity.ERROR for one in all_of_them) else 0


def _account(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    namespace, slash, name = text.partition("/")
    if not (namespace and slash and name):
        raise InputError(f"--service-account {text[:80]!r}: invalid; expected NAMESPACE/NAME")
    return namespace, name


def _text(cluster: str, all_of_them: Sequence[Finding]) -> str:
    """Return the findings for a person: each with where it is and what to do."""
    from flytekitplugins_podtriage.report.text.sanitize import one_line

    if not all_of_them:
        return f"{one_line(cluster)}: nothing was found that defeats the guard"
    blocks = [one_line(cluster)]
    for one in all_of_them:
        lines = [f"{one.severity.upper()} {one.id}: {one.what}", f"  where: {one.where}"]
        lines += [f"  fix: {one.remedy}"] if one.remedy else []
        blocks.append(
            "\n".join(
                one_line(line, 1000) if index == 0 else f"  {one_line(line, 1000)}" for index, line in enumerate(lines)
            )
        )
    return "\n\n".join(blocks)
