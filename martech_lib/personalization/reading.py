"""The record of a holdout that was read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd

from martech_lib.core.results import Result
from martech_lib.core.sample_ratio import SampleRatio
from martech_lib.personalization.arms import Sides
from martech_lib.personalization.between import Between
from martech_lib.personalization.cells import Cells
from martech_lib.personalization.course import Course
from martech_lib.personalization.endpoints import Endpoint
from martech_lib.personalization.money import Brought
from martech_lib.personalization.rollout import Policy
from martech_lib.personalization.segments import Segments, frame_of
from martech_lib.personalization.verdict import Headline


class Terms(NamedTuple):
    """What the register of programmes knows of one, for what its logs do not hold.

    Attributes:
        endpoint: The event that is a conversion, the primary endpoint.
        held: Planned share of the holdout; None where the log has it, or nobody knows.
        value: What a conversion is worth, where outcomes have no value.
        segments: Segments named before the start; () where none were.
        currency: Of revenue and cost.
    """

    endpoint: str = "conversion"
    held: float | None = None
    value: float | None = None
    segments: tuple[str, ...] = ()
    currency: str = "USD"


UNKNOWN = Terms()


@dataclass(frozen=True, kw_only=True)
class HoldoutReading(Result):
    """A holdout, read.

    Attributes:
        program: The programme.
        level: Confidence level.
        terms: What the register knows of it.
        srm: The sample-ratio check; nothing is read where it does not pass.
        headline: The verdict and its sentence.
        cells: What was counted, and what was set aside.
        sides: The arms.
        endpoints: Conversions, clicks and revenue, as far as there are any; () where refused.
        without_largest: Revenue without the user who brought most, where that is a fifth or more; else None.
        brought: What it brought in all; None where refused.
        by_segment: Effects by segment.
        between: The arms of a programme that has several, each against the others.
        course: Over time; None where refused.
        policies: Ways to go on.
        value: What a conversion is taken as, by the register or else by the log; None where neither says.
        cost: What it cost; None where it is not known.
        notes: What to know when reading it, in words.
        is_interim: Whether the windows of many users are still open.
    """

    program: str
    level: float
    terms: Terms
    srm: SampleRatio
    headline: Headline
    cells: Cells = field(repr=False)
    sides: Sides
    endpoints: tuple[Endpoint, ...] = ()
    without_largest: Endpoint | None = None
    brought: Brought | None = None
    by_segment: Segments = Segments((), math.nan, 0, 0.0)
    between: tuple[Between, ...] = ()
    course: Course | None = None
    policies: tuple[Policy, ...] = ()
    value: float | None = None
    cost: float | None = None
    notes: tuple[str, ...] = ()
    is_interim: bool = False

    @property
    def segments(self) -> pd.DataFrame:
        """One row a segment: users, rates, difference, lift, p, q, found, shrunken lift, reason."""
        return frame_of(self.by_segment)

    def endpoint(self, name: str) -> Endpoint | None:
        """The endpoint conversion, click or revenue; None where there is none."""
        return next((one for one in self.endpoints if one.name == name), None)
