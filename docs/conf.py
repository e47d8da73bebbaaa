"""How Sphinx builds the site: ``python3 tools/site.py``."""

from __future__ import annotations

import posixpath
import re
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCS = Path(__file__).resolve().parent
META = metadata("flytekitplugins-podtriage")
REPOSITORY = dict(line.split(", ", 1) for line in META.get_all("Project-URL") or ())["Repository"]

project = "podtriage"
author = "The podtriage maintainers"
version = release = META["Version"]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
]
exclude_patterns = ["_static", "decisions/README.md"]
highlight_language = "text"
smartquotes = False  # they would make a dash of the two hyphens of an option
language = "en"

html_theme = "furo"
html_title = f"podtriage {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_theme_options = {
    "source_repository": REPOSITORY,
    "source_branch": "main",
    "source_directory": "docs/",
}

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
add_module_names = False
napoleon_google_docstring = True
napoleon_numpy_docstring = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True

WRITTEN_ELSEWHERE = {
    "project/changelog": "CHANGELOG.md",
    "project/contributing": "CONTRIBUTING.md",
    "project/security": "SECURITY.md",
    "project/examples": "examples/README.md",
}
"""Pages of the site whose text is at the top of the repository, or beside what it describes."""
_TITLE = re.compile(r"\[\w+\.md\]\(")
"""A link whose text is the name of the page: on the site its text is the title."""
_LINK = re.compile(r"\]\((?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?\)")


def _unlisted(index: str) -> list[str]:
    """Return the pages of docs/ itself that the front page does not list: a new page is never lost."""
    return sorted(page.stem for page in DOCS.glob("*.md") if not re.search(rf"^{page.stem}$", index, re.MULTILINE))


def _resolve(path: str, anchor: str, folder: str) -> str:
    """Return where a link leads on the site; a file that is no page of it is in the repository."""
    target = posixpath.normpath(posixpath.join(folder, path))
    pages = {file: f"docs/{page}.md" for page, file in WRITTEN_ELSEWHERE.items()}
    target = pages.get(target, target)
    if target.startswith("docs/"):
        return f"/{target.removeprefix('docs/')}{anchor}"
    kind = "tree" if (ROOT / target).is_dir() else "blob"
    return f"{REPOSITORY}/{kind}/main/{target}{anchor}"


def read_page(_: Any, page: str, source: list[str]) -> None:
    """Complete a page before it is read: what is written elsewhere, unlisted pages, links that leave docs/."""
    folder = posixpath.dirname(f"docs/{page}")
    if page in WRITTEN_ELSEWHERE:
        file = WRITTEN_ELSEWHERE[page]
        folder = posixpath.dirname(file)
        source[0] = (ROOT / file).read_text(encoding="utf-8")
    if page == "index":
        listed = source[0].replace("(all other pages)\n", "")
        others = [name for name in _unlisted(listed) if name != "index"]
        source[0] = source[0].replace("(all other pages)\n", "".join(f"{name}\n" for name in others))
    source[0] = _TITLE.sub("[](", source[0])
    source[0] = _LINK.sub(lambda link: f"]({_resolve(link[1], link[2] or '', folder)})", source[0])


class AttributeDocstrings:
    """Keeps napoleon away from the docstrings of attributes: it takes what precedes a colon for a type."""

    def __init__(self) -> None:
        self._kept: dict[str, list[str]] = {}

    def keep(self, _: Any, what: str, name: str, __: Any, ___: Any, lines: list[str]) -> None:
        """Note a docstring before napoleon has it."""
        if what in {"attribute", "property"}:
            self._kept[name] = list(lines)

    def restore(self, _: Any, __: str, name: str, ___: Any, ____: Any, lines: list[str]) -> None:
        """Take back what napoleon made of it."""
        if name in self._kept:
            lines[:] = self._kept.pop(name)


def resolve_public_name(app: Any, env: Any, node: Any, content: Any) -> Any:
    """Let a name of a module, as annotations have it, lead to the public name."""
    import flytekitplugins_podtriage as package

    module, _, name = str(node.get("reftarget", "")).rpartition(".")
    if node.get("refdomain") != "py" or name not in package.__all__ or module == package.__name__:
        return None
    domain = env.get_domain("py")
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", f"{package.__name__}.{name}", node, content)


def setup(app: Any) -> None:
    """Connect the functions above."""
    app.connect("source-read", read_page)
    docstrings = AttributeDocstrings()
    app.connect("autodoc-process-docstring", docstrings.keep, priority=499)  # napoleon's is 500
    app.connect("autodoc-process-docstring", docstrings.restore, priority=501)
    app.connect("missing-reference", resolve_public_name)
