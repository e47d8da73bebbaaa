"""``pyflyte package`` on the modules of a user."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from flyteidl.admin import task_pb2

PROGRAM = Path(sys.executable).parent / "pyflyte"
IMAGE = "docker.io/acme/app:1"
GOOD = """
from flytekit import dynamic, kwtypes, task, workflow
from flytekitplugins_podtriage import PodTriage, PodTriageContainerTask

@task(task_config=PodTriage())
def double(n: int) -> int:
    return 2 * n

@task(task_config=PodTriage())
def silent(n: int) -> None: ...

@dynamic(task_config=PodTriage())
def several(n: int) -> list[int]:
    return [double(n=i) for i in range(n)]

shell = PodTriageContainerTask(
    name="shell", image="docker.io/acme/tools:1", command=["sh", "-c", "echo {{.inputs.n}} > /var/outputs/o"],
    inputs=kwtypes(n=int), outputs=kwtypes(o=int), output_data_dir="/var/outputs",
)

@workflow
def flow(n: int) -> int:
    silent(n=n)
    several(n=n)
    return shell(n=double(n=n))
"""
MAPPED = """
from flytekit import map_task, task, workflow
from flytekitplugins_podtriage import PodTriage

@task(task_config=PodTriage())
def double(n: int) -> int:
    return 2 * n

@workflow
def flow(ns: list[int]) -> list[int]:
    return map_task(double, concurrency=3, min_success_ratio=1.0)(n=ns)
"""


def package(python: str, folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Package a module of this text, with this Python."""
    (folder / "app").mkdir()
    (folder / "app" / "__init__.py").write_text("", encoding="utf-8")
    (folder / "app" / "flows.py").write_text(text, encoding="utf-8")
    return subprocess.run(
        [python, str(PROGRAM), "--pkgs", "app", "package", "--image", IMAGE, "--output", "packed.tgz", "--force"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_all_kinds_of_tasks_are_packaged(tmp_path: Path, warm_python: str) -> None:
    done = package(warm_python, tmp_path, GOOD)

    assert done.returncode == 0, done.stdout + done.stderr
    templates = {}
    with tarfile.open(tmp_path / "packed.tgz") as packed:
        for member in packed.getmembers():
            if member.name.endswith("_1.pb"):  # flytekit/tools/serialize_extras.py: 1 is a task
                file = packed.extractfile(member)
                assert file is not None
                template = task_pb2.TaskSpec.FromString(file.read()).template
                templates[template.id.name.rpartition(".")[2]] = template
    assert sorted(templates) == ["double", "several", "shell", "silent"]
    assert {(one.type, one.WhichOneof("target")) for one in templates.values()} == {("podtriage", "k8s_pod")}
    assert list(templates["silent"].interface.outputs.variables) == ["podtriage_done"]
    assert templates["shell"].k8s_pod.data_config.enabled


def test_a_mapped_task_is_refused_with_its_name_and_the_reason(tmp_path: Path, warm_python: str) -> None:
    done = package(warm_python, tmp_path, MAPPED)

    output = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert "task app.flows.double: Flyte 1.16 cannot run a connector's task in map_task; allowed:" in output
    assert not (tmp_path / "packed.tgz").exists()


@pytest.mark.parametrize("text", ["PodTriage(policy='mine')", "PodTriage(pod_template={})"])
def test_an_invalid_configuration_is_reported(tmp_path: Path, text: str, warm_python: str) -> None:
    done = package(warm_python, tmp_path, f"from flytekitplugins_podtriage import PodTriage\n{text}\n")

    assert done.returncode != 0
    assert "allowed: " in done.stdout + done.stderr
