"""Settings of the core's tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Pods are large values, and the machine that runs the tests may be slow and shared: neither is a failure.
settings.register_profile(
    "podtriage",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.load_profile("podtriage")
