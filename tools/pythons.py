"""Which Python to work with: one of those that pyproject.toml allows.

    python3 tools/pythons.py     the Pythons of this machine that are allowed, oldest first: "3.10 /path/to/python"

This module is read by whatever Python the caller has, so it is written for 3.6 and later.
"""

import glob
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from typing import Iterator, List, Optional, Tuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CHOSEN = "PODTRIAGE_PYTHON_CHOSEN"
"""Environment variable, set for the Python that choose() starts, so that it never starts another."""

Version = Tuple[int, int]


def allowed() -> List[Version]:
    """Return the allowed versions, oldest first, as pyproject.toml's requires-python tells them."""
    with open(os.path.join(ROOT, "pyproject.toml"), encoding="utf-8") as file:
        match = re.search(r'^requires-python = ">=3\.(\d+),<3\.(\d+)"$', file.read(), re.MULTILINE)
    if match is None:
        raise SystemExit('pyproject.toml: requires-python is not of the form ">=3.X,<3.Y"')
    return [(3, minor) for minor in range(int(match.group(1)), int(match.group(2)))]


def spell(version: Version) -> str:
    """Return a version as it is written: (3, 10) is "3.10"."""
    return "{}.{}".format(*version)


def find(version: Version) -> Optional[str]:
    """Return a Python of that version that can make a virtual environment with pip in it, or None."""
    for path in _candidates(version):
        program = "import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != {})".format(version)
        try:
            done = subprocess.call([path, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except OSError:
            continue
        if done == 0:
            return path
    return None


def _candidates(version: Version) -> Iterator[str]:
    """Yield where a Python of that version may be: this one, those on PATH, then those that pyenv keeps."""
    if sys.version_info[:2] == version and sys.executable:
        yield sys.executable
    name = "python" + spell(version)
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        for path in (os.path.join(folder, name), os.path.join(folder, name + ".exe")):
            if os.access(path, os.X_OK):
                yield path
    kept = os.environ.get("PYENV_ROOT") or os.path.join(os.path.expanduser("~"), ".pyenv")
    for path in sorted(glob.glob(os.path.join(kept, "versions", spell(version) + ".*", "bin", "python"))):
        yield path


def choose() -> None:
    """Return if this Python is allowed; else run the script anew with one that is, or end with one line."""
    versions = allowed()
    here = (sys.version_info[0], sys.version_info[1])
    if here in versions and find_spec("ensurepip"):
        return
    if CHOSEN not in os.environ:
        for version in reversed(versions):
            path = find(version)
            if path is not None:
                os.environ[CHOSEN] = path
                sys.exit(subprocess.call([path] + sys.argv))
    sys.exit(_refusal(here, versions))


def _refusal(here: Version, versions: List[Version]) -> str:
    """Say in one line what is missing."""
    if here in versions:
        return (
            "Python {0} ({1}) lacks ensurepip, which makes virtual environments; Debian: install python{0}-venv".format(
                spell(here), sys.executable
            )
        )
    return "this is Python {} ({}); allowed: {}, and none that can make a virtual environment is on PATH".format(
        spell(here), sys.executable, ", ".join("python" + spell(version) for version in versions)
    )


if __name__ == "__main__":
    for each in allowed():
        python = find(each)
        if python is not None:
            print(spell(each), python)
