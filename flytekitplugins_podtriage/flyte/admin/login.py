"""Connecting to flyteadmin with flytekit's own configuration, login and client; podtriage has no settings for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import attrs

from flytekitplugins_podtriage.flyte.admin.errors import FlyteNotConfigured, FlyteUnavailable

_HOW = "~/.flyte/config.yaml (flytectl config init), FLYTECTL_CONFIG, or FLYTE_PLATFORM_URL"


@attrs.frozen
class Connection:
    """A client of flyteadmin, with the default project and domain."""

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
    """Connect to the flyteadmin that flytekit is configured for. Nothing is sent before the first call.

    Args:
        config_file: a configuration of flytekit or flytectl; None: the one that flytekit uses (``Config.auto``).
        project: the default project; None: pyflyte's (``FLYTE_DEFAULT_PROJECT``, ``task.project`` of the configuration,
            ``flytesnacks``).
        domain: the default domain; None: pyflyte's (``FLYTE_DEFAULT_DOMAIN``, ``task.domain``, ``development``).
        environ: the environment, for the two variables above; None: that of the process.

    Raises:
        FlyteNotConfigured: no endpoint is configured, or the configuration cannot be read.
        FlyteUnavailable: the endpoint's certificate cannot be fetched (``insecureSkipVerify``).
    """
    from flytekit.configuration import Config, PlatformConfig
    from flytekit.remote import FlyteRemote

    environ = os.environ if environ is None else environ
    source = config_file or "the configuration"
    try:
        config = Config.auto(config_file)
        default_project, default_domain = _defaults(config_file)
    except Exception as error:  # OSError, configparser's, a transformation of a value
        raise FlyteNotConfigured(f"{source}: cannot be read: {_why(error)}; allowed: {_HOW}") from error
    # flytekit's default, a sandbox on this machine, is a guess rather than a configuration.
    if config.platform == PlatformConfig():
        raise FlyteNotConfigured(f"{source}: no Flyte endpoint in it; allowed: {_HOW}")
    project = project or environ.get("FLYTE_DEFAULT_PROJECT") or default_project
    domain = domain or environ.get("FLYTE_DEFAULT_DOMAIN") or default_domain
    endpoint = str(config.platform.endpoint)
    try:
        remote = FlyteRemote(config, default_project=project, default_domain=domain, interactive_mode_enabled=False)
        client = remote.client
    except OSError as error:  # a certificate that is fetched or read
        raise FlyteUnavailable(f"flyteadmin at {endpoint}: {_why(error)}; check the endpoint and its TLS") from error
    except Exception as error:
        raise FlyteNotConfigured(f"{source}: cannot be used: {_why(error)}; allowed: {_HOW}") from error
    return Connection(client=client, endpoint=endpoint, project=project, domain=domain)


def _defaults(config_file: str | None) -> tuple[str, str]:
    """Return the project and domain that the configuration names, or pyflyte's own defaults."""
    try:
        from flytekit.configuration import TaskConfig
    except ImportError:  # an older flytekit 1.16 has none
        return "flytesnacks", "development"
    task = TaskConfig.auto(config_file)
    return str(task.project), str(task.domain)


def _why(error: BaseException) -> str:
    return " ".join(str(error).split())[:240] or type(error).__name__
