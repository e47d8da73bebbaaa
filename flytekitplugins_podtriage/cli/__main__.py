"""``python -m flytekitplugins_podtriage.cli``: the command line."""

from flytekitplugins_podtriage.cli.main import main

if __name__ == "__main__":
    main()
