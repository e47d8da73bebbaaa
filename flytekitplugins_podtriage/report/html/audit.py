"""An audit as an HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flytekitplugins_podtriage.report.audit import FROM_TEXT, Audit, Row
from flytekitplugins_podtriage.report.html.document import document, element, table, text

_MAX_ROWS = 200
_HEADS = (
    "attempts",
    "charged to user retries",
    "charged to system retries",
    "wrongly charged to user",
    "wrongly charged to system",
    "unknown cause",
)
"""The heads of :attr:`Row.counts`."""
_WRONGLY_USER = 3
_BAR_WIDTH = 960.0


def page(audit: Audit) -> str:
    """Return a page about who was charged, and whose fault the failures were."""
    return document("podtriage: audit", element("article", "\n".join(_parts(audit))))


def _parts(audit: Audit) -> Iterator[str]:
    yield element("header", f'{element("h1", "Who paid")}<span class="soft">{text(audit.source)}</span>')
    yield element("p", text(audit.headline), "cause bad" if audit.total.wrongly_user else "cause")
    if audit.details:
        yield element("ul", "".join(element("li", text(detail)) for detail in audit.details))
    if audit.total.attempts:
        yield _share_bar(audit.total)
    for title, rows in audit.tables:
        yield table((title, *_HEADS), (_row(row) for row in rows[:_MAX_ROWS]), "numbers")
        if len(rows) > _MAX_ROWS:
            yield element("p", f"and {len(rows) - _MAX_ROWS} more", "soft")
        yield "<p></p>"
    if audit.examples:
        yield element("h3", "Examples of wrong charges to user retries")
        examples = (
            (text(example.name), text(example.category), f'<span class="mono">{text(example.excerpt)}</span>')
            for example in audit.examples
        )
        yield table(("attempt", "category", "message"), examples)
    if audit.from_text:
        yield element("p", FROM_TEXT, "soft")


def _row(row: Row) -> Sequence[str]:
    cells = [str(count) if count else '<span class="soft">&middot;</span>' for count in row.counts]
    if row.wrongly_user:
        cells[_WRONGLY_USER] = element("strong", cells[_WRONGLY_USER], "bad")
    return (text(row.name), *cells)


def _share_bar(total: Row) -> str:
    """Return all attempts as one bar: wrongly charged, correctly charged, unknown."""
    key, bars, x = [], [], 0.0
    correct = total.attempts - total.wrongly_user - total.wrongly_system - total.unknown
    for count, cls, name in (
        (total.wrongly_user, "f-wrong", "wrongly charged to user retries"),
        (total.wrongly_system, "pulling", "wrongly charged to system retries"),
        (correct, "f-right", "correctly charged"),
        (total.unknown, "f-none", "unknown cause"),
    ):
        if not count:
            continue
        key.append(
            f'<span><svg viewBox="0 0 12 12" aria-hidden="true"><rect class="{cls}" width="12" height="12" rx="3"/>'
            f"</svg>{count} {name}</span>"
        )
        width = _BAR_WIDTH * count / total.attempts
        bars.append(
            f'<rect class="{cls}" x="{x:.1f}" y="0" width="{max(width - 2, 1):.1f}" height="16" rx="3">'
            f"<title>{count} {name}</title></rect>"
        )
        x += width
    return (
        f'<svg viewBox="0 0 {_BAR_WIDTH:.0f} 16" role="img" aria-label="{total.wrongly_user} of {total.attempts} '
        f'wrongly charged to user retries">{"".join(bars)}</svg><p class="key soft">{"".join(key)}</p>'
    )
