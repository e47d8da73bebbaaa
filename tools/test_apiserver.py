"""Run the tests that need a real API server; the first run builds etcd and kube-apiserver, where there are none.

python3 tools/test_apiserver.py                 skipped, with the reason, where they cannot be had
python3 tools/test_apiserver.py --required      a failure there
python3 tools/test_apiserver.py -k watch        with options for pytest
python3 tools/test_apiserver.py -m slow         the slow ones: every recorded story
"""

import os
import sys

import pythons

if __name__ == "__main__":
    pythons.choose()
    import assets
    import environment

    arguments = sys.argv[1:]
    required = "--required" in arguments
    options = [argument for argument in arguments if argument != "--required"]
    try:
        os.environ[assets.API_SERVER.named] = str(assets.prepared(os.environ))
    except assets.Missing as missing:
        if required:
            sys.exit(f"tools/test_apiserver.py: {missing}")
        print(f"tools/test_apiserver.py: the tests are skipped: {missing}", file=sys.stderr)
    python = environment.prepared("test")
    sys.exit(environment.run(python, "-m", "pytest", "-m", "apiserver and not slow", "tests/apiserver", *options))
