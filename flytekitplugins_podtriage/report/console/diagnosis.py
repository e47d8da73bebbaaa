"""A diagnosis or a verdict on a console, in a few lines."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from flytekitplugins_podtriage.core.model import Category, Diagnosis, ErrorKind, Verdict
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook
from flytekitplugins_podtriage.report.console.symbols import KINDS
from flytekitplugins_podtriage.report.text.rule_text import fault, means
from flytekitplugins_podtriage.report.text.sanitize import line, shown

_WHOSE = {"SYSTEM": "the platform's doing", "USER": "the user's doing", "unknown": "nobody knows whose doing it is"}
_CHARGED = {"SYSTEM": "charged to the platform", "USER": "charged to the user"}


def render_diagnosis(found: Diagnosis, rules: RuleBook | None = None) -> RenderableType:
    """Return a diagnosis as a person reads it."""
    facts = [
        ("registry", found.registry),
        ("image", found.image),
        ("HTTP status", str(found.http_status) if found.http_status else None),
        ("retry after", f"{found.retry_after:g} s" if found.retry_after is not None else None),
    ]
    parts: list[RenderableType] = [_title(means(found, rules), found.kind, found.category)]
    parts.extend(_fact("said" if not place else "also", item.text) for place, item in enumerate(found.evidence[:4]))
    parts.extend(_fact(name, value) for name, value in facts if value)
    parts.append(_fact("rule", found.rule))
    parts.append(_fact("what helps", found.remedy, "green"))
    return Group(*parts)


def render_verdict(verdict: Verdict, rules: RuleBook | None = None) -> RenderableType:
    """Return a verdict as a person reads it."""
    parts: list[RenderableType] = [_title(means(verdict, rules), verdict.kind, verdict.category)]
    parts.append(_fact("backend", verdict.backend))
    parts.append(_fact("phase", verdict.phase.value, "bold red" if verdict.failing else "bold"))
    if verdict.code is not None:
        parts.append(_fact("code", verdict.code))
    if verdict.message or verdict.reason:
        parts.append(_fact("message" if verdict.message else "reason", shown(verdict.message or verdict.reason)))
    parts.append(_fact("rule", verdict.rule))
    if verdict.remedy and verdict.remedy not in (verdict.message or ""):
        parts.append(_fact("what helps", verdict.remedy, "green"))
    if verdict.recheck_at is not None:
        parts.append(_fact("look again", verdict.recheck_at.isoformat(timespec="seconds")))
    return Group(*parts)


def _title(said: str, kind: ErrorKind | None, category: Category | None) -> Text:
    text = Text(line(said[:1].upper() + said[1:]), style="bold")
    if kind is None:
        return text
    whose = fault(kind, category is Category.UNKNOWN)
    text.append(f"\n{whose}", style=KINDS[whose])
    if category is None:  # a stock backend has no causes: it tells who is charged, and not whose doing it was
        return text.append(f"  ({_CHARGED[whose]})", style="dim not bold")
    text.append(f"  {category.value}  ", style="not bold")
    return text.append(f"({_WHOSE[whose]})", style="dim not bold")


def _fact(name: str, value: str, style: str = "") -> Padding:
    text = Text().append(f"{name}: ", style="dim")
    said = shown(value) if "\n" in value else line(value, 600)
    return Padding(text.append(said, style=style), (0, 2))
