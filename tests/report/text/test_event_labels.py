"""Labels for events and categories."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.model import Category
from flytekitplugins_podtriage.report.text.event_labels import category_label, event_label


@pytest.mark.parametrize(
    ("reason", "message", "label"),
    [
        ("Scheduled", "", "scheduled"),
        ("Failed", 'Failed to pull image "x": y', "pull-failed"),
        ("Failed", "Error: ErrImagePull", None),
        ("Failed", 'Error: configmap "a" not found', "failed"),
        ("BackOff", 'Back-off pulling image "x"', None),
        ("BackOff", "Back-off restarting failed container a", "back-off"),
        ("Created", "Created container a", None),
        ("TaintManagerEviction", "Cancelling deletion of Pod a", None),
        ("TaintManagerEviction", "Marking for deletion Pod a", "tainted"),
        ("SomethingNew", "", "SomethingNew"),
        ("", "", None),
    ],
)
def test_events_have_short_words(reason: str, message: str, label: str | None) -> None:
    assert event_label(reason, message) == label


@pytest.mark.parametrize("category", list(Category))
def test_every_category_has_short_words(category: Category) -> None:
    assert 0 < len(category_label(category)) < 24
