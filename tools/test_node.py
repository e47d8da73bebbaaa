"""Run the tests that need a real node; the first run builds etcd, kube-apiserver and the kubelet, where there are none.

python3 tools/test_node.py                 skipped, with the reason, on a machine that cannot run a node
python3 tools/test_node.py --required      a failure there
python3 tools/test_node.py -k memory       with options for pytest
"""

import os
import sys

import pythons

if __name__ == "__main__":
    pythons.choose()
    import assets
    import environment
    import node

    arguments = sys.argv[1:]
    required = "--required" in arguments
    options = [argument for argument in arguments if argument != "--required"]
    why = node.missing(os.environ)
    try:
        for programs in (assets.API_SERVER, assets.KUBELET) if why is None else ():
            os.environ[programs.named] = str(assets.prepared(os.environ, programs))
    except assets.Missing as missing:
        why = str(missing)
    if why is not None:
        if required:
            sys.exit(f"tools/test_node.py: {why}")
        print(f"tools/test_node.py: the tests are skipped: {why}", file=sys.stderr)
        sys.exit(0)
    python = environment.prepared("test")
    sys.exit(environment.run(python, "-m", "pytest", "-m", "node and not slow", "tests/node", *options))
