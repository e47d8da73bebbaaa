"""A loop of the guard that watches nothing: for the tests of what is around it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy, Mode
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.guard.service import Programs, Wiring
from flytekitplugins_podtriage.guard.surroundings import PropellerSettings


class FakeLoop:
    """Notes what it is told; ``error`` ends it."""

    def __init__(self, wiring: Wiring, error: Exception | None = None) -> None:
        self.wiring = wiring
        self.policies = [wiring.policy]
        self.closed = False
        self.running = asyncio.Event()
        self.age: float | None = None
        self.changed = asyncio.Event()
        self._error = error

    async def run(self) -> None:
        self.running.set()
        if self._error is not None:
            raise self._error
        await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed = True

    def set_policy(self, policy: GuardPolicy) -> None:
        self.policies.append(policy)
        self.changed.set()

    def view_age(self) -> float | None:
        return self.age

    def leads(self) -> bool:
        return not self.closed

    def scheduled(self) -> int:
        return 3

    async def wait_for_mode(self, mode: Mode, timeout: float = 20.0) -> None:
        """Wait until this is the mode of all namespaces."""

        async def waiting() -> None:
            while self.policies[-1].mode is not mode:
                self.changed.clear()
                await self.changed.wait()

        await asyncio.wait_for(waiting(), timeout)


class Fakes:
    """The parts of a service, and the loop that it made."""

    def __init__(self, *, missing: tuple[str, ...] = (), error: Exception | None = None) -> None:
        self.loops: list[FakeLoop] = []
        self.loop_class = FakeLoop
        self.made = asyncio.Event()
        self._missing = missing
        self._error = error

    def programs(self) -> Programs:
        def make(wiring: Wiring) -> FakeLoop:
            loop = self.loop_class(wiring, self._error)
            self.loops.append(loop)
            self.made.set()
            return loop

        return Programs(make_loop=make, read_propeller=read_propeller, missing=lambda *_: self._missing)


def read_propeller(data: Mapping[str, str], backend: str) -> PropellerSettings:
    """Read a ConfigMap of the tests: ``grace`` in seconds, ``hindrance`` as a sentence."""
    if "broken" in data:
        raise ValueError("k8s.yaml: is not YAML")
    stock = Policy(
        name=backend,
        dialect=Policy.for_backend(backend).dialect,
        image_pull_backoff_grace_period=float(data.get("grace", "180")),
    )
    limits = Limits(ignore_retry_cause="ignore" in data)
    return PropellerSettings(stock=stock, limits=limits, hindrances=tuple(filter(None, [data.get("hindrance", "")])))
