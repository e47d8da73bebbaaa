"""Worlds for the connector's tests, and flytekit's data layer in a temporary directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flytekit import FlyteContext
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.data_persistence import FileAccessProvider

from flytekitplugins_podtriage.connector.hook import TriageHook
from flytekitplugins_podtriage.flyte.settings import Settings
from flytekitplugins_podtriage.kube.informer.reflector import Reflector
from tests.connector.world import World


@pytest.fixture
def world(tmp_path: Path) -> Callable[..., World]:
    """Return a function that makes a world of a fault plan and settings."""

    def make(plan: str = "", cluster: Any = None, **settings: Any) -> World:
        return World(tmp_path, plan, Settings(**settings), cluster)

    return make


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return the directory of the output prefixes of a task's attempts."""
    return tmp_path / "data"


@pytest.fixture
def hook(tmp_path: Path) -> TriageHook:
    """Return a hook with the default settings."""
    return TriageHook(settings=Settings(), access=FileAccessProvider(str(tmp_path), str(tmp_path)))


@pytest.fixture(scope="module")
def watches_in_rounds() -> Iterator[None]:
    """Have watches that a test reads in rounds count as open in between."""
    live = Reflector.live
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reflector, "live", property(lambda self: self.listed.is_set() and self.error is None))
        yield
    assert Reflector.live is live


@pytest.fixture(autouse=True)
def _local_files(tmp_path: Path) -> Iterator[None]:
    access = FileAccessProvider(str(tmp_path / "sandbox"), str(tmp_path / "raw"))
    context = FlyteContext.current_context().with_file_access(access)
    with FlyteContextManager.with_context(context):
        yield
