"""The timeline picture."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import attrs
import pytest

from flytekitplugins_podtriage.report.explanation import Explanation
from flytekitplugins_podtriage.report.html.timeline_svg import NARROW_WIDTH, WIDTH, timeline_svg
from tests.recordings import timelines
from tests.report.explanations import explained


def drawn(explanation: Explanation) -> ET.Element:
    return ET.fromstring(timeline_svg(explanation))


def texts(svg: ET.Element) -> list[str]:
    return [node.text or "" for node in svg.iter("text")]


def test_it_shows_the_story_the_present_and_the_charges() -> None:
    svg = drawn(explained("pull-429-hub-manifest", at=150))
    texts_shown = texts(svg)
    for words in ("the pod", "scheduled", "429", "now", "Flyte 1.16", "user pays in 30s", "system pays in 27m 30s"):
        assert words in texts_shown
    assert [node.get("class") for node in svg.iter("polygon")] == ["f-wrong", "f-right", "f-right", "f-right"]


def test_every_mark_says_in_full_what_was_said() -> None:
    titles = [node.text or "" for node in drawn(explained("pull-429-hub-manifest", at=150)).iter("title")]
    assert any("429 Too Many Requests" in title for title in titles)


def test_where_nobody_pays_it_says_so() -> None:
    svg = drawn(explained("multi-primary-ok-sidecar-429", at=60))
    assert "nobody pays" in texts(svg)


def test_without_a_story_there_is_no_picture() -> None:

    assert timeline_svg(attrs.evolve(explained("oom-main"), timeline=())) == ""


@pytest.mark.parametrize("width", [WIDTH, NARROW_WIDTH])
def test_every_recorded_story_has_a_picture_that_keeps_to_its_frame(width: int) -> None:
    for row in timelines().values():
        text = timeline_svg(explained(row["scenario"], kubelet=row["kubelet"]), width)
        svg = ET.fromstring(text)
        height = float(svg.get("viewBox", "").split()[3])
        for value in re.findall(r'\b(?:x|x1|x2|cx)="([-\d.]+)"', text):
            assert 0 <= float(value) <= width, row["id"]
        for value in re.findall(r'\b(?:y|y1|y2|cy)="([-\d.]+)"', text):
            assert 0 <= float(value) <= height, row["id"]
