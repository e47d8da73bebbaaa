"""``diagnose``: the cause of a failure from a text, whoever says it and however it was copied."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Final

import attrs

from flytekitplugins_podtriage.core.errors import InvalidPod
from flytekitplugins_podtriage.core.match import Match, excerpt, match_message, match_spoken, match_termination_message
from flytekitplugins_podtriage.core.memory import NEVER_RAN
from flytekitplugins_podtriage.core.model import Category, Diagnosis, Evidence, Verdict, notes_on, with_notes
from flytekitplugins_podtriage.core.pasted.margins import joined_text
from flytekitplugins_podtriage.core.pasted.normalize import normalize
from flytekitplugins_podtriage.core.pasted.pod_states import waits
from flytekitplugins_podtriage.core.pasted.pod_table import is_pod_row
from flytekitplugins_podtriage.core.pasted.reading import Message, PastedText, read_pasted
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.rules.bare_reasons import reason_alone, rule_of
from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN, EVENTS_MISSING
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook
from flytekitplugins_podtriage.core.text.container_ends import ContainerEnd, split_container_ends
from flytekitplugins_podtriage.core.text.speaker import Speaker, leading_reason, speaker_of_reason, speaks_for_itself
from flytekitplugins_podtriage.core.triage import triage
from flytekitplugins_podtriage.core.wire import evolve

_PRINTED_AT: Final = datetime(2000, 1, 1, tzinfo=timezone.utc)
"""When a pasted table is taken to have been printed: only the order of its rows matters for a cause."""
_OF_CONTAINERS: Final = frozenset({"Error", "OOMKilled", "Completed", "Interrupted", "Unknown", "UnknownError"})
"""Reasons and codes of containers that ended: the text beside them is what the container left."""
_BY_REASON_ALONE: Final = (
    "Judged by its reason alone: the message beside it says more; `kubectl describe pod NAME | podtriage explain -` "
    "reads both."
)


def diagnose(message: str, *, reason: str | None = None, rules: RuleBook | None = None) -> Diagnosis:
    """Return the cause of a failure from a text, and whose fault it is.

    Who says a text decides what it means: the same ``429 Too Many Requests`` is a registry's limit in a failed pull and
    the program's own affair in a traceback (:mod:`~flytekitplugins_podtriage.core.text.speaker`).

    Args:
        message: a message of a runtime, a kubelet or a backend; ``kubectl describe``, tables of events, log lines and
            text pasted from a console will do.
        reason: the reason beside it (``ErrImagePull``, ``Evicted``, ``FailedMount``, ...), if known.
        rules: the rules to apply; by default the built-in ones.

    Returns:
        The cause; its category is ``unknown`` if no rule matches.

    Raises:
        TypeError: the message is not text.
    """
    if not isinstance(message, str):
        raise TypeError(f"a message is text, not {type(message).__name__}")
    book = BUILT_IN if rules is None else rules
    text = normalize(message)
    head, ends = split_container_ends(text)
    if ends:
        return _of_match(_match_ends(head, ends, book))
    if reason is None and _may_be_more_than_a_message(text) and not _is_of_python_logging(text):
        pasted = read_pasted(text, _PRINTED_AT)
        if pasted is not None:
            return _of_pasted(pasted, book)
    match = _match_text(text, reason, book)
    if match.rule.category is Category.UNKNOWN and "\n" in text:
        again = _match_text(joined_text(text), reason, book)
        match = match if again.rule.category is Category.UNKNOWN else again
    if match.rule.category is Category.UNKNOWN:
        alone = reason_alone(text) or (reason if not text.strip() else None)
        if alone is not None:
            return _of_reason_alone(match, text, alone, book)
    return _of_match(match)


def _of_reason_alone(match: Match, text: str, reason: str, rules: RuleBook) -> Diagnosis:
    """Return the diagnosis of a reason without the message that would name the cause; ``match`` is the text's own."""
    by_reason = match_message("", reason, rules)
    if by_reason.rule.category is not Category.UNKNOWN:
        return with_notes(_of_match(evolve(by_reason, excerpt=excerpt(text))), (_BY_REASON_ALONE,))
    return _of_match(evolve(match, rule=rule_of(reason) or match.rule))


def _may_be_more_than_a_message(text: str) -> bool:
    """Whether a text has a sign of a table, a description or a log line: most are one message, and are read at once."""
    return (
        "\n" in text
        or ("N" in text and "Normal" in text)  # one character is found, or not, at a quarter of the cost
        or ("W" in text and "Warning" in text)
        or ("]" in text and ".go:" in text)
        or ("=" in text and "level=" in text)
        or ("{" in text and text.lstrip().startswith("{"))
        or _begins_with_pod(text)
    )


def _is_of_python_logging(text: str) -> bool:
    """Whether a text is a JSON record of Python's logging: who logs is in the record, and lost in its message alone."""
    return '"levelname"' in text and text.lstrip().startswith("{")


def _begins_with_pod(text: str) -> bool:
    """Whether a text begins with a row of a table of pods, such as ``app-0 0/1 Evicted``, or with its header."""
    slash = text.find("/", len("pod/"))
    return slash > 0 and text[slash - 1].isdigit() and is_pod_row(text)


