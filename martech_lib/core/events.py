"""How logs write the events that are counted."""

from __future__ import annotations


def spellings(event: str) -> tuple[str, ...]:
    """The ways in which a log may write an event: capitals, underscores, one or many; () for every event."""
    if not event:
        return ()
    words = {event, event.casefold(), event.capitalize()}
    words |= {word[:-1] for word in words if word.endswith("s")}
    return tuple(sorted({word.replace(" ", mark) for word in words for mark in (" ", "_", "-")}))
