"""The way to flyteadmin: flytekit's own configuration, login and client, without a setting of ours."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import attrs

from flytekitplugins_podtriage.flyte.admin.errors import FlyteNotConfigured, FlyteUnavailable

_HOW = "~/.flyte/config.yaml (flytectl config init), FLYTECTL_CONFIG, or FLYTE_PLATFORM_URL"


@attrs.frozen
class Connection:
    """A flyteadmin that can be asked, and where to look by default."""

    client: Any
    """flytekit's ``SynchronousFlyteClient``."""
    endpoint: str
    project: str
    domain: str


def connect(
    config_file: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Connection:
    """Open the way to the flyteadmin that flytekit is configured for. Nothing is sent before the first question.

    Args:
        config_file: a configuration of flytekit or flytectl; None: where flytekit looks (``Config.auto``).
        project: where to look by default; None: as pyflyte has it (``FLYTE_DEFAULT_PROJECT``, the configuration's
            ``task.project``, ``flytesnacks``).
        domain: likewise (``FLYTE_DEFAULT_DOMAIN``, ``task.domain``, ``development``).
        environ: the environment, for the two variables above; None: that of the process.

    Raises:
        FlyteNotConfigured: no endpoint is configured, or the configuration cannot be read.
        FlyteUnavailable: the endpoint's certificate cannot be fetched (``insecureSkipVerify``).
    """
    from flytekit.configuration import Config, PlatformConfig
    from flytekit.remote import FlyteRemote

    environ = os.environ if environ is None else environ
    where = config_file or "the configuration"
    try:
        config = Config.auto(config_file)
        usual = _usual(config_file)
    except Exception as error:  # OSError, configparser's, a transformation of a value
        raise FlyteNotConfigured(f"{where}: it cannot be read: {_why(error)}; allowed: {_HOW}") from error
    # flytekit's default is a sandbox on this machine, which is a guess and no configuration.
    if config.platform == PlatformConfig():
        raise FlyteNotConfigured(f"{where}: no Flyte endpoint in it; allowed: {_HOW}")
    project = project or environ.get("FLYTE_DEFAULT_PROJECT") or usual[0]
    domain = domain or environ.get("FLYTE_DEFAULT_DOMAIN") or usual[1]
    endpoint = str(config.platform.endpoint)
    try:
        remote = FlyteRemote(config, default_project=project, default_domain=domain, interactive_mode_enabled=False)
        client = remote.client
    except OSError as error:  # a certificate that is fetched or read
        raise FlyteUnavailable(f"flyteadmin at {endpoint}: {_why(error)}; check the endpoint and its TLS") from error
    except Exception as error:
        raise FlyteNotConfigured(f"{where}: it cannot be used: {_why(error)}; allowed: {_HOW}") from error
    return Connection(client, endpoint, project, domain)


def _usual(config_file: str | None) -> tuple[str, str]:
    """Return the project and domain that the configuration names, or pyflyte's own defaults."""
    try:
        from flytekit.configuration import TaskConfig
    except ImportError:  # an older flytekit 1.16 has none
        return "flytesnacks", "development"
    task = TaskConfig.auto(config_file)
    return str(task.project), str(task.domain)


def _why(error: BaseException) -> str:
    return " ".join(str(error).split())[:240] or type(error).__name__
