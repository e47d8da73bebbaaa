"""Run the fast tests; the first run sets everything up.

python3 tools/test.py                   the fast tests: no server, no network
python3 tools/test.py -k registry       with options for pytest
python3 tools/test.py -n 0 --pdb        in one process instead of several
python3 tools/test.py -m slow           the slow ones
python3 tools/test.py --coverage        measure branches too; a failure where the core has fewer than 98 %
"""

import os
import sys
import tempfile
from pathlib import Path

import pythons

CORE = 98
"""How many per cent of the core's lines and branches the tests have to run."""


def main(python: Path, options: list[str]) -> int:
    """Run pytest with these options; return the exit code."""
    import environment

    # A worker that has nothing left to do takes tests from another; those of a module mostly stay together.
    workers = ["-n", str(min(4, os.cpu_count() or 1)), "--dist", "worksteal"]
    command = ["-m", "pytest", "-m", "not slow and not apiserver and not node", *workers]
    if "--coverage" not in options:
        return environment.run(python, *command, *options)
    options = [option for option in options if option != "--coverage"]
    with tempfile.TemporaryDirectory(prefix="podtriage-coverage-") as folder:
        os.environ["COVERAGE_FILE"] = os.path.join(folder, "coverage")
        report = ["-m", "coverage", "report"]
        code = environment.run(python, *command, "--cov", "--cov-report=", *options)
        code = environment.run(python, *report, "--include=*/core/*", f"--fail-under={CORE}") or code
        print("lines and branches of the whole package, in per cent:", flush=True)
        return environment.run(python, *report, "--format=total") or code


if __name__ == "__main__":
    pythons.choose()
    import environment

    sys.exit(main(environment.prepared("test"), sys.argv[1:]))
