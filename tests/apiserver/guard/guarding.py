"""Replicas of the guard with the real decisions, as processes that can be killed, and stock Flyte's pods for them.

The decisions are imported by name: they are of another room, and without them these tests are skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Iterable
from datetime import datetime
from importlib import import_module
from typing import Any

import attrs

from flytekitplugins_podtriage.core.guard.policy import Caps, GuardPolicy, Mode
from flytekitplugins_podtriage.core.guard.values import Act, Outcome, Report
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.guard.admission import PastAct
from flytekitplugins_podtriage.guard.assembly import Guard
from flytekitplugins_podtriage.guard.decisions import Decisions
from flytekitplugins_podtriage.guard.facts import TaskSource
from flytekitplugins_podtriage.guard.lease import LeaseOptions
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.http import Timeouts
from tests.apiserver.api import Api, Object, pods
from tests.apiserver.guard.writing import event_of
from tests.apiserver.watching import HURRY
from tests.builders import manifest

WORKFLOWS = "/apis/flyte.lyft.com/v1alpha1"
LIMITED = 'failed to pull and unpack image "registry.example.com/team/app:v1": unexpected status 429 Too Many Requests'
GRACE = 8.0
"""The grace period of the stock backend here."""
LEASE = LeaseOptions(duration=4, retry=0.3)
TIMEOUTS = Timeouts(connect=0.5, read=1.5)
_numbers = itertools.count(1)


def part(module: str) -> Any:
    """Return a module of the decisions."""
    return import_module(f"flytekitplugins_podtriage.core.guard.{module}")


class Ledger:
    """The caps' ledger of ``core/guard/caps``."""

    def __init__(self) -> None:
        self._caps = part("caps")
        self.ledger = self._caps.Ledger()

    def admit(self, act: Act, caps: Caps, now: datetime) -> str:
        self.ledger, refusal = self._caps.admit(self.ledger, act, caps, now)
        return str(refusal)

    def rebuild(self, acts: Iterable[PastAct], now: datetime) -> None:
        entries = [self._caps.Entry(act.at, act.namespace, act.execution, act.uid) for act in acts]
        self.ledger = self._caps.rebuild(entries, now)


class Reports:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.decisions = 0

    def report(self, report: Report, now: datetime) -> None:
        self.reports.append(report)

    def decided(self, seconds: float) -> None:
        self.decisions += 1

    def of(self, outcome: Outcome) -> list[str]:
        """Return the names of the pods of an outcome."""
        return [report.act.name for report in self.reports if report.outcome is outcome and report.act is not None]


def policy(mode: Mode = Mode.ENFORCE, **changes: Any) -> GuardPolicy:
    """Return settings with a short grace period."""
    stock = attrs.evolve(Policy.for_backend("flyte-1.16"), image_pull_backoff_grace_period=GRACE)
    return GuardPolicy(**{"stock": stock, "mode": mode, "margin": 1.0, "clock_skew": 1.0, **changes})


class Replica:
    """A replica of the guard in an event loop of its own, as if it were a process."""

    def __init__(self, connection: Connection, namespace: str, settings: GuardPolicy) -> None:
        reducer, margin, records = part("reducer"), part("margin"), part("flyteworkflow")
        self.observer = Reports()
        self.identity = f"replica-{next(_numbers)}"

        def event_body(act: Act, now: datetime, *, made: bool) -> Object:
            event = event_of(connection, act)
            if not made:
                event |= {"reason": "PodtriageWouldAct", "type": "Normal"}
                event["metadata"]["name"] += ".would"
            return event

        self.guard = Guard(
            connection,
            settings,
            selector="execution-id",
            identity=self.identity,
            lease=(namespace, "podtriage-guard"),
            decisions=Decisions(step=reducer.step, new=reducer.NEW, count_due=margin.count_due),
            source=TaskSource(
                group="flyte.lyft.com/v1alpha1",
                resource="flyteworkflows",
                read=records.read_workflow,
                record=records.record_of,
            ),
            ledger=Ledger(),
            event_body=event_body,
            observer=self.observer,
            namespaces=(namespace,),
            lease_options=LEASE,
            watch_options=HURRY,
            settled=0.0,
            write_timeouts=TIMEOUTS,
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=self.identity, daemon=True)
        self._stop = asyncio.Event()
        self._ended = False

    def start(self) -> Replica:
        """Start it."""
        self._thread.start()
        return self

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._guard_until_stopped())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _guard_until_stopped(self) -> None:
        guarding = asyncio.create_task(self.guard.run())
        await self._stop.wait()
        guarding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await guarding

    def stop(self) -> None:
        """End it in order."""
        if not self._ended:
            self._ended = True
            asyncio.run_coroutine_threadsafe(self.guard.close(), self._loop).result(30)
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(30)

    def kill(self) -> None:
        """End it as kill -9 does: nothing is completed or released. Its connections are for the caller to cut."""
        self._ended = True
        guard = self.guard
        guard._lease._stopped.set()
        guard.loop._closed = True
        self._loop.call_soon_threadsafe(self._stop.set)
        for cluster in guard._all:
            cluster._closed = True
            cluster._stop()
        self._thread.join(30)


def make_workflow(admin: Api, namespace: str, name: str, nodes: int = 1, retries: int = 3) -> Object:
    """Create the FlyteWorkflow of an execution whose nodes run their first attempts."""
    ids = [f"n{number}" for number in range(nodes)]
    workflow = {
        "apiVersion": "flyte.lyft.com/v1alpha1",
        "kind": "FlyteWorkflow",
        "metadata": {"name": name, "namespace": namespace},
        "workflowMeta": {"eventVersion": 2},
        "spec": {"nodes": {each: {"kind": "task", "retry": {"minAttempts": retries + 1}} for each in ids}},
        "status": {"phase": 1, "nodeStatus": {each: {"phase": 2} for each in ids}},
    }
    return admin.post(f"{WORKFLOWS}/namespaces/{namespace}/flyteworkflows", workflow)


def make_pod(admin: Api, workflow: Object, node: int = 0, **spec: Any) -> str:
    """Create the pod of a node as FlytePropeller does, perhaps with a spec of its own; return its name."""
    namespace, execution = workflow["metadata"]["namespace"], workflow["metadata"]["name"]
    name = f"{execution}-n{node}-0"
    owner = {
        "apiVersion": "flyte.lyft.com/v1alpha1",
        "kind": "FlyteWorkflow",
        "name": execution,
        "uid": workflow["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    labels = {"execution-id": execution, "node-id": f"n{node}"}
    made = manifest(name=name, labels=labels, metadata={"ownerReferences": [owner]})
    admin.post(pods(namespace), made | {"spec": spec} if spec else made)
    return name
