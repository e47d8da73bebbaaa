"""Where the tests find what is not a test."""

from __future__ import annotations

from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).resolve().parent
ROOT: Final = TESTS.parent
"""The checkout, or a copy of it without the package when an installed wheel is tested."""
DATA: Final = TESTS / "data"
"""Recorded pods, events, messages and outcomes."""
