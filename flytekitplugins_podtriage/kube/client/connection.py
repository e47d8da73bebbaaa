"""The way to a cluster: the official client's own configuration, login and connections."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from flytekitplugins_podtriage.kube.client.errors import KubeconfigUnusable

_HOW = "a kubeconfig (KUBECONFIG, ~/.kube/config), or a service account inside a cluster"
_IN_CLUSTER = "KUBERNETES_SERVICE_HOST"
_NAMESPACE_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"


@attrs.frozen
class Cluster:
    """A cluster that can be asked."""

    client: Any
    """The official client's ``ApiClient``: its configuration and its pool of connections are used."""
    namespace: str = "default"
    """The namespace to look in where none is given: the context's."""
    name: str = "the cluster"
    """What it is called in messages."""
    timeout: float = 30.0
    """Seconds to wait for a connection, and between two pieces of an answer."""
    sleep: Callable[[float], None] = time.sleep
    """How to wait, in seconds, before asking again a server that is too busy."""
    login: Callable[[], None] | None = None
    """Logs in anew, into the client's configuration; it may raise anything. None: only the client's own hook does."""
    lock: Any = attrs.field(factory=threading.Lock, eq=False, repr=False)
    """Held while that is done."""


def connect(
    context: str | None = None, kubeconfig: str | None = None, environ: Mapping[str, str] | None = None
) -> Cluster:
    """Open the way to a cluster. Nothing is sent before the first question, but a login may be run (an exec plugin).

    Args:
        context: a context of the kubeconfig; None: its current one.
        kubeconfig: path of a kubeconfig, or several joined as in ``KUBECONFIG``; None: ``KUBECONFIG``, or
            ``~/.kube/config``, or (without a context, and where there is no such file) the pod's own service account.
        environ: the environment; None: that of the process.

    Raises:
        KubeconfigUnusable: there is none, it cannot be read, or it has no such context.
    """
    environ = os.environ if environ is None else environ
    path = kubeconfig or environ.get("KUBECONFIG") or "~/.kube/config"
    given = bool(kubeconfig or environ.get("KUBECONFIG") or context)
    present = any(os.path.exists(os.path.expanduser(part)) for part in path.split(os.pathsep) if part)
    if not present:
        if not given and environ.get(_IN_CLUSTER):
            return _in_cluster()
        raise KubeconfigUnusable(f"kubeconfig {path}: no such file; allowed: {_HOW}")
    return _by_kubeconfig(path, context)


def _by_kubeconfig(path: str, context: str | None) -> Cluster:
    config = _config()
    try:
        contexts, active = config.list_kube_config_contexts(config_file=path)
        names = [str(item["name"]) for item in contexts]
    except Exception as error:  # OSError, YAML's, ConfigException, and what odd values lead to
        raise KubeconfigUnusable(f"kubeconfig {path}: it cannot be used: {_why(error)}; allowed: {_HOW}") from error
    if context is not None and context not in names:
        known = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        raise KubeconfigUnusable(f"kubeconfig {path}: no context {context[:80]!r}; allowed: {known}")
    chosen = active if context is None else contexts[names.index(context)]
    try:
        client = config.new_client_from_config(config_file=path, context=context, persist_config=False)
        namespace = (chosen.get("context") or {}).get("namespace") or "default"
    except Exception as error:  # as above, and certificates that are no base64 or not there
        raise KubeconfigUnusable(
            f"kubeconfig {path}, context {chosen['name']}: it cannot be used: {_why(error)}; allowed: {_HOW}"
        ) from error

    def log_in() -> None:
        config.load_kube_config(path, context, client_configuration=client.configuration, persist_config=False)

    return Cluster(client, str(namespace), f"the cluster of context {chosen['name']}", login=_renewing(client, log_in))


def _in_cluster() -> Cluster:
    from kubernetes import client

    configuration: Any = client.Configuration()
    try:
        _config().load_incluster_config(client_configuration=configuration)
        with open(_NAMESPACE_FILE, encoding="utf-8") as file:
            namespace = file.read().strip() or "default"
    except Exception as error:  # ConfigException, OSError
        raise KubeconfigUnusable(f"the pod's service account: {_why(error)}; allowed: {_HOW}") from error
    made: Any = client.ApiClient(configuration)

    def log_in() -> None:
        _config().load_incluster_config(client_configuration=configuration)

    return Cluster(made, namespace, "this pod's cluster", login=_renewing(made, log_in))


def _renewing(client: Any, log_in: Callable[[], None]) -> Callable[[], None]:
    """Return a login that makes new connections too, where it brings other certificates (an exec plugin may)."""

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
    """Return the official client's ``config``: typed in the newest version only, hence as anything."""
    from kubernetes import config

    return config


def _why(error: BaseException) -> str:
    """Say in a line what went wrong, without the lines of YAML around it."""
    return " ".join(str(error).split())[:240] or type(error).__name__
