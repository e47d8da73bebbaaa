"""``podtriage diagnose``: from an error message to a cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flytekitplugins_podtriage.cli.options import examples, json_option, rules_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from flytekitplugins_podtriage.core.rules.rulebook import RuleBook

MAX_MESSAGE = 16 * 1024 * 1024


@click.command(epilog=examples('podtriage diagnose "toomanyrequests: You have reached your pull rate limit"'))
@click.argument("message", required=False)
@click.option("--jsonl", is_flag=True, help='Read one {"message", "reason"?} per line from stdin or the file MESSAGE.')
@click.option("--reason", help="The reason beside the message: ErrImagePull, Evicted, FailedMount, ...")
@rules_option
@json_option
def diagnose(message: str | None, jsonl: bool, reason: str | None, rules_file: str | None, as_json: bool) -> int:
    """Diagnose an error message: what failed, and whose fault it is.

    MESSAGE is a message of a container runtime, a kubelet or Flyte, also as copied from Flyte's console; - or nothing
    reads it from stdin.
    """
    from flytekitplugins_podtriage.cli.input import STDIN, read_document, stdin_is_terminal
    from flytekitplugins_podtriage.cli.options import read_rules
    from flytekitplugins_podtriage.cli.output import print_json, print_view
    from flytekitplugins_podtriage.core.diagnose import diagnose as diagnose_message
    from flytekitplugins_podtriage.core.pasted.normalize import decode
    from flytekitplugins_podtriage.report.text.sanitize import masked

    rules = read_rules(rules_file)
    if jsonl:
        from flytekitplugins_podtriage.cli.jsonl import answer_lines

        return answer_lines(message or STDIN, _line_diagnoser(reason, rules))
    if message is None and stdin_is_terminal():
        raise click.UsageError("give a MESSAGE, - for stdin, or --jsonl")
    text = decode(read_document(STDIN, MAX_MESSAGE)) if message in (None, STDIN) else str(message)
    if not text.strip():
        raise click.UsageError("MESSAGE is empty; expected a message of a container runtime, a kubelet or Flyte")
    text = text.encode("utf-8", "replace").decode()  # an argument may contain bytes that are not text
    diagnosis = masked(diagnose_message(text, reason=reason, rules=rules))
    if as_json:
        print_json(diagnosis.to_json())
    else:
        from flytekitplugins_podtriage.report.console.diagnosis import render_diagnosis

        print_view(render_diagnosis(diagnosis, rules))
    return 0


def _line_diagnoser(reason: str | None, rules: RuleBook | None) -> Callable[[bytes], bytes]:
    """Return a function that answers a line ``{"message", "reason"?}``."""
    import msgspec

    from flytekitplugins_podtriage.core.diagnose import diagnose as diagnose_message
    from flytekitplugins_podtriage.report.text.sanitize import masked

    class Line(msgspec.Struct, gc=False):
        message: str
        reason: str | None = None

    decode = msgspec.json.Decoder(Line).decode

    def answer(data: bytes) -> bytes:
        line = decode(data)
        return masked(diagnose_message(line.message, reason=line.reason or reason, rules=rules)).to_json()

    return answer
