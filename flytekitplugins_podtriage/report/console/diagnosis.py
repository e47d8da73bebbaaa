"""A diagnosis or a verdict on a console, in a few lines."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from flytekitplugins_podtriage.core.model import Category, Diagnosis, ErrorKind, Verdict
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
        ("registry", diagnosis.registry),
        ("image", diagnosis.image),
        ("HTTP status", str(diagnosis.http_status) if diagnosis.http_status else None),
        ("retry after", f"{diagnosis.retry_after:g} s" if diagnosis.retry_after is not None else None),
    ]
    parts: list[RenderableType] = [_title(rule_title(diagnosis, rules), diagnosis.kind, diagnosis.category)]
    parts.extend(_fact("message", item.text) for item in diagnosis.evidence[:_MAX_QUOTES])
    parts.extend(_fact(name, value) for name, value in facts if value)
    parts.append(_fact("rule", diagnosis.rule))
    parts.append(_fact("fix", diagnosis.remedy, "green"))
    return Group(*parts)


def render_verdict(verdict: Verdict, rules: RuleBook | None = None) -> RenderableType:
    """Return a verdict as a person reads it."""
    parts: list[RenderableType] = [_title(rule_title(verdict, rules), verdict.kind, verdict.category)]
    parts.append(_fact("backend", verdict.backend))
    parts.append(_fact("phase", verdict.phase.value, "bold red" if verdict.failing else "bold"))
    if verdict.code is not None:
        parts.append(_fact("code", verdict.code))
    if verdict.message or verdict.reason:
        parts.append(_fact("message" if verdict.message else "reason", sanitize(verdict.message or verdict.reason)))
    parts.append(_fact("rule", verdict.rule))
    if verdict.remedy and verdict.remedy not in (verdict.message or ""):
        parts.append(_fact("fix", verdict.remedy, "green"))
    if verdict.recheck_at is not None:
        parts.append(_fact("recheck at", verdict.recheck_at.isoformat(timespec="seconds")))
    return Group(*parts)


def _title(title: str, kind: ErrorKind | None, category: Category | None) -> Text:
    text = Text(one_line(title[:1].upper() + title[1:]), style="bold")
    if kind is None:
        return text
    fault = fault_label(kind, category is Category.UNKNOWN)
    text.append(f"\n{fault}", style=FAULT_STYLES[fault])
    if category is None:  # a stock backend knows no causes: it decides who is charged, not whose fault it was
        return text.append(f"  ({_CHARGED[fault]})", style="dim not bold")
    text.append(f"  {category.value}  ", style="not bold")
    return text.append(f"({_FAULTS[fault]})", style="dim not bold")


def _fact(name: str, value: str, style: str = "") -> Padding:
    text = Text().append(f"{name}: ", style="dim")
    return Padding(text.append(sanitize(value) if "\n" in value else one_line(value, 600), style=style), (0, 2))
