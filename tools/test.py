"""Run the fast tests; the first run sets everything up.

python3 tools/test.py                   the fast tests: no server, no network
python3 tools/test.py -k registry       with options for pytest
python3 tools/test.py -n 0 --pdb        in one process instead of several
python3 tools/test.py -m slow           the slow ones
"""

import os
import sys

import pythons

if __name__ == "__main__":
    pythons.choose()
    import environment

    python = environment.prepared("test")
    # A worker that has nothing left to do takes tests from another; those of a module mostly stay together.
    workers = ["-n", str(min(4, os.cpu_count() or 1)), "--dist", "worksteal"]
    sys.exit(environment.run(python, "-m", "pytest", "-m", "not slow and not apiserver", *workers, *sys.argv[1:]))
