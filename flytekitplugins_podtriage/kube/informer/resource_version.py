"""Which of two resource versions is newer (k8s.io/apimachinery pkg/util/resourceversion, Kubernetes 1.35).

They are decimal numbers of any length without leading zeros, comparable among objects of one resource. A server that is
not Kubernetes' own may use another form: then it is not known which is newer.
"""

from __future__ import annotations


def newer(version: str | None, than: str | None) -> bool | None:
    """Whether a resource version is newer than another; None if that cannot be known."""
    if not _is_number(version) or not _is_number(than):
        return None
    assert version is not None and than is not None
    return (len(version), version) > (len(than), than)


def _is_number(version: str | None) -> bool:
    return version is not None and version[:1] != "0" and version.isascii() and version.isdigit()
