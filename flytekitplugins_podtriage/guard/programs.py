"""The parts of which ``podtriage guard`` is made when it is no test: the loop, and what reads the cluster at start.

They are imported by name, when the guard starts: the loop itself imports what the service hands it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from flytekitplugins_podtriage.guard.service import Programs


def production() -> Programs:
    """Return the guard's own parts.

    * ``guard.loop.open_loop(wiring)`` returns a :class:`~flytekitplugins_podtriage.guard.service.Loop`;
    * ``core.guard.propeller_config.read(data, backend)`` returns the backend's settings out of its ConfigMap;
    * ``guard.permissions.missing(connection, settings)`` returns the permissions that are missing.
    """

    def part(module: str, name: str) -> Any:
        return getattr(import_module(f"flytekitplugins_podtriage.{module}"), name)

    return Programs(
        make_loop=part("guard.loop", "open_loop"),
        read_propeller=part("core.guard.propeller_config", "read"),
        missing=part("guard.permissions", "missing"),
    )
