"""The connector's resource meta: short, read by later versions, and never an error."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flyteidl.core.execution_pb2 import ExecutionError

from flytekitplugins_podtriage.connector import idl
from flytekitplugins_podtriage.connector.pod_manifest import PREFIX, annotation
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from tests.connector.world import World, run

Make = Callable[..., World]
USER, SYSTEM = ExecutionError.USER, ExecutionError.SYSTEM


def test_a_meta_with_a_long_prefix_has_at_most_512_bytes(world: Make) -> None:
    prefix = "s3://acme-flyte-production-eu-central-1/metadata/propeller/flytesnacks-development-" + "f" * 20
    meta = PodMeta(
        "flytesnacks-development", "x" * 63, f"{prefix}/n0-0-dn12-n3/data/0/n1/12", 1_800_000_000, retries=10
    )
    assert len(meta.encode()) <= 512


@pytest.mark.parametrize(
    "meta",
    [
        PodMeta("ns", "p", "s3://b/0", 5),
        PodMeta("ns", "p", "s3://b/0", 5, outputs=False, marker=True, retries=3, user_patience=1.5, system_patience=0),
        PodMeta("ns", "p", "/tmp/ü 'x'", 5),
    ],
)
def test_a_meta_reads_back_as_it_was(meta: PodMeta) -> None:
    assert PodMeta.decode(meta.encode()) == meta


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff", b"null", b"[]", b"{}", b'{"v": "1"}', b'{"v": 1, "n": "a"}', b"[" * 100_000]
    + [b'{"v":1,"n":"a","p":"b","o":"c","t":%s}' % t for t in (b'"x"', b"null", b"1e999", b"99999999999999999")],
)
def test_an_invalid_meta_charges_nobody(world: Make, data: bytes) -> None:
    async def test() -> None:
        here = world()
        meta = PodMeta.decode(data)
        response = await here.connector.get(resource_meta=meta)
        assert response.phase == idl.WAITING_FOR_RESOURCES and response.message is not None
        await here.connector.delete(resource_meta=meta)

    run(test())


def test_a_meta_of_a_newer_version_says_so() -> None:
    assert "version 2: this version reads up to 1" in PodMeta.decode(b'{"v": 2}').unreadable


def test_a_meta_without_optional_fields_is_read(world: Make) -> None:
    assert PodMeta.decode(b'{"v":1,"n":"a","p":"b","o":"c","t":1}') == PodMeta("a", "b", "c", 1)


def test_a_meta_shares_the_strings_of_its_pod(world: Make) -> None:
    async def test() -> None:
        here = world()
        meta = await here.create()
        snapshot = here.cluster.get_cached(meta.namespace, meta.pod)
        shared = PodMeta.decode(meta.encode()).sharing_strings(snapshot)
        assert shared == meta
        assert shared.pod is snapshot.pod.metadata.name
        assert shared.prefix is annotation(snapshot, PREFIX)

    run(test())


def test_a_meta_of_another_pod_keeps_its_own_strings(world: Make) -> None:
    async def test() -> None:
        here = world()
        meta = await here.create()
        other = PodMeta("elsewhere", "other", "s3://bucket/n0/data/7", 5, retries=1)
        assert other.sharing_strings(here.cluster.get_cached(meta.namespace, meta.pod)) == other

    run(test())
