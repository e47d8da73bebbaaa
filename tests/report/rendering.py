"""Reports as text: what a console shows, and what a page says."""

from __future__ import annotations

import io
from html.parser import HTMLParser
from typing import Any

from rich.console import Console


def shown(view: Any, width: int = 120, **options: Any) -> str:
    """Return what a console of some width shows; without colour unless the options say otherwise."""
    out = io.StringIO()
    options = {"color_system": None, "markup": False, "highlight": False, "emoji": False, **options}
    Console(file=out, width=width, **options).print(view)
    return out.getvalue()


def words(view: Any, width: int = 200) -> str:
    """Return what a console shows, without line breaks."""
    return " ".join(shown(view, width).split())


class Page(HTMLParser):
    """The text and the tags of a page; fails on a tag that is not closed in order."""

    VOID = frozenset("meta link br hr img input".split())

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self._words: list[str] = []
        self._opened: list[str] = []
        self.feed(page)
        self.close()
        assert self._opened == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]
        if tag not in self.VOID:
            self._opened.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._opened.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._opened[-1:] != ["style"]:
            self._words.append(data)

    @property
    def text(self) -> str:
        """The words of the page, without its style."""
        return " ".join(" ".join(self._words).split())
