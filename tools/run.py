"""Run podtriage from this checkout; the first run sets everything up.

python3 tools/run.py                    the main job: `pyflyte run` of a task whose image pulls meet HTTP 429
python3 tools/run.py diagnose "..."     any command of podtriage, with paths from where it is called
"""

import os
import sys
from pathlib import Path

import pythons

EXAMPLE = "examples/workflows/01_rate_limited"
MAIN_JOB = ["-m", "flytekit.clis.sdk_in_container.pyflyte", "run", f"{EXAMPLE}.py", "wf"]
"""What the README's first command runs: `pyflyte` of the environment, with a plan of faults."""

if __name__ == "__main__":
    pythons.choose()
    import environment

    arguments = sys.argv[1:]
    if arguments:
        python = environment.prepared()
        sys.exit(environment.run(python, "-m", "flytekitplugins_podtriage", *arguments, folder=Path.cwd()))
    os.environ.setdefault("FLYTE_PODTRIAGE_PLAN", f"@{EXAMPLE}.plan")
    sys.exit(environment.run(environment.prepared(), *MAIN_JOB))
