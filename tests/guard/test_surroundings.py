"""What the guard reads of the backend at start, and what it makes of what it cannot read."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from flytekitplugins_podtriage.guard.settings_file import GuardSettings
from flytekitplugins_podtriage.guard.surroundings import Surroundings, clocks_apart, image_tag, read_surroundings
from flytekitplugins_podtriage.kube.client.connection import Connection
from tests.guard.fake_loop import read_propeller
from tests.kube.scripted import Scripted

CONFIG = "/api/v1/namespaces/flyte/configmaps/flyte-propeller-config"
DEPLOYMENT = "/apis/apps/v1/namespaces/flyte/deployments/flytepropeller"


def deployment(*images: str) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "x", "image": image} for image in images]}}}}


def config_map(**data: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "data": data}


def status(code: int, reason: str) -> dict[str, Any]:
    return {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": reason}


def surroundings(connection: Connection, **settings: Any) -> Surroundings:
    return read_surroundings(connection, GuardSettings(**settings), read_propeller)


@pytest.fixture
def known(script: Scripted) -> Scripted:
    """A cluster with a FlytePropeller 1.16.8."""
    script.reply("GET", DEPLOYMENT, 200, deployment("cr.flyte.org/flyteorg/flytepropeller:v1.16.8"))
    return script


def test_grace_periods_and_limits_are_propellers(scripted: Connection, known: Scripted) -> None:
    known.reply("GET", CONFIG, 200, config_map(grace="300"))
    read = surroundings(scripted)
    assert read.stock is not None and read.stock.image_pull_backoff_grace_period == 300.0
    assert (read.hindrances, read.notes) == ((), ())


def test_one_that_does_not_exist_gives_way_to_the_next(scripted: Connection, known: Scripted) -> None:
    known.reply("GET", CONFIG, 404, status(404, "NotFound"))
    known.reply("GET", "/api/v1/namespaces/flyte/configmaps/other", 200, config_map(grace="60"))
    read = surroundings(scripted, propeller_config="flyte/flyte-propeller-config, flyte/other")
    assert read.stock is not None and read.stock.image_pull_backoff_grace_period == 60.0
    assert read.notes == ("ConfigMap flyte/flyte-propeller-config does not exist",)


@pytest.mark.parametrize(
    ("code", "body", "note"),
    [
        (404, status(404, "NotFound"), "does not exist"),
        (403, status(403, "Forbidden"), "cannot be read: .*get configmaps"),
        (200, b"garbage", "cannot be read"),
        (200, config_map(broken="yes"), "cannot be read: k8s.yaml: is not YAML"),
    ],
)
def test_without_it_flytes_defaults_are_taken_and_that_is_a_note(
    scripted: Connection, known: Scripted, code: int, body: Any, note: str
) -> None:
    known.reply("GET", CONFIG, code, body)
    read = surroundings(scripted)
    assert read.stock is None and read.limits is None and read.hindrances == ()
    first, second = read.notes
    assert re.search(note, first) and "Flyte's defaults" in second


def test_ignore_retry_cause_forbids_to_act(scripted: Connection, known: Scripted) -> None:
    known.reply("GET", CONFIG, 200, config_map(ignore="yes"))
    (hindrance,) = surroundings(scripted).hindrances
    assert "ignore-retry-cause" in hindrance
    assert surroundings(scripted, ignore_retry_cause=False).hindrances == ()


def test_what_the_configuration_forbids_is_handed_on(scripted: Connection, known: Scripted) -> None:
    known.reply("GET", CONFIG, 200, config_map(hindrance="inject-finalizer is on"))
    assert surroundings(scripted).hindrances == ("inject-finalizer is on",)


@pytest.mark.parametrize(
    ("backend", "tag", "known_version"),
    [
        ("flyte-1.16", "v1.16.8", True),
        ("flyte-1.16", "1.16.0", True),
        ("flyte-1.16", "v1.16.8-acme.3", True),
        ("flyte-1.16", "v1.15.3", False),
        ("flyte-1.16", "v1.160.0", False),
        ("flyte-1.16", "v2.0.1", False),
        ("flyte-1.16", "latest", False),
        ("flyte-1.16", "", False),
        ("flyte-2", "v2.0.1", True),
        ("flyte-2", "v1.16.8", False),
    ],
)
def test_of_an_unknown_version_everything_is_observed_only(
    scripted: Connection, script: Scripted, backend: str, tag: str, known_version: bool
) -> None:
    script.reply("GET", CONFIG, 200, config_map())
    script.reply("GET", DEPLOYMENT, 200, deployment(f"cr.flyte.org:5000/flyteorg/flytepropeller{':' * bool(tag)}{tag}"))
    hindrances = surroundings(scripted, backend=backend).hindrances
    assert (hindrances == ()) is known_version
    assert known_version or "backend-version" in hindrances[0]


@pytest.mark.parametrize(
    ("code", "body"), [(404, status(404, "NotFound")), (403, status(403, "Forbidden")), (200, b"{")]
)
def test_a_version_that_cannot_be_read_is_unknown_until_it_is_set(
    scripted: Connection, script: Scripted, code: int, body: Any
) -> None:
    script.reply("GET", CONFIG, 200, config_map())
    script.reply("GET", DEPLOYMENT, code, body)
    read = surroundings(scripted)
    assert "an unknown version" in read.hindrances[0] and "Deployment flyte/flytepropeller" in read.notes[0]
    assert surroundings(scripted, backend_version="1.16.8").hindrances == ()


def test_an_image_by_digest_has_the_tag_before_it() -> None:
    assert image_tag("registry:5000/a/flyte-binary:v1.16.8@sha256:00") == "v1.16.8"
    assert image_tag("registry:5000/a/flyte-binary@sha256:00") == image_tag("") == ""


@pytest.mark.parametrize(("apart", "said"), [(0.0, False), (2.5, False), (-2.5, False), (10.0, True), (-3600.0, True)])
def test_clocks_that_are_apart_are_named_with_how_far(scripted: Connection, apart: float, said: bool) -> None:
    scripted.clock.observe(datetime.now(timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT"), 0.0, 0.0)
    wall = scripted.clock.now() + timedelta(seconds=apart)
    problem = clocks_apart(scripted, wall, 2.0)
    assert bool(problem) is said
    assert not said or f"{abs(apart):.0f} s apart" in problem
