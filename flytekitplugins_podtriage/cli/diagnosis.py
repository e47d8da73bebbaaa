"""The diagnosis of a message, as the commands that are given one show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flytekitplugins_podtriage.cli.pod_texts import PastedMessage
    from flytekitplugins_podtriage.core.rules.rulebook import RuleBook


def show_diagnosis(given: PastedMessage, rules: RuleBook | None, *, form: str | None, html: str | None = None) -> int:
    """Show the diagnosis of a message in the given form; return the exit code."""
    from flytekitplugins_podtriage.cli.output import print_document, print_view, write_page
    from flytekitplugins_podtriage.core.diagnose import diagnose
    from flytekitplugins_podtriage.core.model import with_notes
    from flytekitplugins_podtriage.report.text.sanitize import masked

    diagnosis = masked(with_notes(diagnose(given.text, rules=rules), given.notes))
    if html is not None:
        from flytekitplugins_podtriage.report.html.diagnosis import page

        write_page(html, page(diagnosis, rules))
    elif form is not None:
        print_document(diagnosis.to_json(), form)
    else:
        from flytekitplugins_podtriage.report.console.diagnosis import render_diagnosis

        print_view(render_diagnosis(diagnosis, rules))
    return 0
