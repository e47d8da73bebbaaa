"""The command line: ``podtriage`` and ``kubectl podtriage``.

Each command parses its options, reads at the rim and leaves the rest to the core and to ``report``. What a command
needs beyond click is imported when it runs, so that ``--help`` is quick.
"""
