"""Where things lie."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
"""The checkout, or a copy of it without the package when an installed wheel is tested."""