def _match_text(text: str, reason: str | None, rules: RuleBook) -> Match:
    """Return the match of a text by who says it: its reason tells, or signs in it."""
    reason = reason or leading_reason(text)
    speaker = speaker_of_reason(reason) or speaks_for_itself(text)
    if speaker is Speaker.UNKNOWN and reason and reason not in _OF_CONTAINERS and reason.isalnum():
        speaker = Speaker.CONTROLLER  # a reason in the form that Kubernetes' components give theirs
    if speaker is Speaker.APPLICATION or speaker is Speaker.UNKNOWN:
        if reason:
            match = match_message("", reason, rules)
            if match.rule.category is not Category.UNKNOWN:
                return evolve(match, excerpt=excerpt(text))
        return match_spoken(text, speaker, rules)
    return match_message(text, reason, rules)


def _match_ends(head: str, ends: Iterable[ContainerEnd], rules: RuleBook) -> Match:
    """Return the match of a failed pod's message: the pod's own message decides, then how its containers ended."""
    match = match_message(head, None, rules)
    if match.rule.category is not Category.UNKNOWN:
        return match
    failed = [end for end in ends if end.exit_code or end.reason in NEVER_RAN or "OOMKilled" in end.reason]
    for end in failed:
        if end.reason in NEVER_RAN:
            return match_message(end.message, end.reason, rules)
    for end in failed:
        left = match_termination_message(end.message, rules)
        if left is not None:
            return left
    matches = []
    for end in failed:
        # Without what the container left: the exit code and the reason are the runtime's.
        wrapping = f"[{end.name}] terminated with exit code ({end.exit_code}). Reason [{end.reason}]. Message:"
        reason = "OOMKilled" if "OOMKilled" in end.reason else None
        matches.append(evolve(match_message(wrapping, reason, rules), excerpt=_describe(end)))
    chosen = next((match for match in matches if match.rule.category is not Category.APP_ERROR), None)
    return chosen or (matches[0] if matches else match)


def _describe(end: ContainerEnd) -> str:
    text = f"{end.name}: exit code {end.exit_code}, reason {end.reason or 'none'}"
    return excerpt(f"{text}: {end.message}" if end.message else text)


def _of_match(match: Match) -> Diagnosis:
    evidence: tuple[Evidence, ...] = (Evidence("message", match.excerpt),)
    if match.other_excerpts:
        evidence += tuple(Evidence("message", text) for text in match.other_excerpts)
    return Diagnosis(
        category=match.rule.category,
        kind=match.rule.kind,
        rule=match.rule.id,
        remedy=match.remedy,
        http_status=match.status,
        registry=match.registry,
        image=match.image,
        retry_after=match.retry_after,
        evidence=evidence,
        notes=notes_on(match.rule.category),
    )


def _of_pasted(pasted: PastedText, rules: RuleBook) -> Diagnosis:
    """Return the diagnosis of the object that a text describes, or else of the newest message that names a cause."""
    if pasted.pod is not None:
        verdict = _judge(pasted, rules)
        if verdict is not None and verdict.category not in (None, Category.UNKNOWN):
            return _of_verdict(verdict)
    if any("OOMKilled" in end.reason for end in pasted.ends):
        return _of_match(_match_ends("", pasted.ends, rules))  # events tell only that it was restarted
    matches = [_match_pasted(message, rules) for message in pasted.messages]
    for match in matches:
        if match.rule.category is not Category.UNKNOWN:
            return _of_match(match)
    if pasted.ends:
        return _of_match(_match_ends("", pasted.ends, rules))
    if matches:
        return _of_states(pasted, matches[0])
    if pasted.pod is not None and not pasted.events and waits(pasted.pod):
        return _of_states(pasted, Match(EVENTS_MISSING, ""))
    return _of_states(pasted, match_spoken("", Speaker.UNKNOWN, rules))


def _of_states(pasted: PastedText, match: Match) -> Diagnosis:
    """Return the diagnosis of a text that names no cause: it shows how the pod is, and what to give instead."""
    diagnosis = with_notes(_of_match(match), pasted.missing)
    if match.excerpt:
        return diagnosis
    return attrs.evolve(
        diagnosis, remedy=pasted.advice or diagnosis.remedy, evidence=pasted.states or diagnosis.evidence
    )


def _match_pasted(message: Message, rules: RuleBook) -> Match:
    match = _match_text(message.text, message.reason, rules)
    return match if match.excerpt or not message.shown else evolve(match, excerpt=excerpt(message.shown))


def _judge(pasted: PastedText, rules: RuleBook) -> Verdict | None:
    try:
        return triage(pasted.pod, events=pasted.events, policy=attrs.evolve(Policy(), rules=rules), now=_PRINTED_AT)
    except InvalidPod:
        return None


def _of_verdict(verdict: Verdict) -> Diagnosis:
    return Diagnosis(
        category=verdict.category or Category.UNKNOWN,
        kind=verdict.kind or Category.UNKNOWN.default_kind,
        rule=verdict.rule,
        remedy=verdict.remedy,
        http_status=verdict.http_status,
        registry=verdict.registry,
        image=verdict.image,
        retry_after=verdict.retry_after,
        evidence=verdict.evidence,
        notes=verdict.notes,
    )
