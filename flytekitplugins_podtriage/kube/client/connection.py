"""Connecting to a cluster: configuration, login and connection pool are the official client's."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import attrs

from flytekitplugins_podtriage.kube.client.errors import KubeconfigUnusable, describe
from flytekitplugins_podtriage.kube.client.server_clock import ServerClock
from flytekitplugins_podtriage.kube.client.server_health import ServerHealth
from flytekitplugins_podtriage.kube.client.unverified import warn_once

RequestObserver = Callable[[str, str, "int | None"], None]
"""Takes verb, resource and HTTP status of a request; None: there was no response, or not all of it."""
_CONNECTIONS = 48
_HOW = "a kubeconfig (KUBECONFIG, ~/.kube/config), or a service account inside a cluster"
_IN_CLUSTER = "KUBERNETES_SERVICE_HOST"
_NAMESPACE_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"


@attrs.frozen
class Connection:
    """A connection to a cluster."""

    client: Any
    """The official client's ``ApiClient``, for its configuration and its connection pool."""
    namespace: str = "default"
    """The context's namespace: the default of commands."""
    name: str = "the cluster"
    """The name for messages."""
    timeout: float = 30.0
    """Seconds to wait for a response, where a request has no timeouts of its own."""
    sleep: Callable[[float], None] = time.sleep
    """Waits, in seconds, before a request is repeated."""
    login: Callable[[], None] | None = None
    """Logs in again, into the client's configuration; it may raise anything. None: only the client's own hook does."""
    observe: RequestObserver | None = None
    """Called after each request, from its thread; None: nobody counts them."""
    lock: Any = attrs.field(factory=threading.Lock, eq=False, repr=False)
    """Held during ``login``."""
    clock: ServerClock = attrs.field(factory=ServerClock, eq=False, repr=False)
    """The API server's clock, as its responses show it."""
    health: ServerHealth = attrs.field(factory=ServerHealth, eq=False, repr=False)
    """Since when the API server has answered, by the monotonic clock of ``clock``."""

    @property
    def location(self) -> str:
        """Its name and address, for messages."""
        return f"{self.name} at {self.client.configuration.host}"


def connect(
    context: str | None = None, kubeconfig: str | None = None, environ: Mapping[str, str] | None = None
) -> Connection:
    """Configure a connection. Nothing is sent before the first request, but an exec plugin may be run to log in.

    Args:
        context: a context of the kubeconfig; None: its current one.
        kubeconfig: path of a kubeconfig, or several joined as in ``KUBECONFIG``; None: ``KUBECONFIG``, or
            ``~/.kube/config``, or (without a context, and if that file does not exist) the pod's service account.
        environ: the environment; None: that of the process.

    Raises:
        KubeconfigUnusable: there is none, it cannot be read, or it has no such context.
    """
    environ = os.environ if environ is None else environ
    path = kubeconfig or environ.get("KUBECONFIG") or "~/.kube/config"
    explicit = bool(kubeconfig or environ.get("KUBECONFIG") or context)
    if not any(os.path.exists(os.path.expanduser(part)) for part in path.split(os.pathsep) if part):
        if not explicit and environ.get(_IN_CLUSTER):
            return _in_cluster()
        raise KubeconfigUnusable(f"kubeconfig {path}: no such file; allowed: {_HOW}")
    return _from_kubeconfig(path, context)


def _from_kubeconfig(path: str, context: str | None) -> Connection:
    config = _config()
    try:
        contexts, active = config.list_kube_config_contexts(config_file=path)
        names = [str(item["name"]) for item in contexts]
    except Exception as error:  # OSError, YAML's errors, ConfigException, and whatever malformed values raise
        raise KubeconfigUnusable(f"kubeconfig {path}: it cannot be used: {describe(error)}; allowed: {_HOW}") from error
    if context is not None and context not in names:
        allowed = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        raise KubeconfigUnusable(f"kubeconfig {path}: no context {context[:80]!r}; allowed: {allowed}")
    selected = active if context is None else contexts[names.index(context)]
    try:
        client = config.new_client_from_config(config_file=path, context=context, persist_config=False)
        namespace = (selected.get("context") or {}).get("namespace") or "default"
    except Exception as error:  # as above, and certificates that are missing or not base64
        raise KubeconfigUnusable(
            f"kubeconfig {path}, context {selected['name']}: it cannot be used: {describe(error)}; allowed: {_HOW}"
        ) from error
    name = f"the cluster of context {selected['name']}"
    _keep_connections(client.configuration)
    client.rest_client = type(client.rest_client)(client.configuration)
    warn_once(client.configuration, name)
    log_in = partial(
        config.load_kube_config, path, context, client_configuration=client.configuration, persist_config=False
    )
    return Connection(client, str(namespace), name, login=_renewing(client, log_in))


def _in_cluster() -> Connection:
    from kubernetes import client

    configuration: Any = client.Configuration()
    try:
        _config().load_incluster_config(client_configuration=configuration)
        with open(_NAMESPACE_FILE, encoding="utf-8") as file:
            namespace = file.read().strip() or "default"
    except Exception as error:  # ConfigException, OSError
        raise KubeconfigUnusable(f"the pod's service account: {describe(error)}; allowed: {_HOW}") from error
    _keep_connections(configuration)
    api_client: Any = client.ApiClient(configuration)
    log_in = partial(_config().load_incluster_config, client_configuration=configuration)
    return Connection(api_client, namespace, "this pod's cluster", login=_renewing(api_client, log_in))


def _keep_connections(configuration: Any) -> None:
    """Have the pool keep a connection for each thread: beyond its size each request pays for a TLS handshake.

    The official client's default is five for each core of the machine.
    """
    configuration.connection_pool_maxsize = max(configuration.connection_pool_maxsize or 0, _CONNECTIONS)


def _renewing(client: Any, log_in: Callable[[], None]) -> Callable[[], None]:
    """Return a login that also replaces the connection pool if it changed the certificates (an exec plugin may)."""

    def certificates() -> tuple[Any, ...]:
        configuration = client.configuration
        return configuration.host, configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file

    def renew() -> None:
        before = certificates()
        log_in()
        if certificates() != before:
            client.rest_client = type(client.rest_client)(client.configuration)

    return renew


def _config() -> Any:
    """Return the official client's ``config`` module; only its newest version is typed."""
    from kubernetes import config

    return config
