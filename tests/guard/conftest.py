"""What the tests of the guard share: an API server that follows a script, and tests that are coroutines."""

from __future__ import annotations

from tests.kube.conftest import pytest_pyfunc_call, script, scripted

__all__ = ["pytest_pyfunc_call", "script", "scripted"]
