"""The pure core: every decision about a failing pod, and nothing else.

Nothing below this package reads a clock, the environment, a file or a network, and nothing imports flytekit,
kubernetes or grpc; import-linter holds it to that. What a decision needs is an argument (``pod``, ``events``,
``memory``, ``policy``, ``now``), and what it decides is a value.
"""
