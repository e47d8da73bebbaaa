"""The frame of an HTML page: one file, no resource from anywhere else, light and dark, everything escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from flytekitplugins_podtriage.report.html.style import STYLE
from flytekitplugins_podtriage.report.text.sanitize import shown


def text(value: object) -> str:
    """Return a value as HTML text, safe in an attribute too: secrets masked, controls taken out, everything escaped."""
    return escape(shown(str(value)), quote=True)


def element(name: str, inner: str, cls: str = "") -> str:
    """Return an element around HTML that has been made already."""
    return f'<{name} class="{cls}">{inner}</{name}>' if cls else f"<{name}>{inner}</{name}>"


def document(title: str, body: str) -> str:
    """Return a whole page.

    Args:
        title: as text.
        body: as HTML.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Nothing may be loaded or run, whatever should have slipped in.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n"
        "<footer>made by podtriage; times are UTC</footer>\n</body>\n</html>\n"
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], cls: str = "") -> str:
    """Return a table; heads are text, cells are HTML."""
    top = "".join(f'<th scope="col">{text(head)}</th>' for head in heads)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
    inner = f"<thead><tr>{top}</tr></thead>\n<tbody>\n{lines}</tbody>"
    return f'<div class="scroll">{element("table", inner, cls)}</div>'


def badge(word: str) -> str:
    """Return whose fault it is, as a coloured word."""
    cls = {"SYSTEM": "system", "USER": "user", "unknown": "unknown"}.get(word, "none")
    return f'<span class="badge {cls}">{text(word)}</span>'
