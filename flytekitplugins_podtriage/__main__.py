"""``python -m flytekitplugins_podtriage``: the command line, installed or straight from a checkout."""

import sys

OLDEST, NEWEST = (3, 10), (3, 12)  # as requires-python in pyproject.toml, which only an installer enforces

if __name__ == "__main__":
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        running = "{}.{}".format(*sys.version_info)
        sys.stderr.write(
            "podtriage: unsupported Python {}; expected {}.{} to {}.{}\n".format(running, *OLDEST, *NEWEST)
        )
        sys.exit(2)
    from flytekitplugins_podtriage.cli.main import main

    main()
