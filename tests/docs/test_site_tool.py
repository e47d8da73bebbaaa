"""What tools/site.py takes for a dead link, a request to another host, and a missing name."""

from __future__ import annotations

from pathlib import Path

import pytest

WHOLE = {
    "index.html": '<a href="sub/page.html#there">x</a><a href="#here">x</a><p id="here"></p>'
    '<a href="https://flyte.org">x</a><a href="mailto:a@example">x</a><img src="pic.png">'
    '<link rel="canonical" href="https://docs.example/">',
    "sub/page.html": '<a href="../index.html">x</a><h2 id="there"></h2><a href="../pic.png">x</a>',
    "pic.png": "",
}


def lines(folder: Path, files: dict[str, str]) -> list[str]:
    from site_checks import dead_links, read_site

    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return list(dead_links(read_site(folder)))


def test_a_whole_site_has_no_dead_link(tmp_path: Path) -> None:
    assert lines(tmp_path, WHOLE) == []


@pytest.mark.parametrize(
    ("added", "line"),
    [
        ('<a href="none.html">x</a>', "index.html: dead link none.html: no such file"),
        ('<a href="sub/page.html#gone">x</a>', "index.html: dead link sub/page.html#gone: no such anchor"),
        ('<a href="#gone">x</a>', "index.html: dead link #gone: no such anchor"),
        ('<img src="gone.png">', "index.html: dead link gone.png: no such file"),
        ('<script src="https://cdn.example/x.js">', "index.html: fetches https://cdn.example/x.js from another host"),
        ('<link rel="stylesheet" href="//x.example/a.css">', "index.html: fetches //x.example/a.css from another host"),
    ],
    ids=["a file", "an anchor elsewhere", "an anchor here", "a picture", "a script", "a style sheet"],
)
def test_what_leads_nowhere_is_named(added: str, line: str, tmp_path: Path) -> None:
    assert lines(tmp_path, {**WHOLE, "index.html": WHOLE["index.html"] + added}) == [line]


def test_every_name_that_a_reference_lacks_is_named(tmp_path: Path) -> None:
    from site_checks import read_site, undocumented

    expected = [("page.html", "setting", ["user-patience", "rules"]), ("page.html", "option", ["--json", "--jsonl"])]
    (tmp_path / "page.html").write_text('<p id="rules">x</p><td>user-patience</td><code>--jsonl</code>')
    assert list(undocumented(read_site(tmp_path), tmp_path, expected)) == ["page.html: option --json is not documented"]


def test_what_users_can_name_is_looked_for() -> None:
    from site_checks import names_of_users

    names: dict[str, set[str]] = {}
    for _, kind, each in names_of_users():
        names.setdefault(kind, set()).update(each)
    assert "flytekitplugins_podtriage.diagnose" in names["public name"]
    assert "flytekitplugins_podtriage.testing.rehearse" in names["public name"]
    assert "system-reserve" in names["setting"]
    assert {"podtriage-rehearse", "--fault", "--help"} - {"--help"} <= names["of podtriage rehearse:"]
    assert {"pull-429", "pod-gone"} <= names["rule"]
