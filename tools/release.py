"""Complete a folder with a release's wheel and source distribution by what else is published.

python3 -m build                        makes dist/ with both
python3 tools/release.py                adds to dist/
python3 tools/release.py FOLDER         to another folder

Added are the charts as `helm package` makes them, an archive and a manifest for krew, the release's notes out of
CHANGELOG.md, and SHA256SUMS. The same input makes the same bytes, but for the times in the charts. helm is the one in
``HELM``, on ``PATH``, or what tools/helm.py builds.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHARTS = (ROOT / "charts" / "podtriage-connector", ROOT / "charts" / "podtriage-guard")
LAUNCHER = ROOT / "tools" / "krew" / "kubectl-podtriage"
_MANIFEST = """\
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: podtriage
spec:
  version: v{version}
  homepage: {repository}
  shortDescription: Explain pod failures and who pays for them
  description: |
    Given a pod, its events or just an error message, podtriage says why it
    failed, whose fault it is, and which of Flyte's two retry budgets is
    charged. It also explains pods that Flyte did not start.
  caveats: |
    Needs Python 3.10, 3.11 or 3.12. Without podtriage on PATH the first call
    sets up an environment of 330 MB in the cache folder.
  platforms:
    - selector:
        matchExpressions:
          - key: os
            operator: In
            values: [darwin, linux]
      uri: {repository}/releases/download/v{version}/{archive}
      sha256: {sha256}
      bin: kubectl-podtriage
      files:
        - from: "*"
          to: .
"""


def from_pyproject(key: str) -> str:
    """Return the value of a line of pyproject.toml."""
    match = re.search(rf'^{key} = "(.+?)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        sys.exit(f"pyproject.toml: no line {key} = ...")
    return match[1]


def notes(changelog: str, version: str) -> str:
    """Return what the changelog says of a version; before its release that is the section "Unreleased"."""
    sections = re.split(r"^## \[(.+?)\].*\n", changelog, flags=re.MULTILINE)
    texts = {name: text.strip() for name, text in zip(sections[1::2], sections[2::2], strict=True)}
    text = texts.get(version) or texts.get("Unreleased")
    if not text:
        sys.exit(f"CHANGELOG.md: nothing about {version}; expected a section [{version}] or [Unreleased]")
    return f"# podtriage {version}\n\n{text}\n"


def archive(wheel: Path) -> bytes:
    """Return krew's archive: the launcher, the wheel and the license, the same bytes for the same files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as file:
        for path in (LAUNCHER, ROOT / "LICENSE", wheel):
            data = path.read_bytes()
            entry = tarfile.TarInfo(path.name)
            entry.size, entry.mode = len(data), 0o755 if path == LAUNCHER else 0o644
            file.addfile(entry, io.BytesIO(data))
    return gzip.compress(packed.getvalue(), mtime=0)


def add_krew(folder: Path, version: str) -> None:
    """Write krew's archive, and the manifest that names its checksum."""
    wheels = list(folder.glob(f"*-{version}-*.whl"))
    if len(wheels) != 1:
        sys.exit(f"{folder}: {len(wheels)} wheels of version {version}; expected 1 (python3 -m build)")
    data = archive(wheels[0])
    name = f"kubectl-podtriage-v{version}.tar.gz"
    (folder / name).write_bytes(data)
    manifest = _MANIFEST.format(
        version=version,
        repository=from_pyproject("Repository"),
        archive=name,
        sha256=hashlib.sha256(data).hexdigest(),
    )
    (folder / "podtriage.yaml").write_text(manifest, encoding="utf-8")


def add_chart(folder: Path, program: Path, chart: Path) -> None:
    """Package a chart with helm."""
    with tempfile.TemporaryDirectory(prefix="podtriage-helm-") as home:
        kept = dict.fromkeys(("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HOME"), home)
        command = [str(program), "package", str(chart), "--destination", str(folder)]
        done = subprocess.run(command, env={**os.environ, **kept}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"helm package: {done.stderr.strip()}")


def add_sums(folder: Path) -> None:
    """Write the checksums of all files, as sha256sum does."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def main(folder: Path) -> None:
    """Add everything to the folder."""
    import helm

    version = from_pyproject("version")
    try:
        program = helm.prepared(os.environ)
    except helm.NoHelm as error:
        sys.exit(f"tools/release.py: {error}")
    add_krew(folder, version)
    for chart in CHARTS:
        add_chart(folder, program, chart)
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    (folder / "RELEASE_NOTES.md").write_text(notes(changelog, version), encoding="utf-8")
    add_sums(folder)
    for path in sorted(folder.iterdir()):
        print(f"{path.stat().st_size:>9}  {path.name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "dist")
