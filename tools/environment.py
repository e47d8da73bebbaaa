"""The virtual environment of this checkout: made when first needed, made anew when pyproject.toml changes.

It lies in ``.venv/<Python's version>``, holds the package itself in editable form, and is filled by the pip that
comes with Python. What it holds is written beside it, last, so that an interrupted set-up is done again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_ENVIRONMENT = ROOT / ".venv" / f"{sys.version_info.major}.{sys.version_info.minor}"
_NOTE = _ENVIRONMENT / "podtriage.json"


def prepared(*extras: str) -> Path:
    """Return the environment's Python; the package and these extras of it are installed there.

    Raises:
        SystemExit: it could not be set up, with a message for people, or it was interrupted.
    """
    try:
        return _prepared(extras)
    except KeyboardInterrupt:
        print("interrupted; the next call sets it up anew", file=sys.stderr)
        sys.exit(130)


def _prepared(extras: tuple[str, ...]) -> Path:
    wanted = {"made by": os.path.realpath(sys.executable), "for": str(ROOT), "pyproject": _digest()}
    python = _ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if _missing(wanted, extras) == set():
        return python
    with _alone():
        missing = _missing(wanted, extras)
        if missing == set():  # another process has been at it meanwhile
            return python
        held = set(extras)
        if missing is None:
            _make()
        else:
            held |= _held()
        _NOTE.unlink(missing_ok=True)
        _install(python, sorted(held))
        _NOTE.write_text(json.dumps({**wanted, "extras": sorted(held)}), encoding="utf-8")
    return python


def run(program: Path, *arguments: str, folder: Path = ROOT) -> int:
    """Run a program of the environment in a folder, by default the top of the checkout; return its exit code.

    What it leaves in the temporary folder is removed: every ``import flytekit`` leaves two folders there.
    """
    with tempfile.TemporaryDirectory(prefix="podtriage-", ignore_cleanup_errors=True) as temporary:
        # Compiled modules are kept, as Python does unless it is told otherwise: each test run starts some 80 Pythons.
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        try:
            return subprocess.call([str(program), *arguments], cwd=folder, env={**kept, "TMPDIR": temporary})
        except KeyboardInterrupt:
            return 130


def _digest() -> str:
    return hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()


def _note() -> dict[str, object]:
    try:
        note = json.loads(_NOTE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _held() -> set[str]:
    """Return the extras that are installed."""
    held = _note().get("extras")
    return set(held) if isinstance(held, list) else set()


def _missing(wanted: dict[str, str], extras: tuple[str, ...]) -> set[str] | None:
    """Return the extras that are not installed yet; None if the environment is not the one that is wanted."""
    note = _note()
    return set(extras) - _held() if all(note.get(name) == value for name, value in wanted.items()) else None


def _make() -> None:
    """Make the environment, empty but for pip."""
    shutil.rmtree(_ENVIRONMENT, ignore_errors=True)
    try:
        venv.create(_ENVIRONMENT, with_pip=True, symlinks=os.name != "nt")
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"{_ENVIRONMENT}: cannot make a virtual environment there: {error}")


def _install(python: Path, extras: list[str]) -> None:
    """Install the package with its extras; pip is silent unless it fails."""
    what = f".[{','.join(extras)}]" if extras else "."
    print(
        f"Setting up {_ENVIRONMENT.relative_to(ROOT)} (once; about a minute) ...", end=" ", file=sys.stderr, flush=True
    )
    start = time.monotonic()
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--editable"]
    done = subprocess.run([*pip, what], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        print("failed", file=sys.stderr)
        sys.stderr.write(done.stdout.decode(errors="replace"))
        sys.exit(f"pip could not install the package and what it depends on ({what}); its own words are above")
    print(f"done in {time.monotonic() - start:.0f} s", file=sys.stderr)


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other process sets up an environment here."""
    try:
        import fcntl
    except ImportError:  # Windows: two set-ups at once are left to the user
        yield
        return
    _ENVIRONMENT.parent.mkdir(exist_ok=True)
    with (_ENVIRONMENT.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
