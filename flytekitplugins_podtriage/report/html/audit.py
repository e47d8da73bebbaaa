"""An audit as an HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flytekitplugins_podtriage.report.audit import HEADS, Audit, Row, numbers
from flytekitplugins_podtriage.report.html.document import document, element, table, text

_MOST_ROWS = 200


def page(answer: Audit) -> str:
    """Return a page about who was charged, and who should have been."""
    return document("podtriage: audit", element("article", "\n".join(_parts(answer))))


def _parts(answer: Audit) -> Iterator[str]:
    yield element("header", f'{element("h1", "Who paid")}<span class="soft">{text(answer.source)}</span>')
    yield element("p", text(answer.headline), "cause bad" if answer.total.user_wronged else "cause")
    if answer.other_lines:
        yield element("ul", "".join(element("li", text(told)) for told in answer.other_lines))
    yield _share(answer.total)
    for title, rows in (
        ("by category", answer.categories),
        ("by task", answer.tasks),
        ("by registry", answer.registries),
    ):
        if rows:
            yield table((title, *HEADS), (_row(row) for row in rows[:_MOST_ROWS]), "numbers")
            if len(rows) > _MOST_ROWS:
                yield element("p", f"and {len(rows) - _MOST_ROWS} more", "soft")
            yield "<p></p>"
    if answer.examples:
        yield element("h3", "Charged to users for the platform's reasons, for example")
        yield table(
            ("where", "category", "said"),
            (
                (text(one.what), text(one.category), f'<span class="mono">{text(one.said)}</span>')
                for one in answer.examples
            ),
        )
    if answer.from_text:
        yield element("p", "Judged from the messages alone: a pod and its events would tell more.", "soft")


def _row(row: Row) -> Sequence[str]:
    cells = [str(number) if number else '<span class="soft">&middot;</span>' for number in numbers(row)]
    if row.user_wronged:
        cells[3] = element("strong", cells[3], "bad")
    return (text(row.name), *cells)


def _share(total: Row) -> str:
    """The whole as one bar: wronged, rightly charged, unknown."""
    if not total.attempts:
        return ""
    width, x = 960.0, 0.0
    key = []
    rest = total.attempts - total.user_wronged - total.system_wronged - total.unknown
    parts = []
    for count, cls, name in (
        (total.user_wronged, "f-wrong", "charged to users for the platform's reasons"),
        (total.system_wronged, "pulling", "charged to the platform for the user's reasons"),
        (rest, "f-right", "rightly charged"),
        (total.unknown, "f-none", "not decided"),
    ):
        size = width * count / total.attempts
        if count:
            title = f"<title>{count} {text(name)}</title>"
            key.append(
                f'<span><svg viewBox="0 0 12 12" aria-hidden="true"><rect class="{cls}" width="12" height="12" rx="3"/>'
                f"</svg>{count} {text(name)}</span>"
            )
            wide = max(size - 2, 1)
            parts.append(f'<rect class="{cls}" x="{x:.1f}" y="0" width="{wide:.1f}" height="16" rx="3">{title}</rect>')
            x += size
    return (
        f'<svg viewBox="0 0 {width:.0f} 16" role="img" aria-label="{text(total.user_wronged)} of '
        f'{text(total.attempts)} wrongly charged to users">{"".join(parts)}</svg>'
        f'<p class="key soft">{"".join(key)}</p>'
    )
