"""What is published beside the wheel: metadata with absolute links, an image, a chart, krew's plugin, notes."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import tarfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.paths import ROOT

META = distribution("flytekitplugins-podtriage").metadata
URLS = dict(line.split(", ", 1) for line in META.get_all("Project-URL") or ())
CHART = ROOT / "charts" / "podtriage-connector"
DOCKERFILE = (ROOT / "charts" / "Dockerfile").read_text(encoding="utf-8")
LAUNCHER = ROOT / "tools" / "krew" / "kubectl-podtriage"
WHEEL = "flytekitplugins_podtriage-9.9.9-py3-none-any.whl"


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT / "tools")
    import release

    return release


def test_the_metadata_name_author_and_addresses() -> None:
    assert META["Author"]
    assert {"Repository", "Documentation", "Changelog", "Issues"} <= set(URLS)
    assert all(url.startswith(URLS["Repository"]) for url in URLS.values())


def test_every_link_of_the_description_is_absolute_and_leads_to_a_file_of_the_repository() -> None:
    description = META["Description"]  # importlib.metadata makes a header of the body
    targets = re.findall(r"\]\(([^)\s]+)\)", description)
    assert [target for target in targets if not target.startswith("https://")] == []
    ours = [
        re.sub(r"/(?:blob|raw)/main/", " ", target).split(" ") for target in targets if URLS["Repository"] in target
    ]
    assert len(ours) > 10
    assert [
        path for address, path in ours if address != URLS["Repository"] or not (ROOT / path.split("#")[0]).exists()
    ] == []
    assert any(f"{URLS['Repository']}/raw/main/docs/images/" in target for target in targets)


@pytest.mark.parametrize("name", ["podtriage-connector", "podtriage-guard"])
def test_a_chart_names_the_version_and_the_repository_of_the_package(name: str) -> None:
    chart = yaml.safe_load((ROOT / "charts" / name / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == META["Version"]
    assert {chart["home"], *chart["sources"]} == {URLS["Repository"]}


def test_the_image_is_run_as_the_chart_runs_it() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    context = values["podSecurityContext"]
    assert f"\nUSER {context['runAsUser']}:{context['runAsGroup']}\n" in DOCKERFILE
    assert f"\nEXPOSE {values['port']} {values['metrics']['port']}\n" in DOCKERFILE
    assert values["securityContext"]["readOnlyRootFilesystem"] is True
    command = re.search(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE)
    deployment = (CHART / "templates" / "deployment.yaml").read_text(encoding="utf-8")
    assert command is not None
    words = [word for word in yaml.safe_load(command[1]) if not word.isdigit()]
    assert re.findall(r"- (pyflyte|serve|connector|--port|--prometheus_port)$", deployment, re.MULTILINE) == words


def test_the_image_has_the_user_and_the_program_of_the_guards_chart_too() -> None:
    guard = ROOT / "charts" / "podtriage-guard"
    context = yaml.safe_load((guard / "values.yaml").read_text(encoding="utf-8"))["podSecurityContext"]
    assert f"\nUSER {context['runAsUser']}:{context['runAsGroup']}\n" in DOCKERFILE
    deployment = (guard / "templates" / "deployment.yaml").read_text(encoding="utf-8")
    assert "command: [podtriage, guard, " in deployment and "ENV PATH=/opt/podtriage/bin:$PATH" in DOCKERFILE


def test_the_image_is_made_of_the_wheel_and_of_nothing_else_of_the_context() -> None:
    copied = re.findall(r"^(?:COPY|ADD) (.+)$", DOCKERFILE, re.MULTILINE)
    assert copied == ["*.whl /wheels/", "--from=build /opt/podtriage /opt/podtriage"]


def made(release: Any, folder: Path) -> dict[str, Any]:
    """Return krew's manifest; the archive is beside it."""
    (folder / WHEEL).write_bytes(b"a wheel")
    release.add_krew(folder, "9.9.9")
    manifest: dict[str, Any] = yaml.safe_load((folder / "podtriage.yaml").read_text(encoding="utf-8"))
    return manifest


