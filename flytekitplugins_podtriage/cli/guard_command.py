"""``podtriage guard``: the controller that makes stock Flyte charge the right retries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import click

from flytekitplugins_podtriage.cli.completers import complete_file
from flytekitplugins_podtriage.cli.errors import InputError, input_errors
from flytekitplugins_podtriage.cli.options import STOCK_BACKENDS, examples

if TYPE_CHECKING:
    from flytekitplugins_podtriage.guard.service import Programs


@click.command(
    epilog=examples(
        "podtriage guard --context staging -n flytesnacks-development",
        "podtriage guard --config guard.yaml",
        "podtriage guard --set namespace-modes=flytesnacks-production=enforce",
    )
)
@click.option("--config", metavar="FILE", shell_complete=complete_file, help="Settings in YAML (docs/guard.md).")
@click.option("--mode", type=click.Choice(["observe", "enforce"]), help="Of namespaces without one. Default: observe.")
@click.option("--backend", type=click.Choice(STOCK_BACKENDS), help="What runs the pods. Default: flyte-1.16.")
@click.option("-n", "--namespace", "namespaces", metavar="NS", multiple=True, help="Guard these only; repeatable.")
@click.option("-l", "--selector", metavar="LABELS", help="Guard pods with these labels. Default: the backend's own.")
@click.option("--context", metavar="NAME", help="Context of the kubeconfig. Default: the current one.")
@click.option("--port", type=click.IntRange(0, 65535), help="For probes and metrics. Default: 9090.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Any setting of the file; repeatable.")
def guard(
    config: str | None,
    mode: str | None,
    backend: str | None,
    namespaces: tuple[str, ...],
    selector: str | None,
    context: str | None,
    port: int | None,
    settings: tuple[str, ...],
) -> int:
    """Watch the pods of stock Flyte, and act before a user retry is charged for a failure of the platform.

    In mode observe, the default, it only reports what it would do: in its metrics, as an Event on the pod, and as a
    line of JSON on standard output, which `podtriage audit` counts. In mode enforce it ends the pod so that a system
    retry pays. It runs until it gets SIGTERM or SIGINT.
    """
    options = {
        "mode": mode,
        "backend": backend,
        "namespaces": list(namespaces) or None,
        "selector": selector,
        "context": context,
        "port": port,
    }
    return run(config, settings_of(settings, options))


def settings_of(assignments: Sequence[str], options: Mapping[str, object]) -> dict[str, tuple[object, str]]:
    """Return settings of the command line, each with its option for messages; options without a value are left out.

    Raises:
        InputError: one of ``--set`` is not ``KEY=VALUE``.
    """
    given: dict[str, tuple[object, str]] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise InputError(f"--set {assignment[:80]!r}: no value; expected KEY=VALUE")
        given[key.strip()] = (value.strip(), f"--set {key.strip()[:80]}")
    for key, option in options.items():
        if option is not None:
            given[key] = (option, "--namespace" if key == "namespaces" else f"--{key}")
    return given


def run(config: str | None, options: dict[str, tuple[object, str]], programs: Programs | None = None) -> int:
    """Read the settings, connect, and guard until a signal comes; ``programs`` are the parts that tests replace.

    Raises:
        InputError: a setting is wrong, there is no cluster, a permission is missing, or the port is taken.
    """
    import asyncio

    from flytekitplugins_podtriage.core.errors import InvalidSettings
    from flytekitplugins_podtriage.core.pod_cluster import ClusterError
    from flytekitplugins_podtriage.guard.program import NoMetrics, PortTaken, guard_until_signal
    from flytekitplugins_podtriage.guard.settings_file import read_settings
    from flytekitplugins_podtriage.kube.client.connection import connect
    from flytekitplugins_podtriage.telemetry import json_log

    with input_errors(InvalidSettings, ClusterError):
        read = read_settings(config, options)
        connection = connect(read.context or None)
    repeated = json_log.configure()
    try:
        with input_errors(ClusterError, NoMetrics, PortTaken), _audit_file(read.audit_log) as audit_file:
            asyncio.run(guard_until_signal(read, connection, audit_file, repeated, programs))
    finally:
        json_log.restore(repeated)
    return 0


@contextmanager
def _audit_file(path: str) -> Iterator[BinaryIO]:
    """Open the file of audit lines for appending; ``-`` is stdout.

    Raises:
        InputError: it cannot be opened.
    """
    if path == "-":
        from flytekitplugins_podtriage.cli.output import stdout_bytes

        yield stdout_bytes()
        return
    try:
        file = open(path, "ab")  # noqa: SIM115  # closed below; only opening it may fail like this
    except OSError as error:
        raise InputError(f"audit-log {path}: {(error.strerror or str(error)).lower()}; allowed: - or a file") from error
    with file:
        yield file
