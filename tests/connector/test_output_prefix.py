"""The output prefix of an attempt and those of the earlier ones."""

from __future__ import annotations

import attrs

from flytekitplugins_podtriage.connector.output_prefix import OutputPrefix


def test_a_prefix_leads_to_the_earlier_attempts() -> None:
    nested = OutputPrefix("s3://b/metadata/p-d-x/n0/data/0/n1/2")
    assert (nested.attempt, nested.task) == (2, "s3://b/metadata/p-d-x/n0/data/0/n1")
    assert nested.earlier(1).path == "s3://b/metadata/p-d-x/n0/data/0/n1/1"
    assert (OutputPrefix("s3://b/x").attempt, OutputPrefix("s3://b/x").task) == (0, "s3://b/x")
    assert attrs.evolve(nested, path="s3://b/x/7/").attempt == 7
