"""Errors in what people write, which they can correct.

* ValueError
  x InvalidPod       the input cannot be read as a Kubernetes Pod (or as an Event beside it)
  x InvalidRule      a rule of one's own cannot be used
  x InvalidSettings  a setting is unknown, or its value invalid
"""

from __future__ import annotations


class InvalidPod(ValueError):
    """The input cannot be read as a Kubernetes Pod.

    It covers all decoding errors: text that is not JSON or YAML, JSON that is truncated or nested too deeply, another
    kind of object, a field of a wrong type, a time without a zone, a lone surrogate. The message says what is wrong and
    where; the original error, if there is one, is the ``__cause__``.
    """


class InvalidRule(ValueError):
    """A rule of one's own cannot be used; the message names the file, the rule and the reason."""


class InvalidSettings(ValueError):
    """A setting is unknown, or its value invalid; the message is one line: where, what, and what is allowed."""
