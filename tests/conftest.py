"""What holds for every test."""

from __future__ import annotations

import atexit
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.warm_python import start_warm_python

# Whatever is written to the temporary folder goes into one folder of this run, and goes with it. Beside pytest's own these
# are flytekit's folders, two for each `import flytekit`, which it never removes; so this comes before any such import. What
# is to be looked at after a failure can be kept with pytest's --basetemp.
OWNER = "PODTRIAGE_TESTS_OWNER"
"""Environment variable: the id of the process that runs the tests, or that has started the workers which do."""
if OWNER not in os.environ:
    _folder = tempfile.TemporaryDirectory(prefix="podtriage-tests-", ignore_cleanup_errors=True)
    atexit.register(_folder.cleanup)
    os.environ.update({"TMPDIR": _folder.name, OWNER: str(os.getpid())})
    tempfile.tempdir = None

# Pods are large values, and the machine that runs the tests may be slow and shared: neither is a failure.
settings.register_profile(
    "fast",
    deadline=None,
    derandomize=True,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
# What .ci/run asks for once: --hypothesis-profile=thorough
settings.register_profile("thorough", settings.get_profile("fast"), max_examples=300)
settings.load_profile("fast")


@pytest.fixture(autouse=True)
def no_real_backend(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Hide the clusters and backends that the person who runs the tests may have access to."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path_factory.getbasetemp() / "no-kubeconfig"))
    for name in ("FLYTECTL_CONFIG", "FLYTE_PLATFORM_URL", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def warm_python() -> str:
    """The path of a Python that has imported flytekit already, to be called like ``sys.executable``.

    It is shared by the workers of a run, and ends with it.
    """
    return start_warm_python(Path(tempfile.gettempdir()) / "warm", int(os.environ[OWNER]))