def test_the_manifest_of_krew_names_the_archive_and_its_checksum(release: Any, tmp_path: Path) -> None:
    manifest = made(release, tmp_path)
    [platform] = manifest["spec"]["platforms"]
    archive = tmp_path / platform["uri"].rpartition("/")[2]
    assert platform["uri"].startswith(f"{URLS['Repository']}/releases/download/v9.9.9/")
    assert platform["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert (manifest["metadata"]["name"], manifest["spec"]["version"]) == ("podtriage", "v9.9.9")
    assert len(manifest["spec"]["shortDescription"]) <= 50
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as file:
        modes = {entry.name: entry.mode for entry in file}
    assert modes == {platform["bin"]: 0o755, "LICENSE": 0o644, WHEEL: 0o644}


def test_the_same_files_make_the_same_archive(release: Any, tmp_path: Path) -> None:
    first, second = made(release, tmp_path), made(release, tmp_path)
    assert first == second


@pytest.mark.parametrize("wheels", [[], ["a-9.9.9-py3.whl", "b-9.9.9-py3.whl"]], ids=["none", "two"])
def test_the_archive_of_krew_needs_one_wheel(wheels: list[str], release: Any, tmp_path: Path) -> None:
    for name in wheels:
        (tmp_path / name).touch()
    with pytest.raises(SystemExit, match=f"{len(wheels)} wheels of version 9.9.9; expected 1"):
        release.add_krew(tmp_path, "9.9.9")


def launched(folder: Path, *arguments: str, programs: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Call the launcher from an unpacked archive, with these programs on the path."""
    path = folder / "path"
    path.mkdir()
    for name, script in programs.items():
        (path / name).write_text(f"#!/bin/sh\n{script}\n")
        (path / name).chmod(0o755)
    plugin = folder / "plugin"
    plugin.mkdir()
    (plugin / WHEEL).touch()
    (plugin / "kubectl-podtriage").write_bytes(LAUNCHER.read_bytes())
    (plugin / "kubectl-podtriage").chmod(0o755)
    tools = folder / "tools"  # what the launcher itself calls, and no Python
    tools.mkdir()
    for name in ("sh", "dirname", "basename", "readlink", "rm", "mkdir", "chmod", "cat"):
        (tools / name).symlink_to(next(Path(each, name) for each in os.defpath.split(":") if Path(each, name).exists()))
    return subprocess.run(
        [plugin / "kubectl-podtriage", *arguments],
        env={"PATH": f"{path}:{tools}", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


VENV = """\
case "$1$2" in
    -c*) exit 0;;
    -mvenv) mkdir -p "$3/bin"
        printf '#!/bin/sh\\nprintf "pip: %%s\\\\n" "$*" >> "$HOME/log"\\nexit {code}\\n' > "$3/bin/python"
        printf '#!/bin/sh\\necho "from the environment: $*"\\n' > "$3/bin/podtriage"
        chmod +x "$3/bin/python" "$3/bin/podtriage";;
esac"""


def test_the_plugin_hands_over_to_a_podtriage_that_is_installed(tmp_path: Path) -> None:
    done = launched(tmp_path, "explain", "a b", programs={"podtriage": 'printf "%s|" "$@"; exit 1'})
    assert (done.returncode, done.stdout, done.stderr) == (1, "explain|a b|", "")


def test_the_plugin_makes_an_environment_of_its_wheel_where_none_is_installed(tmp_path: Path) -> None:
    done = launched(tmp_path, "rules", programs={"python3.11": VENV.format(code=0)})
    assert (done.returncode, done.stdout) == (0, "from the environment: rules\n")
    assert "setting up" in done.stderr
    assert (tmp_path / "log").read_text().endswith(f"plugin/{WHEEL}\n")


def test_the_plugin_leaves_nothing_of_an_environment_that_failed(tmp_path: Path) -> None:
    done = launched(tmp_path, "rules", programs={"python3.11": VENV.format(code=1)})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("kubectl podtriage: pip could not install")
    assert list((tmp_path / ".cache").rglob("bin")) == []


def test_the_plugin_says_which_python_it_needs(tmp_path: Path) -> None:
    done = launched(tmp_path, "rules", programs={"python3": "exit 1"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "kubectl podtriage: no Python 3.10, 3.11 or 3.12 with venv on PATH\n"


CHANGES = "# Changelog\n\n## [Unreleased]\n\n- soon\n\n## [1.1.0] - 2026-01-01\n\n### Added\n\n- that\n\n## [1.0.0]\n\n- old\n"


@pytest.mark.parametrize(
    ("version", "text"),
    [("1.1.0", "# podtriage 1.1.0\n\n### Added\n\n- that\n"), ("2.0.0", "# podtriage 2.0.0\n\n- soon\n")],
    ids=["a version that has a section", "one that is to come"],
)
def test_the_notes_of_a_release_are_its_section_of_the_changelog(version: str, text: str, release: Any) -> None:
    assert release.notes(CHANGES, version) == text


def test_a_version_without_a_section_has_no_notes(release: Any) -> None:
    with pytest.raises(SystemExit, match=r"nothing about 2.0.0; expected a section \[2.0.0\]"):
        release.notes("# Changelog\n\n## [1.0.0]\n\n- old\n", "2.0.0")


def test_the_checksums_are_those_of_the_files(release: Any, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    release.add_sums(tmp_path)
    release.add_sums(tmp_path)
    assert (tmp_path / "SHA256SUMS").read_text() == f"{hashlib.sha256(b'1').hexdigest()}  one\n"
