"""A stream of bytes as lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.kube.informer.ndjson import LineTooLong, lines


@given(st.lists(st.binary(min_size=1, max_size=20).map(lambda data: data.replace(b"\n", b"-"))), st.data())
def test_lines_do_not_depend_on_the_chunks(written: list[bytes], data: st.DataObject) -> None:
    body = b"".join(line + b"\n" for line in written)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)))))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert list(lines(pieces)) == written


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([], []),
        ([b""], []),
        ([b"\n\n", b"\n"], []),
        ([b"a\nb"], [b"a"]),
        ([b"a", b"b", b"\n", b"c"], [b"ab"]),
        ([b"\na\n\nb\n"], [b"a", b"b"]),
    ],
)
def test_empty_and_incomplete_lines_are_skipped(pieces: list[bytes], expected: list[bytes]) -> None:
    assert list(lines(pieces)) == expected


def test_the_length_of_a_line_is_limited() -> None:
    assert list(lines([b"x" * 5, b"x" * 5, b"\n"], max_line=10)) == [b"x" * 10]
    split = lines([b"a\n", b"x" * 6, b"x" * 6, b"\n"], max_line=10)
    assert next(split) == b"a"
    with pytest.raises(LineTooLong, match="more than 10 bytes"):
        next(split)
