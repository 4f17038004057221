"""How far long work has come: whoever listens is told, and nobody has to listen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str, int, int], None]  # what is being done, steps done, steps in all
_listeners: list[Listener] = []


@contextmanager
def told_to(listener: Listener) -> Iterator[None]:
    """Tell this listener of every step of the work inside."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


class Work:
    """Some work of a known number of steps.

    Args:
        name: What is being done, as a person would say it.
        steps: How many steps there are.
    """

    def __init__(self, name: str, steps: int) -> None:
        self._name, self._steps, self._done = name, steps, -1
        self.step()

    def step(self) -> None:
        """One step is done."""
        self._done += 1
        for listener in _listeners:
            listener(self._name, self._done, self._steps)
