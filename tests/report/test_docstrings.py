"""The examples in the docstrings of report/."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from flytekitplugins_podtriage import report


@pytest.mark.parametrize(
    "name", [module.name for module in pkgutil.walk_packages(report.__path__, f"{report.__name__}.")]
)
def test_the_examples_of_the_docstrings_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
