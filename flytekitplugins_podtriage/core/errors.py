"""The errors that the core raises, all of them.

* ValueError
  x InvalidPod       what was given cannot be read as a Kubernetes Pod (or as an Event beside it)
  x InvalidRule      a rule that a user wrote cannot be used
"""

from __future__ import annotations


class InvalidPod(ValueError):
    """What was given cannot be read as a Kubernetes Pod.

    It stands for the whole family of decoding errors: text that is not JSON or YAML, JSON that is truncated or nested
    too deeply, another kind of object, a field of a wrong type, a time without a zone, a lone surrogate. The message
    says what was wrong and where. The original error, if there was one, is the ``__cause__``.
    """


class InvalidRule(ValueError):
    """A rule of a user's own cannot be used: the message names the file, the rule and the reason."""
