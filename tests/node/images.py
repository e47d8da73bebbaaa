"""Container images made of busybox, as a registry serves them and containerd imports them (OCI image specification)."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path
from typing import Any

import attrs

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_COMMANDS = ("cat", "echo", "sh", "sleep", "tail", "true")


@attrs.frozen
class Image:
    """One image for this machine's architecture."""

    manifest: bytes
    blobs: dict[str, bytes]
    """The configuration and the layer, by digest."""

    @property
    def digest(self) -> str:
        """The digest of the manifest."""
        return _digest(self.manifest)

    def archive(self, name: str) -> bytes:
        """Return what ``ctr images import`` reads: an image layout in a tar, with this name of the image."""
        entry = {
            "mediaType": MANIFEST,
            "digest": self.digest,
            "size": len(self.manifest),
            "annotations": {"io.containerd.image.name": name},
        }
        files = {
            "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
            "index.json": _json({"schemaVersion": 2, "manifests": [entry]}),
        }
        for digest, content in {**self.blobs, self.digest: self.manifest}.items():
            files[f"blobs/{digest.replace(':', '/')}"] = content
        return _tar({path: (content, 0o644) for path, content in files.items()})


def busybox_image(busybox: Path, mark: str, command: tuple[str, ...] = ("true",)) -> Image:
    """Return an image with a static busybox.

    Args:
        busybox: the program.
        mark: what tells its layer from those of other images: containerd never asks twice for a blob that it has.
        command: what the image runs by itself.
    """
    files: dict[str, tuple[bytes | str, int]] = {
        "bin/busybox": (busybox.read_bytes(), 0o755),
        "etc/passwd": (b"root:x:0:0:root:/:/bin/sh\n", 0o644),
        "etc/mark": (mark.encode(), 0o644),
    }
    files.update({f"bin/{name}": ("busybox", 0o777) for name in _COMMANDS})
    plain = _tar(files)
    layer = gzip.compress(plain, compresslevel=1, mtime=0)
    config = _json(
        {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Cmd": list(command), "Env": ["PATH=/bin"], "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [_digest(plain)]},
        }
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _descriptor(_CONFIG, config),
        "layers": [_descriptor(_LAYER, layer)],
    }
    return Image(_json(manifest), {_digest(config): config, _digest(layer): layer})


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _tar(files: dict[str, Any]) -> bytes:
    """Return a tar of files (content and mode) and symbolic links (target, and a mode that does not matter)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, (content, mode) in files.items():
            member = tarfile.TarInfo(path)
            member.mode = mode
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
