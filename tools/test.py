"""Run the fast tests; the first run sets everything up.

python3 tools/test.py                   the fast tests: no server, no network
python3 tools/test.py -k registry       with options for pytest
python3 tools/test.py -m slow           the slow ones
"""

import sys

import pythons

if __name__ == "__main__":
    pythons.choose()
    import environment

    python = environment.prepared("test")
    sys.exit(environment.run(python, "-m", "pytest", "-m", "not slow and not apiserver", *sys.argv[1:]))
