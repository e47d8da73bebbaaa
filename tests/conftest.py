"""What holds for every test."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# Pods are large values, and the machine that runs the tests may be slow and shared: neither is a failure.
settings.register_profile(
    "podtriage",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.load_profile("podtriage")


@pytest.fixture(autouse=True)
def no_real_backend(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Hide the clusters and backends that the person who runs the tests may have access to."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path_factory.getbasetemp() / "no-kubeconfig"))
    for name in ("FLYTECTL_CONFIG", "FLYTE_PLATFORM_URL", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
