"""Check style, types and the direction of imports; the first run sets everything up.

python3 tools/check.py                  look, and change nothing
python3 tools/check.py --fix            let ruff format and repair what it can, then look
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

if __name__ == "__main__":
    pythons.choose()
    import environment

    programs = environment.prepared("lint").parent
    if sys.argv[1:] == ["--fix"]:
        for fix in FIXES:
            environment.run(programs / fix[0], *fix[1:])
    elif sys.argv[1:]:
        sys.exit(f"tools/check.py: unknown argument {sys.argv[1]!r}; allowed: --fix")
    failed = []
    for check in CHECKS:
        name = " ".join(check)
        print(f"== {name}", flush=True)
        if environment.run(programs / check[0], *check[1:]):
            failed.append(name)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)
