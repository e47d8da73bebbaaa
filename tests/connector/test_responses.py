"""Responses as flytekit and flyteidl have them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from flytekitplugins_podtriage.connector.hook import TriageHook
from flytekitplugins_podtriage.connector.responses import PackedResource, pack
from tests.builders import NOW
from tests.connector.ended_pods import LIMITED, LIMITED_LONG, RUNNING, SUCCEEDED, attempt, pulling


@pytest.mark.parametrize("pod_state", [RUNNING, LIMITED_LONG, pulling(LIMITED, 60), SUCCEEDED])
def test_a_packed_response_has_the_same_message(hook: TriageHook, directory: Path, pod_state: dict[str, Any]) -> None:
    response = hook.resource(pod_state, attempt(directory), now=NOW)

    async def test() -> None:
        packed = PackedResource(await pack(response))
        assert await packed.to_flyte_idl() == await response.to_flyte_idl()

    asyncio.run(test())


def test_custom_info_is_json(hook: TriageHook, directory: Path) -> None:
    response = hook.resource(LIMITED_LONG, attempt(directory), now=NOW)
    assert json.loads(json.dumps(response.custom_info)) == response.custom_info
