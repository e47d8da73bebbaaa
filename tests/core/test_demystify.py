"""The stock policies answer as the Go code does, odd cases included."""

from __future__ import annotations

import attrs
import pytest

from flytekitplugins_podtriage import Policy, triage
from tests.recordings import moment, rows

FIELDS = ("phase", "kind", "code", "message", "cleanup", "reason")


@pytest.mark.parametrize("backend", ["flyte-1.16", "flyte-2"])
def test_every_vector_gets_the_answer_of_the_go_code(backend: str) -> None:
    base = Policy.for_backend(backend)
    wrong = []
    for row in rows("vectors.jsonl.gz"):
        policy = attrs.evolve(base, **{key.removesuffix("_s"): value for key, value in row["config"].items()})
        verdict = triage(row["pod"], policy=policy, now=moment(row["now"]))
        answer = {field: getattr(verdict, field) for field in FIELDS}
        if answer != row["expect"][backend]:
            wrong.append(row["id"])
    assert len(rows("vectors.jsonl.gz")) == 4487
    assert wrong == []


def test_the_backends_differ_only_in_their_dialect() -> None:
    old, new = Policy.for_backend("flyte-1.16"), Policy.for_backend("flyte-2")
    assert attrs.evolve(old, name=new.name, dialect=new.dialect) == new


def test_an_unknown_backend_is_refused_with_the_names_of_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown backend 'flyte-3'; allowed: podtriage, flyte-1.16, flyte-2"):
        Policy.for_backend("flyte-3")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3m0s", 180.0), ("1h1m1s", 3661.0), ("250ms", 0.25), ("-1m0s", -60.0), ("0", 0.0), (90, 90.0), ("1.5h", 5400.0)],
)
def test_a_grace_is_taken_as_go_and_flyte_write_it(value: float | str, seconds: float) -> None:
    assert Policy(image_pull_backoff_grace_period=value).image_pull_backoff_grace_period == seconds


@pytest.mark.parametrize("value", ["3 minutes", "", "5", "1d"])
def test_a_grace_that_is_no_duration_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        Policy(image_pull_backoff_grace_period=value)
