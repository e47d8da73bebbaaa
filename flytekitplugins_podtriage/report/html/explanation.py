"""Explanations as an HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flytekitplugins_podtriage.core.model import Evidence
from flytekitplugins_podtriage.report.explanation import Explanation
from flytekitplugins_podtriage.report.html.document import badge, document, element, table, text
from flytekitplugins_podtriage.report.html.timeline_svg import picture
from flytekitplugins_podtriage.report.text.humanize import clock, from_now, stamp
from flytekitplugins_podtriage.report.text.rule_text import fault
from flytekitplugins_podtriage.report.who_pays import Bill

_MOST_QUOTES = 5


def page(told: Sequence[Explanation]) -> str:
    """Return a page about some pods, those with trouble first."""
    ordered = sorted(told, key=lambda one: one.calm)
    title = f"podtriage: {told[0].name}" if len(told) == 1 else f"podtriage: {len(told)} pods"
    return document(title, "\n".join(element("article", "\n".join(_parts(one))) for one in ordered))


def _parts(told: Explanation) -> Iterator[str]:
    verdict = told.verdict
    yield _header(told)
    yield element("p", text(told.cause[:1].upper() + told.cause[1:]), "cause")
    if verdict.kind is not None or verdict.category is not None:
        category = text(verdict.category.value) if verdict.category is not None else ""
        registry = f' <span class="soft">{text(verdict.registry)}</span>' if verdict.registry else ""
        yield f"<p>{badge(fault(verdict.kind, told.unknown))} <code>{category}</code>{registry}</p>"
    for item in verdict.evidence[:_MOST_QUOTES]:
        yield _quote(item, told)
    if told.story:
        yield element("div", picture(told), "scroll")
    if told.next_try is not None and told.next_try > told.now:
        yield element(
            "p", f"The kubelet tries again {text(from_now(told.next_try, told.now))}, or some seconds later.", "soft"
        )
    if told.bills:
        yield element("h3", "Who pays" if told.over else "Who pays if nothing changes")
        yield table(
            ("backend", "when", "budget", "and then"),
            ((text(bill.label), _when(bill, told), _budget(bill), text(bill.then)) for bill in told.bills),
        )
    if verdict.remedy and not told.well:
        yield f'<div class="helps"><p><strong>What helps.</strong> {text(verdict.remedy)}</p></div>'
    if told.notes:
        yield element("ul", "".join(element("li", text(note), "soft") for note in told.notes))
    yield _details(told)


def _header(told: Explanation) -> str:
    facts = [text(told.namespace)] if told.namespace else []
    if told.execution:
        facts.append(f"attempt {told.attempt} of {told.attempts}")
    cls = "state bad" if told.failing else "state good" if told.calm else "state"
    return element(
        "header",
        f'{element("h1", text(told.name))}<span class="soft">{" &middot; ".join(facts)}</span>'
        f"{element('span', text(told.standing), cls)}",
    )


def _quote(item: Evidence, told: Explanation) -> str:
    where = text(item.source)
    if item.container and item.container != told.name:
        where += f" of {text(item.container)}"
    if item.at is not None:
        where += f", {clock(item.at, told.now)}"
    return f'<blockquote><span class="mono">{text(item.text)}</span><footer>{where}</footer></blockquote>'


def _when(bill: Bill, told: Explanation) -> str:
    at = bill.charge.at
    if at is None or bill.charge.kind is None:
        return element("span", text(told.when(bill)), "soft")
    return f'<span title="{stamp(at)}">{text(told.when(bill))}</span>'


def _budget(bill: Bill) -> str:
    if bill.charge.kind is None:
        return element("span", text(bill.budget), "soft")
    return element("strong", text(bill.budget), "bad") if bill.wrong else text(bill.budget)


def _details(told: Explanation) -> str:
    """The story as a table, folded, and what the answer rests on."""
    rows = [
        (
            clock(mark.at, told.now),
            text(mark.label + (f" (\u00d7{mark.count})" if mark.count > 1 else "")),
            text(mark.text),
        )
        for mark in told.story
    ]
    story = table(("time", "what", "said"), rows) if rows else ""
    facts = (
        f"Looked at as of {stamp(told.now)}. Rule <code>{text(told.verdict.rule)}</code>, "
        f"phase {text(told.verdict.phase.value)}."
    )
    return f'<details><summary>The story in full</summary>{story}<p class="soft">{facts}</p></details>'
