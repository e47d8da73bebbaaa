"""``podtriage explain -n NS``, ``-l``, ``-A``, ``--execution``: the pods of a live cluster that have trouble."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from flytekitplugins_podtriage.cli.errors import EXIT_FAILING, InputError
from flytekitplugins_podtriage.cli.live_pods import PodsInScope, Ranking, list_once, watch

if TYPE_CHECKING:
    from flytekitplugins_podtriage.core.accounting import Limits
    from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
    from flytekitplugins_podtriage.report.explanation import Explanation
    from flytekitplugins_podtriage.report.pod_list import PodList

SHOWN = 50
"""How many pods are shown without ``--limit``."""
_ROOM = 6
"""The lines of a screen that are not pods."""


def explain_pods(form: str | None, html: str | None, options: dict[str, Any]) -> int:
    """Show the pods with trouble, ranked by the time to the next charge; return the exit code.

    ``form`` is ``json``, ``yaml``, ``wide`` or None.
    """
    from flytekitplugins_podtriage.cli.options import BACKENDS, policies, read_rules, read_settings
    from flytekitplugins_podtriage.core.accounting import Limits

    if options["now"] is not None or options["at"] is not None:
        raise click.UsageError("--now and --at are for recorded pods; a live cluster is explained as of now")
    if html is not None and options["watch"]:
        raise click.UsageError("--html and --watch exclude each other")
    by_backend = policies(BACKENDS, read_settings(options["settings"]), read_rules(options["rules_file"]))
    limits = Limits(retries=options["retries"], max_system_failures=options["system_retries"])
    ranking = Ranking(options["backend"], by_backend)
    screen = _Screen(form, html, options, limits, ranking)
    if not options["watch"]:
        listed, snapshots = list_once(_scope(options), ranking)
        screen.show(listed, snapshots)
        return EXIT_FAILING if listed.failing else 0
    with screen:
        watch(_scope(options), ranking, screen.update, redraw=1.0 if screen.is_live else None)
    return 0


def _scope(options: dict[str, Any]) -> PodsInScope:
    namespace, selectors = options["namespace"], [options["selector"]] if options["selector"] else []
    execution = options["execution"]
    if execution is not None:
        project, domain, name = _execution(execution, options)
        selectors.append(f"execution-id={name}")
        if namespace is None and project and domain:
            namespace = f"{project}-{domain}"
    if namespace is not None and options["all_namespaces"]:
        raise click.UsageError("-n and -A exclude each other")
    return PodsInScope(options["context"], namespace, options["all_namespaces"], ",".join(selectors) or None)


def _execution(text: str, options: dict[str, Any]) -> tuple[str | None, str | None, str]:
    parts = text.replace("/", ":").split(":")
    if len(parts) == 3 and all(parts):
        return parts[0], parts[1], parts[2]
    if len(parts) != 1 or not text:
        raise InputError(f"--execution {text[:80]!r}: not an execution; expected NAME or PROJECT:DOMAIN:NAME")
    return options["project"], options["domain"], text


class _Screen:
    """Shows lists of pods, once or again and again."""

    def __init__(
        self, form: str | None, html: str | None, options: dict[str, Any], limits: Limits, ranking: Ranking
    ) -> None:
        from flytekitplugins_podtriage.cli.options import assumptions
        from flytekitplugins_podtriage.cli.output import stdout_is_terminal

        self._form, self._html, self._options = form, html, options
        self._limits, self._ranking, self._assumed = limits, ranking, assumptions()
        self._live: Any = None
        self._shown: dict[tuple[str, str], object] = {}
        self.is_live = bool(options["watch"]) and form in (None, "wide") and stdout_is_terminal()
        """Whether one screen is drawn again and again."""

    def __enter__(self) -> None:
        if self.is_live:
            from rich.live import Live

            from flytekitplugins_podtriage.cli.output import console

            self._live = Live(console=console(), auto_refresh=False, vertical_overflow="crop")
            self._live.__enter__()

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.__exit__(None, None, None)

    def show(self, listed: PodList, snapshots: Sequence[PodSnapshot]) -> None:
        """Show a list once."""
        from flytekitplugins_podtriage.cli.output import print_view, write_page

        limit = self._options["limit"]
        most = SHOWN if limit is None else limit or len(snapshots)
        if self._html is not None:
            from flytekitplugins_podtriage.report.html.explanation import page

            write_page(self._html, page([self._explain(one, listed) for one in snapshots[:most]]))
        elif self._form in ("json", "yaml"):
            self._print(snapshots if limit is None else snapshots[:most], listed)
        else:
            print_view(self._view(listed, most), cut=self._form != "wide")
            if self._options["details"] and snapshots:
                from flytekitplugins_podtriage.report.console.explanation import ExplanationsView

                print_view(ExplanationsView([self._explain(one, listed) for one in snapshots[:most]]))

    def update(self, listed: PodList, snapshots: list[PodSnapshot]) -> None:
        """Show a list that may have changed: all of it on a live screen, otherwise the pods that have changed."""
        if self._live is not None:
            height = self._live.console.height
            limit = self._options["limit"]
            self._live.update(self._view(listed, min(limit or height, max(1, height - _ROOM))), refresh=True)
            return
        state = {
            (row.namespace, row.name): (row.state, row.verdict.rule, row.verdict.phase, row.charge.kind, row.charge.at)
            for row in listed.rows
        }
        changed = [
            one
            for row, one in zip(listed.rows, snapshots, strict=True)
            if self._shown.get((row.namespace, row.name)) != state[row.namespace, row.name]
        ]
        if self._form in ("json", "yaml"):
            self._print(changed, listed)
        elif changed or state.keys() != self._shown.keys() or not self._shown:
            from flytekitplugins_podtriage.cli.output import print_view

            if self._shown:
                click.echo()
            print_view(self._view(listed, self._options["limit"] or SHOWN), cut=self._form != "wide")
            sys.stdout.flush()
        self._shown = dict(state)

    def _view(self, listed: PodList, limit: int) -> Any:
        from flytekitplugins_podtriage.report.console.pod_list import PodListView

        several = self._options["all_namespaces"]
        return PodListView(listed, limit=limit, wide=self._form == "wide", with_namespace=several)

    def _print(self, snapshots: Sequence[PodSnapshot], listed: PodList) -> None:
        from flytekitplugins_podtriage.cli.output import print_document
        from flytekitplugins_podtriage.report.as_json import explanation_json

        for one in snapshots:
            print_document(explanation_json(self._explain(one, listed)), self._form or "json")

    def _explain(self, snapshot: PodSnapshot, listed: PodList) -> Explanation:
        from flytekitplugins_podtriage.core.flyte_pods import attempts_before_name, is_of_flyte
        from flytekitplugins_podtriage.report.explanation import explain

        metadata = snapshot.pod.metadata
        labels = (metadata.labels if metadata is not None else None) or {}
        name = (metadata.name if metadata is not None else None) or ""
        return explain(
            snapshot.pod,
            events=snapshot.events,
            attempts_before=attempts_before_name(name) if is_of_flyte(labels) else 0,
            memory=snapshot.memory,
            policies=self._ranking.policies,
            limits=self._limits,
            now=listed.now,
            assumed=self._assumed,
        )
