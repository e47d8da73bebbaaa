"""Label selectors select what the API server's do (k8s.io/apimachinery pkg/labels/selector_test.go)."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.kube.informer.selector import Selector

LABELS = {"podtriage.flyte.org/task": "x", "tier": "back", "empty": ""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("podtriage.flyte.org/task", True),
        ("tier=back", True),
        ("tier==back", True),
        ("tier = back", True),
        ("tier=front", False),
        ("tier!=front", True),
        ("tier!=back", False),
        ("none!=back", True),
        ("none", False),
        ("!none", True),
        ("!tier", False),
        ("empty=", True),
        ("tier=", False),
        ("tier in (front, back)", True),
        ("tier in (front)", False),
        ("tier notin (front,side)", True),
        ("tier notin (back)", False),
        ("none notin (back)", True),
        ("tier=back,!none , podtriage.flyte.org/task in (x,y)", True),
        ("tier=back,none", False),
    ],
)
def test_what_is_selected(text: str, expected: bool) -> None:
    assert Selector.parse(text).matches(LABELS) is expected


@pytest.mark.parametrize("text", ["a=b=c", "=", "a in b", "a>1", "a b", "-a", "a/b/c", ",,", "a=\u00e9"])
def test_invalid_selectors(text: str) -> None:
    with pytest.raises(ValueError, match="invalid term .*; allowed: key, !key"):
        Selector.parse(text)


def test_an_object_without_labels_has_none() -> None:
    assert not Selector.parse("a").matches(None)
    assert Selector.parse("!a").matches(None)


def test_labels_make_a_selector() -> None:
    assert Selector.of({"b": "2", "a": "1"}).text == "a=1,b=2"
    with pytest.raises(ValueError, match="invalid term"):
        Selector.of({"a": "x y"})
