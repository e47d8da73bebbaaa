"""A rule about the state of a pod: one row of the tables beside it, and the verdict that it makes."""

from __future__ import annotations

from datetime import datetime

import attrs

from flytekitplugins_podtriage.core.model import Category, ErrorKind, Evidence, Phase, Verdict, notes_on


@attrs.frozen(slots=True)
class PodRule:
    """One state of a pod, and how podtriage classifies it."""

    id: str
    """Part of the public interface, as the ids of the message rules are."""
    category: Category | None
    """None where nothing is wrong."""
    means: str
    """What has happened, for a person."""
    remedy: str
    """What a person can do about it."""
    source: str
    """Where the behaviour is defined: code or documentation that anyone can look up."""
    kind: ErrorKind | None = attrs.field(kw_only=True)
    """By default that of its category; None where nothing failed."""

    @kind.default
    def _kind_of_category(self) -> ErrorKind | None:
        return None if self.category is None else self.category.default_kind

    def verdict(
        self,
        phase: Phase,
        *,
        code: str | None = None,
        detail: str = "",
        evidence: tuple[Evidence, ...] = (),
        container: str | None = None,
        started: bool = False,
        recheck_at: datetime | None = None,
        cleanup: bool = False,
        backend: str = "podtriage",
    ) -> Verdict:
        """Return the verdict that this rule makes.

        ``detail`` is what is particular to this pod; it follows what the rule means. The other arguments are fields of
        :class:`Verdict`; a failure's ``code`` is by default the rule's id, and ``cleanup`` is for failures only.
        """
        text = f"{self.means}: {detail}" if detail else self.means
        failing = phase.failing
        return Verdict(
            phase=phase,
            kind=self.kind,
            code=(code or self.id) if failing else None,
            message=with_fix(text, self.remedy) if failing else None,
            cleanup=cleanup and failing,
            reason="" if failing else text,
            category=self.category,
            rule=self.id,
            remedy=self.remedy,
            evidence=evidence,
            container=container,
            started=started,
            recheck_at=recheck_at,
            backend=backend,
            notes=notes_on(self.category),
        )


def with_fix(text: str, remedy: str) -> str:
    """Return a message for a person, with the remedy, if there is one, on a line of its own."""
    return f"{text}\nFix: {remedy}" if remedy else text


def table(*rules: PodRule) -> dict[str, PodRule]:
    """Return rules by id, in their order."""
    return {rule.id: rule for rule in rules}
