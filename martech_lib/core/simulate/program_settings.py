"""The personalization programs of a simulated world, and what each of them truly brings.

Effects and members were set together, by the power of a pooled two-sided comparison at 5 %, before anything was
drawn. In a world of 20,000 users the chance that the data show what is so is at least 99 % for four of them: win-back
journey (converts more, 99.9 %; its segments differ, 99.4 %), push copy (more users click, 99.3 %), streak reminders
(converts less, 99.4 %), class suggestions (a split that fails at p = 0.001, above 99.9 %). Where there is nothing to
find, in the conversions of push copy and home screen by goal, 95 % of worlds show nothing, as any test at 5 % does.
Studio partners and the universal holdout are too small for what they bring: it shows in 5 % and 6 % of worlds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

UNIVERSAL = "universal holdout"


@dataclass(frozen=True, kw_only=True)
class Program:
    """A personalization program with a control group.

    Attributes:
        name: Its name.
        kind: As in the table programs.
        members: Members assigned, for each user of the log.
        holdout: Share of them in the control group.
        control: Name of that group.
        rate: Conversion rate of the control group in the window.
        lift: Relative lift of conversion that the program truly brings.
        click_rate: Clicks an impression in the control group.
        click_lift: Relative lift of that rate.
        cost: What it cost over the window.
        segments: Segments declared before the start, of one size.
        segment_lifts: Their relative lifts where they differ, in the same order; `lift` is then their mean.
        lost: Chance that the log never gets the assignment of somebody treated in two faulty weeks who clicked nothing.
        unfilled: Share of the messages to people whose first name is not known.
    """

    name: str
    kind: str
    members: float
    holdout: float
    control: str = "holdout"
    rate: float
    lift: float
    click_rate: float
    click_lift: float
    cost: float
    segments: tuple[str, ...]
    segment_lifts: tuple[float, ...] = ()
    lost: float = 0.0
    unfilled: float = 0.0

    @property
    def lifts(self) -> tuple[float, ...]:
        """The relative lift of each segment."""
        return self.segment_lifts or (self.lift,) * len(self.segments)


def universal_holdout(others: Sequence[Program]) -> Program:
    """A twentieth of people who get no personalization at all; the rest get what the others bring on average.

    Its people are its own: they are not members of the others, as nobody is in two programs.
    """
    convert, click = ([p.members * getattr(p, name) for p in others] for name in ("rate", "click_rate"))
    members = 0.8
    return Program(
        name=UNIVERSAL,
        kind="lifecycle",
        members=members,
        holdout=0.05,
        rate=0.12,
        lift=_mean([p.lift for p in others], convert),
        click_rate=0.1,
        click_lift=_mean([p.click_lift for p in others], click),
        cost=100 * round(sum(p.cost for p in others) * members / sum(p.members for p in others) / 100),
        segments=("new", "regular", "lapsing"),
    )


def _mean(values: list[float], weights: list[float]) -> float:
    return round(sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights), 2)


WIN_BACK = Program(  # a real win, all of it in one segment
    name="win-back journey",
    kind="lifecycle",
    members=1.0,
    holdout=0.3,
    rate=0.12,
    lift=0.22,
    click_rate=0.14,
    click_lift=0.10,
    cost=5200,
    segments=("lapsing", "lapsed"),
    segment_lifts=(0.44, 0.0),
    unfilled=0.12,
)
PUSH_COPY = Program(  # clicks, and nothing after them
    name="push copy",
    kind="ai",
    members=1.1,
    holdout=0.3,
    control="control",
    rate=0.10,
    lift=0.0,
    click_rate=0.12,
    click_lift=0.14,
    cost=7500,
    segments=("new", "regular"),
    unfilled=0.05,
)
HOME_SCREEN = Program(  # nothing
    name="home screen by goal",
    kind="segment",
    members=0.5,
    holdout=0.2,
    rate=0.11,
    lift=0.0,
    click_rate=0.05,
    click_lift=0.0,
    cost=3100,
    segments=("strength", "running", "yoga"),
)
STUDIO_PARTNERS = Program(  # too few to tell
    name="studio partners",
    kind="account",
    members=0.025,
    holdout=0.1,
    rate=0.09,
    lift=0.15,
    click_rate=0.05,
    click_lift=0.2,
    cost=1800,
    segments=("chains", "independents"),
)
STREAK_REMINDERS = Program(  # harm: nagging is clicked, and puts people off
    name="streak reminders",
    kind="behavioral",
    members=0.4,
    holdout=0.3,
    rate=0.14,
    lift=-0.25,
    click_rate=0.10,
    click_lift=0.20,
    cost=2400,
    segments=("short streak", "long streak"),
    unfilled=0.08,
)
CLASS_SUGGESTIONS = Program(  # a split that the log does not keep
    name="class suggestions",
    kind="behavioral",
    members=0.3,
    holdout=0.3,
    rate=0.10,
    lift=0.10,
    click_rate=0.06,
    click_lift=0.15,
    cost=2600,
    segments=("beginners", "advanced"),
    lost=0.9,
    unfilled=0.06,
)
_OF_THEIR_OWN = (WIN_BACK, PUSH_COPY, HOME_SCREEN, STUDIO_PARTNERS, STREAK_REMINDERS, CLASS_SUGGESTIONS)
PROGRAMS = (*_OF_THEIR_OWN, universal_holdout(_OF_THEIR_OWN))
