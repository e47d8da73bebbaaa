"""Run podtriage from this checkout; the first run sets everything up.

python3 tools/run.py                    the main job: a recorded Flyte pod whose registry limits it, explained
python3 tools/run.py diagnose "..."     any command of podtriage
"""

import sys

import pythons

MAIN_JOB = ["explain", "examples/01_rate_limited_pod.json"]

if __name__ == "__main__":
    pythons.choose()
    import environment

    arguments = sys.argv[1:] or MAIN_JOB
    code = environment.run(environment.prepared(), "-m", "flytekitplugins_podtriage", *arguments)
    # `explain` answers 1 for a pod that is failing. That one is meant to.
    sys.exit(0 if code == 1 and arguments is MAIN_JOB else code)
