"""``podtriage diagnose``: from a message to a cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flytekitplugins_podtriage.cli.options import json_option, rules_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from flytekitplugins_podtriage.core.rules.rulebook import RuleBook

LONGEST_MESSAGE = 16 * 1024 * 1024


@click.command(short_help="Tell from one message why something failed.")
@click.argument("message", required=False)
@click.option("--jsonl", is_flag=True, help='Read lines {"message", "reason"?} from stdin, or from the file MESSAGE.')
@click.option("--reason", help="The reason beside the message: ErrImagePull, Evicted, FailedMount, ...")
@rules_option
@json_option
def diagnose(message: str | None, jsonl: bool, reason: str | None, rules_file: str | None, as_json: bool) -> int:
    """Tell from MESSAGE (- or nothing: from stdin) why something failed, and whose doing it is.

    MESSAGE is what a runtime, a kubelet or Flyte said; text pasted from the console will do. To a terminal the answer
    is text, to a pipe it is JSON.
    """
    from flytekitplugins_podtriage.cli.input import STDIN, read_text, stdin_is_terminal
    from flytekitplugins_podtriage.cli.options import read_rules
    from flytekitplugins_podtriage.cli.output import for_a_person, print_json, print_view
    from flytekitplugins_podtriage.core.diagnose import diagnose as decide
    from flytekitplugins_podtriage.report.text.sanitize import masked

    rules = read_rules(rules_file)
    if jsonl:
        from flytekitplugins_podtriage.cli.jsonl import answer_lines

        return answer_lines(message or STDIN, _line_answer(reason, rules))
    if message is None and stdin_is_terminal():
        raise click.UsageError("give a MESSAGE, - for stdin, or --jsonl")
    text = read_text(STDIN, LONGEST_MESSAGE) if message in (None, STDIN) else str(message)
    if not text.strip():
        raise click.UsageError("the MESSAGE is empty; allowed: what a runtime, a kubelet or Flyte said")
    text = text.encode("utf-8", "replace").decode()  # an argument may hold bytes that are no text
    found = masked(decide(text, reason=reason, rules=rules))
    if as_json or not for_a_person():
        print_json(found.to_json())
    else:
        from flytekitplugins_podtriage.report.console.diagnosis import render_diagnosis

        print_view(render_diagnosis(found, rules))
    return 0


def _line_answer(reason: str | None, rules: RuleBook | None) -> Callable[[bytes], bytes]:
    """Return what answers a line ``{"message", "reason"?}``."""
    import msgspec

    from flytekitplugins_podtriage.core.diagnose import diagnose as decide
    from flytekitplugins_podtriage.report.text.sanitize import masked

    class Line(msgspec.Struct, gc=False):
        message: str
        reason: str | None = None

    decode = msgspec.json.Decoder(Line).decode

    def answer(data: bytes) -> bytes:
        line = decode(data)
        return masked(decide(line.message, reason=line.reason or reason, rules=rules)).to_json()

    return answer
