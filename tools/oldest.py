"""Print the oldest releases that pyproject.toml allows, as constraints for pip: "kubernetes==29" and so on.

python3 tools/oldest.py                     of everything that is needed and of what the tests need
python3 tools/oldest.py kubernetes          of these only
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_BOUND = re.compile(r'^    "([A-Za-z0-9-]+)>=([0-9.]+)', re.MULTILINE)


def oldest(pyproject: str) -> dict[str, str]:
    """Return the lower bounds of the requirements in a pyproject.toml, by name."""
    return dict(_BOUND.findall(pyproject.partition("\n[tool.")[0]))


if __name__ == "__main__":
    bounds = oldest((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    for name in sys.argv[1:] or bounds:
        if name not in bounds:
            sys.exit(f"pyproject.toml: no lower bound of {name!r}; allowed: {', '.join(bounds)}")
        print(f"{name}=={bounds[name]}")
