"""Running the guard as a program: its name, its signals, and what it needs beside the core dependencies."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import BinaryIO, Final

from flytekitplugins_podtriage.guard.service import GuardService, Programs
from flytekitplugins_podtriage.guard.settings_file import GuardSettings
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.telemetry.repeated_warnings import RepeatedWarnings

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class NoMetrics(Exception):
    """Prometheus's client is not installed; the message says how to install it."""


class PortTaken(Exception):
    """The port of probes and metrics cannot be opened; the message says which."""


def identity(environ: Mapping[str, str] | None = None) -> str:
    """Return the replica's name: its pod's or the host's, and what no process before or after it has.

    A container that restarts in its pod must not take the Lease for its own (client-go: host name and a UUID).
    """
    environ = os.environ if environ is None else environ
    return f"{environ.get('POD_NAME') or socket.gethostname()}_{uuid.uuid4()}"


async def guard_until_signal(
    settings: GuardSettings,
    connection: Connection,
    audit_file: BinaryIO,
    repeated: RepeatedWarnings,
    programs: Programs | None = None,
) -> None:
    """Guard until SIGTERM or SIGINT; ``programs`` are the parts that tests replace.

    Raises:
        ClusterDenied: pods may not be listed.
        NoMetrics: Prometheus's client is not installed.
        PortTaken: the port of probes and metrics cannot be opened.
    """
    try:
        from prometheus_client import CollectorRegistry
    except ImportError as error:
        raise NoMetrics(
            "prometheus_client is not installed; install it with pip install 'flytekitplugins-podtriage[connector]'"
        ) from error
    if programs is None:
        from flytekitplugins_podtriage.guard.programs import production

        programs = production()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        with suppress(NotImplementedError, RuntimeError):  # not in the main thread: a test's
            loop.add_signal_handler(number, stop.set)
    service = GuardService(
        settings,
        connection,
        programs,
        identity=identity(),
        registry=CollectorRegistry(),
        audit_file=audit_file,
        repeated=repeated,
    )
    try:
        await service.run(stop)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PortTaken(f"port {settings.port} of {settings.host}: {reason}; allowed: one that is free") from error
    finally:
        for number in _SIGNALS:
            with suppress(NotImplementedError, RuntimeError):
                loop.remove_signal_handler(number)
