"""A diagnosis or a verdict on a console, in a few lines."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from flytekitplugins_podtriage.core.model import Category, Diagnosis, Verdict
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook
from flytekitplugins_podtriage.report.console.symbols import FAULT_STYLES
from flytekitplugins_podtriage.report.text.rule_text import fault_label, rule_title
from flytekitplugins_podtriage.report.text.sanitize import one_line, sanitize

_MAX_QUOTES = 4
_FAULTS = {"SYSTEM": "the platform's fault", "USER": "the user's fault", "unknown": "whose fault is unknown"}
_CHARGED = {"SYSTEM": "charged to system retries", "USER": "charged to user retries"}


def render_diagnosis(diagnosis: Diagnosis, rules: RuleBook | None = None) -> RenderableType:
    """Return a diagnosis as a person reads it."""
    facts = [
        *(("message", item.text, "") for item in diagnosis.evidence[:_MAX_QUOTES]),
        ("registry", diagnosis.registry, ""),
        ("image", diagnosis.image, ""),
        ("HTTP status", str(diagnosis.http_status) if diagnosis.http_status else None, ""),
        ("retry after", f"{diagnosis.retry_after:g} s" if diagnosis.retry_after is not None else None, ""),
        ("rule", diagnosis.rule, ""),
        ("fix", diagnosis.remedy, "green"),
        *(("note", note, "dim") for note in diagnosis.notes),
    ]
    return Group(_title(diagnosis, rules), *(_fact(name, value, style) for name, value, style in facts if value))


def render_verdict(verdict: Verdict, rules: RuleBook | None = None) -> RenderableType:
    """Return a verdict as a person reads it."""
    message = verdict.message or ""
    facts = [
        ("backend", verdict.backend, ""),
        ("phase", verdict.phase.value, "bold red" if verdict.failing else "bold"),
        ("code", verdict.code, ""),
        ("message" if message else "reason", sanitize(message or verdict.reason), ""),
        ("rule", verdict.rule, ""),
        ("fix", "" if verdict.remedy in message else verdict.remedy, "green"),
        ("recheck at", verdict.recheck_at.isoformat(timespec="seconds") if verdict.recheck_at else None, ""),
        *(("note", note, "dim") for note in verdict.notes),
    ]
    return Group(_title(verdict, rules), *(_fact(name, value, style) for name, value, style in facts if value))


def _title(answer: Verdict | Diagnosis, rules: RuleBook | None) -> Text:
    title, category = rule_title(answer, rules), answer.category
    text = Text(one_line(title[:1].upper() + title[1:]), style="bold")
    if answer.kind is None:
        return text
    fault = fault_label(answer.kind, category is Category.UNKNOWN)
    text.append(f"\n{fault}", style=FAULT_STYLES[fault])
    if category is None:  # a stock backend knows no causes: it decides who is charged, not whose fault it was
        return text.append(f"  ({_CHARGED[fault]})", style="dim not bold")
    text.append(f"  {category.value}  ", style="not bold")
    return text.append(f"({_FAULTS[fault]})", style="dim not bold")


def _fact(name: str, value: str, style: str) -> Padding:
    text = Text().append(f"{name}: ", style="dim")
    return Padding(text.append(sanitize(value) if "\n" in value else one_line(value, 600), style=style), (0, 2))
