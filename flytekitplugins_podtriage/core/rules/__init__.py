"""The rules: ordered tables of causes, each with its source. ``messages.BUILT_IN`` is the whole in its order."""
