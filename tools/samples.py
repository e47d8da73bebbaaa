"""Run the code of the documentation's pages, and compare what commands print with what the pages show.

python3 tools/samples.py                    every page of docs/ and the README
python3 tools/samples.py docs/tutorial.md   some pages
python3 tools/samples.py --update           write what the commands print now into the pages

What is run, in a folder of the page's own and from top to bottom:

- a block whose first line is a comment with a file's name (``# report.py``) is written to that file;
- any other ``python`` block is executed, ``pycon`` is a doctest; the blocks of a page share their names;
- in a ``console`` block each line that begins with ``$ `` is a command, and what follows it is what it prints on a
  terminal of 88 columns. A line that is only ``...`` stands for any number of lines, ``...`` in a line for anything,
  and a last line ``[exit code N]`` for a command that fails.

A block after the line ``<!-- not run: REASON -->`` is left alone, and so are blocks in any other language.
"""

from __future__ import annotations

import doctest
import errno
import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = 88
MODULES = {
    "podtriage": "flytekitplugins_podtriage",
    "pyflyte": "flytekit.clis.sdk_in_container.pyflyte",
    "pytest": "pytest",
}
"""The programs that a page may call, and the module of each."""
_FENCE = re.compile(r"^(?P<mark>```+)(?P<language>[\w{}-]*)\n(?P<body>.*?)^(?P=mark)\n", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run: .+? -->\s*\Z", re.DOTALL)
_FILE = re.compile(r"# ([\w./-]+\.\w+)\n")
_CONTROL = re.compile(r"(\x1b\[[0-9;?]*[A-Za-z]|[\r\n])")
_DUPLICATE_OPTION = re.compile(
    r"^.*: UserWarning: The parameter \S+ is used more than once\..*\n(?:  .*\n?)?", re.MULTILINE
)
"""What some releases of click warn of in the commands of flytekit."""
_FAILED = re.compile(r"\[exit code (\d+)\]\n?\Z")


class SampleError(Exception):
    """A sample does not do what its page says; the message names page and line."""


class Block(NamedTuple):
    """A block of code in a page."""

    language: str
    body: str
    line: int
    start: int
    """Where the body begins in the page's text."""

    @property
    def file(self) -> str | None:
        """The name of the file that the block is, if it is one."""
        match = _FILE.match(self.body)
        return match[1] if match else None


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of a page that are to be run."""
    for match in _FENCE.finditer(text):
        if not _NOT_RUN.search(text[: match.start()]):
            yield Block(match["language"], match["body"], text.count("\n", 0, match.start()) + 1, match.start("body"))


def commands(body: str) -> list[tuple[str, str]]:
    """Return the commands of a ``console`` block, each with the output that follows it."""
    parts = re.split(r"^\$ (.*)\n", body, flags=re.MULTILINE)
    if parts[0].strip():
        raise SampleError(f"a console block begins with {parts[0].splitlines()[0]!r}; expected a line with $")
    return list(zip(parts[1::2], parts[2::2], strict=True))


def same(shown: str, printed: str) -> bool:
    """Whether an output is the one that a page shows."""
    pattern = ""
    for line in shown.splitlines():
        pattern += r"(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + r"\n"
    return re.fullmatch(pattern, printed) is not None


def screen(printed: str) -> str:
    """Return what a terminal shows in the end: without styles, and without a progress bar that was wiped out."""
    lines, row, column = [""], 0, 0
    for part in _CONTROL.split(printed):
        if part == "\n":
            row, column = row + 1, 0
            if row == len(lines):
                lines.append("")
        elif part == "\r":
            column = 0
        elif part.startswith("\x1b["):
            if part[-1] == "A":
                row = max(0, row - int(part[2:-1] or 1))
            elif part == "\x1b[2K":
                lines[row] = ""
        else:
            lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + len(part) :]
            column += len(part)
    return "\n".join(line.rstrip() for line in lines)


class Page:
    """A page, and the folder in which its samples run.

    Args:
        path: of the page.
        folder: an empty folder.
        python: the Python that has podtriage installed.
        environ: the environment of its commands.
    """

    def __init__(self, path: Path, folder: Path, *, python: str, environ: Mapping[str, str]) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self._folder = folder
        self._module = ModuleType(f"page_{re.sub(r'[^a-z]', '_', path.stem)}")
        self._module.__file__ = str(folder / f"{path.stem}.py")
        self._names = self._module.__dict__
        self._environ = dict(environ)
        self._add_programs(python)
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))

    def run(self, *, update: bool = False) -> str:
        """Run the samples; return the page's text, with ``update`` as it has to be.

        Raises:
            SampleError: a sample fails, or prints something else than the page shows.
        """
        text, grown = self.text, 0
        before = os.getcwd()
        os.chdir(self._folder)
        sys.modules[self._module.__name__] = self._module  # flytekit looks for the module of a task
        try:
            for block in blocks(self.text):
                try:
                    body = self._run_block(block, update=update)
                except SampleError as error:
                    raise SampleError(f"{self.path}:{block.line}: {error}") from error.__cause__
                start = block.start + grown
                text = text[:start] + body + text[start + len(block.body) :]
                grown += len(body) - len(block.body)
        finally:
            os.chdir(before)
            del sys.modules[self._module.__name__]
        return text

    def _run_block(self, block: Block, *, update: bool) -> str:
        """Run one block; return it as it has to be."""
        if block.file is not None:
            file = self._folder / block.file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.body, encoding="utf-8")
        elif block.language == "console":
            return "".join(self._run_command(*command, update=update) for command in commands(block.body))
        elif block.language == "python":
            file = self._folder / f"{self.path.stem}_{block.line}.py"  # flytekit reads the source of a task
            file.write_text(block.body, encoding="utf-8")
            try:
                exec(compile(block.body, file, "exec"), self._names)  # noqa: S102
            except Exception as error:
                raise SampleError(f"{type(error).__name__}: {error}") from error
        elif block.language == "pycon":
            test = doctest.DocTestParser().get_doctest(block.body, self._names, self.path.name, None, block.line)
            found: list[str] = []
            runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
            runner.run(test, out=found.append, clear_globs=False)
            self._names.update(test.globs)
            if found:
                raise SampleError("".join(found))
        return block.body

    def _run_command(self, command: str, shown: str, *, update: bool) -> str:
        printed = self._printed(command)
        if not same(shown, printed):
            if not update:
                raise SampleError(f"{command}\nshown in the page:\n{shown}\nprinted:\n{printed}")
            shown = printed
        return f"$ {command}\n{shown}"

    def _printed(self, command: str) -> str:
        """Return what a command prints on a terminal, without colours and trailing blanks."""
        primary, secondary = pty.openpty()
        fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
        process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=secondary,
            stderr=secondary,
        )
        os.close(secondary)
        printed = b""
        while True:
            try:
                read = os.read(primary, 65536)
            except OSError as error:  # Linux's way to say that the other end is closed
                if error.errno != errno.EIO:
                    raise
                break
            if not read:
                break
            printed += read
        os.close(primary)
        code = process.wait()
        text = _DUPLICATE_OPTION.sub("", screen(printed.decode("utf-8"))).strip("\n")
        lines = text.split("\n") if text else []
        if code:
            lines.append(f"[exit code {code}]")
        return "".join(f"{line}\n" for line in lines)

    def _add_programs(self, python: str) -> None:
        """Put the programs that the pages call on the commands' path."""
        programs = self._folder / ".programs"
        programs.mkdir()
        for name, module in MODULES.items():
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec "{python}" -m {module} "$@"\n', encoding="utf-8")
            program.chmod(0o755)
        path = self._environ.get("PATH", os.defpath)
        self._environ |= {
            "PATH": f"{programs}{os.pathsep}{path}",
            "HOME": str(self._folder),
            "KUBECONFIG": str(self._folder / "no-kubeconfig"),
            "COLUMNS": str(COLUMNS),
            "TERM": "xterm",
            "PYTEST_ADDOPTS": "-p no:cacheprovider",
        }
        for name in ("FLYTECTL_CONFIG", "NO_COLOR", "FORCE_COLOR", "LINES"):
            self._environ.pop(name, None)


def pages() -> list[Path]:
    """Return the pages that may have samples."""
    return sorted(path for path in (ROOT / "docs").rglob("*.md") if path.name != "rules.md")


def _main(arguments: list[str]) -> int:
    """Run the pages; return how many do not do what they say."""
    update = "--update" in arguments
    wrong = 0
    for path in [Path(name).resolve() for name in arguments if name != "--update"] or pages():
        with tempfile.TemporaryDirectory(prefix="podtriage-samples-", ignore_cleanup_errors=True) as folder:
            page = Page(path, Path(folder), python=sys.executable, environ=os.environ)
            try:
                text = page.run(update=update)
            except SampleError as error:
                print(error, file=sys.stderr)
                wrong += 1
                continue
        if text != page.text:
            path.write_text(text, encoding="utf-8")
            print(f"updated {path.relative_to(ROOT)}")
    return wrong


if __name__ == "__main__":
    try:
        import flytekitplugins_podtriage  # noqa: F401
    except ImportError:
        import pythons

        pythons.choose()
        import environment

        sys.exit(environment.run(environment.prepared("test"), str(Path(__file__)), *sys.argv[1:]))
    sys.exit(min(1, _main(sys.argv[1:])))
