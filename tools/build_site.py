"""Build the documentation's site and check it; the first run sets everything up.

python3 tools/build_site.py             build/site/index.html; a warning of Sphinx is an error
python3 tools/build_site.py FOLDER      build it there

After the build every link, anchor and picture inside the site is followed, requests to other hosts that a page would
make by itself are refused, and what users can name has to be documented: public names, settings, commands, options and
rules. Links to other hosts are not followed.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(folder: Path) -> int:
    """Build and check the site; return how many things are wrong."""
    from site_checks import dead_links, names_of_users, read_site, undocumented
    from sphinx.cmd.build import main as build

    code = build(["-b", "html", "-W", "--keep-going", "-q", str(ROOT / "docs"), str(folder)])
    if code:
        print("the site has warnings", file=sys.stderr)
        return 1
    pages = read_site(folder)
    wrong = [*dead_links(pages), *undocumented(pages, folder, names_of_users())]
    for line in wrong:
        print(line, file=sys.stderr)
    links = sum(len(page.links) for page in pages.values())
    print(f"{folder / 'index.html'}: {len(pages)} pages, {links} links, {len(wrong)} wrong")
    return len(wrong)


if __name__ == "__main__":
    if sys.argv[1:2] != ["--here"]:
        import pythons

        pythons.choose()
        import environment

        target = str(Path(sys.argv[1]).resolve()) if sys.argv[1:] else str(ROOT / "build" / "site")
        sys.exit(environment.run(environment.prepared("docs"), str(Path(__file__)), "--here", target))
    sys.exit(min(1, main(Path(sys.argv[2]))))
