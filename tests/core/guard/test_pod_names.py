"""Flyte's names of pods: what FlytePropeller's own Go code makes of the same nodes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.core.guard.compact_array import CompactArray, number_at
from flytekitplugins_podtriage.core.guard.pod_names import (
    node_label,
    object_name,
    propeller_pod_name,
    task_action_pod_name,
    unique_node_id,
)
from tests.recordings import rows


def unique_id(row: dict[str, Any]) -> str:
    parent: tuple[str, int] | None = None
    for step in row["lineage"]:
        parent = unique_node_id(parent, step["node"]), step["attempt"]
    return unique_node_id(parent, row["node"])


def test_names_and_labels_are_propellers_own() -> None:
    for row in rows("propeller_names.jsonl"):
        assert unique_id(row) == row["unique"], row
        assert propeller_pod_name(row["execution"], row["unique"], row["attempt"]) == row["pod"], row
        assert node_label(row["node"]) == row["label"], row


def test_names_that_kubernetes_would_refuse_are_changed_as_propeller_does() -> None:
    pairs: list[Any] = rows("object_names.jsonl")
    assert all(object_name(name) == changed for name, changed in pairs)
    assert sum(name != changed for name, changed in pairs) > 30
    assert sum(len(changed) == 253 - 21 + 9 for _, changed in pairs) > 3


def test_the_recorded_names_cover_both_forms() -> None:
    names = rows("propeller_names.jsonl")
    assert sum(len(row["pod"]) == 8 for row in names) > 30
    assert sum(row["pod"].endswith(f"-{row['attempt']}") for row in names) > 150
    assert sum(len(row["unique"]) == 8 and row["lineage"] != [] for row in names) > 30


@pytest.mark.parametrize(
    ("task_action", "attempts", "name"),
    [("r1-a0", 0, "r1-a0-0"), ("r1-a0", 1, "r1-a0-0"), ("r1-a0", 2, "r1-a0-1"), ("r1-a0", 12, "r1-a0-11")],
)
def test_flyte_2_counts_attempts_from_one_and_names_from_zero(task_action: str, attempts: int, name: str) -> None:
    assert task_action_pod_name(task_action, attempts) == name


@given(st.text(), st.integers(0, 2**32), st.text(st.characters()))
def test_a_name_is_never_too_long(node: str, attempt: int, execution: str) -> None:
    unique = unique_node_id((node, attempt), node)
    assert len(unique.encode("utf-8", "surrogatepass")) <= 20
    assert len(propeller_pod_name(execution, unique, attempt).encode("utf-8", "surrogatepass")) <= 50
    assert len(node_label(node)) <= 63


def test_arrays_are_unpacked_as_propeller_packs_them() -> None:
    for row in rows("compact_arrays.jsonl"):
        packed = row["array"]
        array = CompactArray(blocks=packed["BitSet"], item=packed.get("item"), count=packed.get("count"))
        assert [number_at(array, index) for index in range(len(row["values"]))] == row["values"], row
        assert number_at(array, len(row["values"])) is None


@pytest.mark.parametrize(
    ("array", "number"),
    [
        (None, None),
        (CompactArray(), None),
        (CompactArray(blocks=[7], item=2, count=1), None),
        (CompactArray(blocks=None, item=2, count=5), 0),
        (CompactArray(blocks=[], item=2, count=5), 0),
        (CompactArray(blocks=[2**31], item=64, count=5), None),
        (CompactArray(blocks=[2**31], item=-1, count=5), None),
    ],
)
def test_what_an_array_does_not_have_is_zero_or_unknown(array: CompactArray | None, number: int | None) -> None:
    assert number_at(array, 3) == number


@given(
    st.builds(
        CompactArray,
        blocks=st.none() | st.lists(st.integers(-(2**63), 2**64), max_size=5),
        item=st.none() | st.integers(-(2**63), 2**63),
        count=st.none() | st.integers(-(2**63), 2**63),
    ),
    st.integers(-(2**40), 2**40),
)
def test_any_array_has_a_number_or_none(array: CompactArray, index: int) -> None:
    number = number_at(array, index)
    assert number is None or 0 <= number < 2**63
