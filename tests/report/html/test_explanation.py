"""Explanations as pages."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from flytekitplugins_podtriage.report.html.explanation import page
from tests.recordings import timelines
from tests.report.explanations import explained
from tests.report.rendering import Page

STORIES = sorted(row["scenario"] for row in timelines().values() if row["kubelet"] == "1.34.4")


@pytest.mark.parametrize("story", STORIES)
def test_a_page_is_well_formed_and_asks_nobody_for_anything(story: str) -> None:
    made = Page(page([explained(story, 100)]))
    assert "svg" in made.tags
    assert "script" not in made.tags
    assert made.addresses == []


def test_what_is_nasty_is_escaped_and_stays_legible() -> None:
    nasty = "<script>alert('1')</script>&\"<img src=http://a/>"
    explanation = explained("pull-429-hub-manifest", at=150)
    mark = attrs.evolve(explanation.timeline[-1], label=nasty, text=nasty)
    charge = attrs.evolve(explanation.charges[0], consequence=nasty, charged_to=nasty, backend=nasty)
    evidence = attrs.evolve(explanation.verdict.evidence[0], text=nasty, container=nasty, source=nasty)
    verdict = attrs.evolve(explanation.verdict, evidence=(evidence,), remedy=nasty, registry=nasty, rule=nasty)
    everywhere: dict[str, Any] = dict.fromkeys(
        ("name", "namespace", "task", "node", "execution", "state", "cause"), nasty
    )
    explanation = attrs.evolve(
        explanation, **everywhere, timeline=(mark,), charges=(charge,), verdict=verdict, notes=(nasty,)
    )
    made = Page(page([explanation]))
    assert not {"script", "img"} & set(made.tags)
    assert made.text.count(nasty) > 8
