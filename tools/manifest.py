"""Write the guard's manifest for those without Helm: charts/podtriage-guard.yaml.

python3 tools/manifest.py               render the chart with its defaults, in namespace flyte

It observes only. Before it is applied the image has to be replaced by one that exists; who wants other values needs
Helm, if only to render them. A test compares the file with what the chart makes now.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "charts" / "podtriage-guard"
MANIFEST = ROOT / "charts" / "podtriage-guard.yaml"
NAMESPACE = "flyte"
IMAGE = ("registry.example/podtriage", "v0.1.0")
_HEAD = """\
# podtriage's guard for stock Flyte 1.16, in mode `observe`, for those without Helm: what the chart makes of
# its default values in namespace flyte. Written by tools/manifest.py; do not edit.
#
# Replace the image by yours (charts/Dockerfile), and flyte-propeller-config by the name of FlytePropeller's ConfigMap:
#
#     sed 's|{repository}:{tag}|registry.of.yours/podtriage:v0.1.0|' charts/podtriage-guard.yaml | kubectl apply -f -
#
# It may not end pods. For a namespace that is to be enforced, render the chart with
# `--set config.namespace-modes.NAMESPACE=enforce`.
"""


def render(program: Path) -> str:
    """Return the manifest."""
    repository, tag = IMAGE
    values = [f"image.repository={repository}", f"image.tag={tag}"]
    command = [str(program), "template", CHART.name, str(CHART), "--namespace", NAMESPACE]
    with tempfile.TemporaryDirectory(prefix="podtriage-helm-") as home:
        kept = dict.fromkeys(("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HOME"), home)
        done = subprocess.run(
            [*command, *(word for value in values for word in ("--set", value))],
            env={**os.environ, **kept},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        sys.exit(f"helm template: {done.stderr.strip()}")
    lines = (line.rstrip() for line in done.stdout.splitlines())
    ours = (line for line in lines if not line.startswith(("# Source: ", "    helm.sh/chart: ")))
    text = "\n".join(ours).replace("app.kubernetes.io/managed-by: Helm", "app.kubernetes.io/managed-by: kubectl")
    return _HEAD.format(repository=repository, tag=tag) + text.strip() + "\n"


def main() -> None:
    """Write the file."""
    import helm

    try:
        program = helm.prepared(os.environ)
    except helm.NoHelm as error:
        sys.exit(f"tools/manifest.py: {error}")
    MANIFEST.write_text(render(program), encoding="utf-8")
    print(MANIFEST.relative_to(ROOT))


if __name__ == "__main__":
    main()
