"""Fault plans: one fault per line, ``#`` starts a comment. The same plan has the same effect in every run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from flytekitplugins_podtriage.sandbox.faults.fault_types import Fault, parse_fault
from flytekitplugins_podtriage.sandbox.faults.spelling import nearest_fault

_COMMENT: Final = re.compile(r'("[^"]*")|#.*')
_SEPARATOR: Final = re.compile(r'("[^"]*")|;')


class PlanError(ValueError):
    """A plan cannot be read; the message says where, what is wrong, and what is allowed."""


@attrs.frozen(slots=True)
class Plan:
    """The faults in order: where several apply, the first active one wins."""

    faults: tuple[Fault, ...] = ()

    def __str__(self) -> str:
        """Return the plan as text that :meth:`parse` reads back."""
        return "".join(f"{fault}\n" for fault in self.faults)

    @classmethod
    def parse(cls, text: str, *, source: str = "plan") -> Plan:
        """Parse a plan, one fault per line.

        Args:
            text: the lines.
            source: the name of the text in errors.

        Raises:
            PlanError: a line is not a fault.
        """
        return cls.of(text.splitlines(), source=source)

    @classmethod
    def of(cls, lines: Iterable[str], *, source: str = "plan") -> Plan:
        """Read a plan from lines.

        Raises:
            PlanError: a line is not a fault.
        """
        faults = []
        for number, text in _texts(lines):
            try:
                faults.append(parse_fault(text))
            except ValueError as error:
                raise PlanError(_problem(source, number, text, error)) from error
        return cls(tuple(faults))

    @classmethod
    def check(cls, text: str, *, source: str = "plan") -> tuple[Plan, list[str]]:
        """Return the plan of the lines that are faults, and what is wrong with each of the others."""
        faults, problems = [], []
        for number, line in _texts(text.splitlines()):
            try:
                faults.append(parse_fault(line))
            except ValueError as error:
                problems.append(_problem(source, number, line, error))
        return cls(tuple(faults)), problems

    @classmethod
    def from_environment(cls, text: str | None, *, source: str = "environment") -> Plan:
        """Parse a plan from an environment variable, in which ``;`` separates faults too; empty text is an empty plan.

        Raises:
            PlanError: a line is not a fault.
        """
        return cls.parse(_SEPARATOR.sub(lambda match: match[1] or "\n", text or ""), source=source)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Plan:
        """Read a plan from a file of UTF-8 text.

        Raises:
            PlanError: the file cannot be read, or a line is not a fault.
        """
        name = os.fspath(path)
        try:
            with open(name, encoding="utf-8") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise PlanError(
                f"{name}: the plan cannot be read: {reason}; allowed: a text file, one fault per line"
            ) from error
        return cls.parse(text, source=name)


def _texts(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield what lines contain beside comments, with their numbers from 1."""
    for number, line in enumerate(lines, start=1):
        text = _COMMENT.sub(lambda match: match[1] or "", line).strip()
        if text:
            yield number, text


def _problem(source: str, number: int, text: str, error: ValueError) -> str:
    shown = text if len(text) <= 80 else f"{text[:77]}..."
    nearest = nearest_fault(text)
    hint = f"did you mean {nearest!r}? " if nearest is not None else ""
    return f"{source}, line {number}: {shown!r}: {hint}{error}"
