"""The text of flytekit's error document, and what of it a user is shown."""

from __future__ import annotations

import os
from typing import Any

import flytekit
import pytest
from flytekit.bin.entrypoint import get_traceback_str
from flytekit.exceptions.user import FlyteUserRuntimeException

from flytekitplugins_podtriage.local.body_error import with_users_frames

INTERNAL = os.path.join(os.path.dirname(flytekit.__file__), "core", "base_task.py")
DOCUMENT = f"""Trace:

    Traceback (most recent call last):
      File "{INTERNAL}", line 767, in dispatch_execute
        native_outputs = self.execute(**native_inputs)
                         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      File "/home/me/flytekit/train.py", line 11, in train
        return helper(n)
               ^^^^^^^^^
    ValueError: too
      many

Message:

    ValueError: too
      many"""


def test_the_exception_comes_first_and_flytekits_frames_are_left_out() -> None:
    assert with_users_frames(DOCUMENT) == (
        "ValueError: too\n  many\n"
        "Traceback (most recent call last):\n"
        '  File "/home/me/flytekit/train.py", line 11, in train\n'
        "    return helper(n)\n"
        "           ^^^^^^^^^"
    )


def test_what_flytepropeller_puts_before_it_is_kept() -> None:
    message = f"[2/2] currentAttempt done. Last Error: USER::{DOCUMENT}"

    assert with_users_frames(message).startswith("[2/2] currentAttempt done. Last Error: USER::ValueError: too\n")


def test_an_exception_that_was_raised_from_another_keeps_both() -> None:
    def failed() -> Any:
        try:
            try:
                {}["key"]
            except KeyError as error:
                raise ValueError("no key") from error
        except ValueError as error:
            wrapped = FlyteUserRuntimeException(error)
            wrapped.__cause__ = error
            return wrapped
        raise AssertionError

    text = with_users_frames(get_traceback_str(failed()))

    assert text.startswith("ValueError: no key\nTraceback (most recent call last):\n")
    assert "KeyError: 'key'" in text
    assert "direct cause of the following exception" in text
    assert text.count("ValueError: no key") == 1


@pytest.mark.parametrize("message", ["", "OOMKilled", "Trace:\n\nnothing", "Message:\n\nx", "Trace: a\nMessage: b"])
def test_any_other_message_is_left_as_it_is(message: str) -> None:
    assert with_users_frames(message) == message
