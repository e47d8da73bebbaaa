"""What the cluster says of the backend at start, and why the guard must not act here, if it must not.

FlytePropeller's ConfigMap has the grace periods and limits, the tag of its image the version. What cannot be read is
said once; where an act could do harm that cannot be foreseen, everything is observed only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import attrs
import msgspec

from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.pod_cluster import ClusterError
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.guard.settings_file import GuardSettings
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.errors import NotFound
from flytekitplugins_podtriage.kube.client.objects import DECODE_ERRORS
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.requests import fetch

KNOWN_VERSIONS: Final = {"flyte-1.16": r"v?1\.16\.\d+(?:[-+].*)?", "flyte-2": r"v?2\.\d+(?:\.\d+)?(?:[-+].*)?"}
"""The versions whose behaviour was observed (1.16.8, and Flyte 2 at 6fadb90), as tags of images."""
_CLOCK_RESOLUTION: Final = 1.0
"""By how many seconds the estimate of the API server's time may lag behind it."""


@attrs.frozen(kw_only=True)
class PropellerSettings:
    """What FlytePropeller's configuration says."""

    stock: Policy
    """Its grace periods."""
    limits: Limits
    """Its limits."""
    hindrances: tuple[str, ...] = ()
    """What in it forbids to act, in sentences."""


ReadPropeller = Callable[[Mapping[str, str], str], PropellerSettings]
"""Takes the data of the ConfigMap and the name of the backend. It may raise a ``ValueError``."""


@attrs.frozen(kw_only=True)
class Surroundings:
    """What was read at start."""

    stock: Policy | None = None
    """The grace periods of the backend; None: they are not known, and Flyte's defaults are taken."""
    limits: Limits | None = None
    hindrances: tuple[str, ...] = ()
    """Why everything is observed only, in sentences; empty: nothing forbids to act."""
    notes: tuple[str, ...] = ()
    """What could not be read, and what is assumed instead."""


class _Data(msgspec.Struct):
    data: dict[str, str] | None = None


class _Container(msgspec.Struct):
    image: str | None = None


class _PodSpec(msgspec.Struct):
    containers: list[_Container] | None = None


class _Template(msgspec.Struct):
    spec: _PodSpec | None = None


class _DeploymentSpec(msgspec.Struct):
    template: _Template | None = None


class _Deployment(msgspec.Struct):
    spec: _DeploymentSpec | None = None


def read_surroundings(connection: Connection, settings: GuardSettings, read: ReadPropeller) -> Surroundings:
    """Read what there is to know of the backend; it blocks its thread and raises nothing."""
    propeller, notes = _propeller(connection, settings, read)
    version, version_notes = read_version(connection, settings)
    hindrances = [*propeller.hindrances] if propeller is not None else []
    limits = settings.policy(limits=propeller.limits if propeller is not None else None).limits
    if limits.ignore_retry_cause:
        hindrances.append(
            "the backend has ignore-retry-cause: both kinds of failures cost the same retries, and acts avert nothing"
        )
    if not re.fullmatch(KNOWN_VERSIONS[settings.backend], version):
        shown = f"version {version[:60]!r}" if version else "an unknown version"
        hindrances.append(
            f"the backend has {shown}, and podtriage knows {settings.backend} only; "
            "the setting backend-version says it where the image's tag does not"
        )
    return Surroundings(
        stock=propeller.stock if propeller is not None else None,
        limits=propeller.limits if propeller is not None else None,
        hindrances=tuple(hindrances),
        notes=(*notes, *version_notes),
    )


def clocks_apart(connection: Connection, wall: datetime, allowed: float) -> str:
    """Return in a sentence that this host's clock is not the API server's; empty: it is, as far as that shows.

    The guard itself goes by the API server's clock. Where one host of a cluster is off, FlytePropeller's may be too,
    and it decides by its own when it charges.
    """
    apart = abs((wall - connection.clock.now()).total_seconds())
    if apart <= allowed + _CLOCK_RESOLUTION:
        return ""
    return f"this host's clock and the API server's are {apart:.0f} s apart; allowed: clock-skew, {allowed:g} s"


def read_config_map(connection: Connection, settings: GuardSettings) -> tuple[Mapping[str, str] | None, list[str], str]:
    """Return the data of FlytePropeller's ConfigMap, what kept others from being read, and its name."""
    notes: list[str] = []
    for full_name in settings.propeller_config:
        namespace, _, name = full_name.partition("/")
        try:
            body = fetch(connection, Operation("get", "configmaps", namespace, name), retries=2)
            return msgspec.json.decode(body, type=_Data).data or {}, notes, full_name
        except NotFound:
            notes.append(f"ConfigMap {full_name} does not exist")
        except (ClusterError, *DECODE_ERRORS) as error:
            notes.append(f"ConfigMap {full_name} cannot be read: {error}")
    return None, notes, ", ".join(settings.propeller_config)


def _propeller(
    connection: Connection, settings: GuardSettings, read: ReadPropeller
) -> tuple[PropellerSettings | None, list[str]]:
    data, notes, full_name = read_config_map(connection, settings)
    if data is not None:
        try:
            return read(data, settings.backend), notes
        except ValueError as error:
            notes.append(f"ConfigMap {full_name} cannot be read: {error}")
    notes.append("the backend's grace periods and limits are taken from the settings, or are Flyte's defaults")
    return None, notes


def read_version(connection: Connection, settings: GuardSettings) -> tuple[str, list[str]]:
    """Return the version of the backend (empty: it is not known), and what could not be read."""
    if settings.backend_version:
        return settings.backend_version, []
    notes: list[str] = []
    for full_name in settings.propeller_deployment:
        namespace, _, name = full_name.partition("/")
        try:
            body = fetch(connection, Operation("get", "deployments", namespace, name, group="apps/v1"), retries=2)
            deployment = msgspec.json.decode(body, type=_Deployment)
        except NotFound:
            notes.append(f"Deployment {full_name} does not exist")
            continue
        except (ClusterError, *DECODE_ERRORS) as error:
            notes.append(f"Deployment {full_name} cannot be read: {error}")
            continue
        template = deployment.spec.template if deployment.spec is not None else None
        containers = (template.spec.containers if template is not None and template.spec is not None else None) or []
        images = [one.image for one in containers if one.image]
        return next((tag for tag in map(image_tag, images) if tag), ""), notes
    return "", notes


def image_tag(image: str) -> str:
    """Return the tag of an image; empty: it has none.

    >>> image_tag("cr.flyte.org:5000/flyteorg/flytepropeller:v1.16.8@sha256:0a"), image_tag("host:5000/flytepropeller")
    ('v1.16.8', '')
    """
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]
