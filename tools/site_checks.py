"""Checks of the built site: links, requests to other hosts, and names that the reference lacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

Expected = tuple[str, str, Iterable[str]]
"""A page, the kind of a name, and the names that the page has to have."""
_FETCHED: Final = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
"""What a browser fetches without being asked, and the attribute that says from where."""
_NOT_FETCHED: Final = {"canonical", "next", "prev", "index", "search", "author", "license", "genindex"}
"""Relations of a <link> that name a page."""


class Page(HTMLParser):
    """What a page of the site links to, fetches, and can be linked to by."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag's anchor and targets."""
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif values.get(_FETCHED.get(tag, "")):
            named = tag == "link" and set(values.get("rel", "").split()) & _NOT_FETCHED
            (self.links if named else self.fetched).append(values[_FETCHED[tag]])

    def handle_data(self, data: str) -> None:
        """Take text."""
        self.text.append(data)


def read_site(folder: Path) -> dict[Path, Page]:
    """Return the pages of a site by their paths."""
    return {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}


def dead_links(pages: Mapping[Path, Page]) -> Iterator[str]:
    """Yield a line for each link that leads nowhere inside the site, and for each request to another host."""
    top = min(pages, key=lambda path: len(path.parts)).parent
    for path, page in pages.items():
        name = path.relative_to(top)
        for target in page.fetched:
            if urlsplit(target).netloc:
                yield f"{name}: fetches {target} from another host"
        for target in (*page.links, *page.fetched):
            url = urlsplit(target)
            if url.scheme or url.netloc:
                continue
            file = (path.parent / unquote(url.path)).resolve() if url.path else path
            if not file.is_file():
                yield f"{name}: dead link {target}: no such file"
            elif url.fragment and file in pages and unquote(url.fragment) not in pages[file].anchors:
                yield f"{name}: dead link {target}: no such anchor"


def undocumented(pages: Mapping[Path, Page], folder: Path, expected: Iterable[Expected]) -> Iterator[str]:
    """Yield a line for each thing that users can name and that the reference does not have."""
    for page, kind, names in expected:
        read = pages[(folder / page).resolve()]
        words = set("".join(f" {text} " for text in read.text).replace(",", " ").split())
        for name in names:
            if name not in read.anchors and name not in words:
                yield f"{page}: {kind} {name} is not documented"


def names_of_users() -> Iterator[Expected]:
    """Yield what users can name, and which page has to have it, as an anchor or as a word."""
    import attrs
    import click

    import flytekitplugins_podtriage as package
    from flytekitplugins_podtriage import testing
    from flytekitplugins_podtriage.cli.main import COMMANDS, cli
    from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN
    from flytekitplugins_podtriage.core.rules.demystify import STOCK_RULES
    from flytekitplugins_podtriage.core.rules.pod_states import POD_RULES

    for module in (package, testing):
        yield "reference/python.html", "public name", [f"{module.__name__}.{name}" for name in module.__all__]
    yield "settings.html", "setting", [field.name.replace("_", "-") for field in attrs.fields(package.Settings)]
    context = click.Context(cli, info_name="podtriage")
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        options = [option for item in command.params if isinstance(item, click.Option) for option in item.opts]
        yield "reference/commands.html", f"of podtriage {name}:", [f"podtriage-{name}", *options]
    yield "rules.html", "rule", [*(rule.id for rule in BUILT_IN), *POD_RULES, *STOCK_RULES]
