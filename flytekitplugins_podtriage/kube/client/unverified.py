"""Kubeconfigs that switch off the check of the API server's certificate: logged once, not with every request.

urllib3 warns about each connection, and installs a filter under which such warnings are never left out as repeated
(urllib3/__init__.py, ``simplefilter("always", SecurityWarning)``).
"""

from __future__ import annotations

import logging
import re
import warnings
from typing import Any
from urllib.parse import urlsplit

from urllib3.exceptions import InsecureRequestWarning

_log = logging.getLogger("flytekitplugins_podtriage")


def warn_once(configuration: Any, name: str) -> None:
    """Log that a cluster's certificate is not verified, if it is not, instead of urllib3's warnings about its host.

    ``configuration`` is the official client's, ``name`` the cluster's for the message.
    """
    host = urlsplit(configuration.host).hostname
    if configuration.verify_ssl or not host or urlsplit(configuration.host).scheme != "https":
        return
    _log.warning(
        "podtriage: %s at %s: its certificate is not verified (insecure-skip-tls-verify): whoever is between can read "
        "the login; set certificate-authority instead",
        name,
        configuration.host,
    )
    message = rf"Unverified HTTPS request is being made to host '{re.escape(host)}'"
    warnings.filterwarnings("ignore", message, InsecureRequestWarning)
