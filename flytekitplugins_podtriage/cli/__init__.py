"""The command line: ``podtriage`` and ``kubectl podtriage``.

Each command parses its options, reads its input and leaves the rest to the core and ``report``. Whatever a command
needs besides click is imported when it runs, so that ``--help`` is fast.
"""
