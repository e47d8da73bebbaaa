"""Check style, types and the direction of imports; the first run sets everything up.

python3 tools/check.py                  all of it, changing nothing
python3 tools/check.py --fix            let ruff format and repair what it can first
python3 tools/check.py ruff mypy        some of it: ruff, mypy, lint-imports
"""

import sys

import pythons

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
)
FIXES = (("ruff", "check", "--fix", "--quiet", "."), ("ruff", "format", "--quiet", "."))
PROGRAMS = ("ruff", "mypy", "lint-imports")

if __name__ == "__main__":
    pythons.choose()
    import environment

    chosen = [argument for argument in sys.argv[1:] if argument != "--fix"]
    for argument in chosen:
        if argument not in PROGRAMS:
            sys.exit(f"tools/check.py: unknown argument {argument!r}; allowed: --fix, {', '.join(PROGRAMS)}")
    programs = environment.prepared("lint").parent
    if "--fix" in sys.argv:
        for fix in FIXES:
            environment.run(programs / fix[0], *fix[1:])
    failed = []
    for check in CHECKS:
        if chosen and check[0] not in chosen:
            continue
        name = " ".join(check)
        print(f"== {name}", flush=True)
        if environment.run(programs / check[0], *check[1:]):
            failed.append(name)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)
