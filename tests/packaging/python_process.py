"""Another Python, whose modules are its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def printed_json(program: str) -> Any:
    """Run a program in a fresh Python and return what it prints, as JSON."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
