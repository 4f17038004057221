"""What people call the models, and which lens serves which decision."""

from __future__ import annotations

from typing import NamedTuple

MODEL_NAMES = {
    "last": "Last touch",
    "last_non_direct": "Last non-direct",
    "first": "First touch",
    "linear": "Linear",
    "time_decay": "Time decay",
    "position": "Position-based",
    "w_shaped": "W-shaped",
    "markov": "Markov",
    "shapley": "Shapley, by set",
    "shapley_rate": "Shapley, by rate",
}


class Lens(NamedTuple):
    """A decision, how often it comes, the lens that serves it, and why that one."""

    decision: str
    rhythm: str
    lens: str
    why: str


LENSES = (
    Lens(
        "Spot a broken campaign, shift a bid",
        "Daily",
        "Last touch",
        "It is there within hours and moves when something breaks; its level is wrong, its changes are not.",
    ),
    Lens(
        "Move budget between channels that work together",
        "Monthly",
        "Several multi-touch models",
        "They share each conversion among all touches seen; trust what most of them say, and treat a channel they "
        "disagree about as a question.",
    ),
    Lens(
        "Decide what a channel is worth at all, set the year's budget",
        "Yearly, tests each quarter",
        "Lift tests and a media-mix model",
        "Only an experiment, or a model calibrated on one, says what would not have happened without the channel.",
    ),
)
