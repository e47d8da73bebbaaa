"""A plan of faults: one a line, ``#`` begins a comment. The same plan tells the same story every time."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Final

import attrs

from flytekitplugins_podtriage.sandbox.faults.grammar import Fault, read

_COMMENT: Final = re.compile(r'("[^"]*")|#.*')
_SEPARATOR: Final = re.compile(r'("[^"]*")|;')


class PlanError(ValueError):
    """A plan cannot be read. The message says where, what is wrong, and what is allowed."""


@attrs.frozen(slots=True)
class Plan:
    """What goes wrong, in order: where several faults fit, the first that holds decides."""

    faults: tuple[Fault, ...] = ()

    def __str__(self) -> str:
        """Return the plan as text that :meth:`parse` reads as the same plan."""
        return "".join(f"{fault}\n" for fault in self.faults)

    @classmethod
    def parse(cls, text: str, *, source: str = "plan") -> Plan:
        """Read a plan from text, one fault a line.

        Args:
            text: the lines.
            source: what to call the text in an error.

        Raises:
            PlanError: a line cannot be read.
        """
        return cls.of(text.splitlines(), source=source)

    @classmethod
    def of(cls, lines: Iterable[str], *, source: str = "plan") -> Plan:
        """Read a plan from lines.

        Raises:
            PlanError: a line cannot be read.
        """
        faults = []
        for number, line in enumerate(lines, start=1):
            said = _COMMENT.sub(lambda found: found[1] or "", line).strip()
            if not said:
                continue
            try:
                faults.append(read(said))
            except ValueError as error:
                shown = said if len(said) <= 80 else f"{said[:77]}..."
                raise PlanError(f"{source}, line {number}: {shown!r}: {error}") from error
        return cls(tuple(faults))

    @classmethod
    def from_environment(cls, text: str | None, *, source: str = "environment") -> Plan:
        """Read a plan from a variable's text, in which ``;`` ends a line too; nothing is no plan.

        Raises:
            PlanError: a line cannot be read.
        """
        return cls.parse(_SEPARATOR.sub(lambda found: found[1] or "\n", text or ""), source=source)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Plan:
        """Read a plan from a file of UTF-8 text.

        Raises:
            PlanError: the file or a line of it cannot be read.
        """
        name = os.fspath(path)
        try:
            with open(name, encoding="utf-8") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise PlanError(
                f"{name}: the plan cannot be read: {why}; allowed: a text file, one fault a line"
            ) from error
        return cls.parse(text, source=name)
