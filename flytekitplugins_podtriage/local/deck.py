"""A Flyte Deck with the attempts of a task that ran locally, beside flytekit's own decks."""

from __future__ import annotations

from typing import Any

from flytekit import FlyteContext
from flytekit.deck import Deck

NAME = "podtriage"


def add_deck(task: Any, context: FlyteContext, html: str) -> None:
    """Add a deck to a task that has decks enabled (``@task(enable_deck=True)``), and write the file.

    flytekit writes a local task's decks when it runs the body, to a file that it logs; this writes the file again, with
    the decks of a body in this process and with this one.
    """
    from flytekit.deck.deck import _output_deck

    state = context.execution_state
    parameters = state.user_space_params if state is not None else None
    if parameters is None:
        return
    parameters.decks.append(Deck(NAME, html, auto_add_to_deck=False))
    _output_deck(task.name.rpartition(".")[2], parameters)
