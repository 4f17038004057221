"""What to know when reading a holdout, in words: what was set aside, what is not known, what one user weighs."""

from __future__ import annotations

from collections.abc import Iterator

from martech_lib.core.sample_ratio import SampleRatio
from martech_lib.core.spoken import count, fitting, listed, number, percent
from martech_lib.personalization.arms import Sides, came_apart, one_armed
from martech_lib.personalization.cells import Cells
from martech_lib.personalization.endpoints import LARGE
from martech_lib.personalization.totals import Total

EARLY = 0.2  # share of outcomes before the assignment, from which it is asked why


def notes_of(cells: Cells, sides: Sides, srm: SampleRatio, arms: tuple[Total, Total], *, end: str) -> tuple[str, ...]:
    """Notes on a reading, the gravest first.

    Args:
        cells: What was counted.
        sides: The arms.
        srm: The sample-ratio check.
        arms: The holdout, and those who were personalized.
        end: What to know of the end of the log; "" where there is nothing.
    """
    told = [*_of_arms(cells, sides, srm, end), *_of_values(arms), *_of_past(arms), *_set_aside(cells)]
    return tuple(f"{note[:1].upper()}{note[1:]}." for note in told)


def _of_arms(cells: Cells, sides: Sides, srm: SampleRatio, end: str) -> Iterator[str]:
    if end:
        yield end
    if came_apart(cells, sides):
        yield "the arms came at other times, so that a season may look like an effect"
    if alone := one_armed(cells, sides):
        yield f"{count(alone, 'segment')} {fitting(alone, 'has', 'have')} users in one arm alone"
    if srm.passed is None:
        yield srm.reason
    if len(sides.treated) > 1:
        yield f"{listed(sides.treated)} were personalized in different ways and are read together"


def _of_values(arms: tuple[Total, Total]) -> Iterator[str]:
    if refunds := sum(arm.refunds for arm in arms):
        yield f"{count(refunds, 'outcome')} below 0 {fitting(refunds, 'is', 'are')} kept as refunds"
    for name, arm in zip(("the holdout", "the personalized arm"), arms, strict=True):
        if arm.y > 0 and len(arm.values) and arm.values[-1] >= LARGE * arm.y:
            share = percent(float(arm.values[-1]) / arm.y, 0)
            yield f"one user brought {share} of the revenue of {name}: it is read with and without that user"
        if not arm.converted:
            yield f"nobody in {name} converted, so that there is no relative difference"


def _of_past(arms: tuple[Total, Total]) -> Iterator[str]:
    known, n = sum(arm.n_p for arm in arms), sum(arm.n for arm in arms)
    if 0 < known < n:
        yield f"pre_value is known of {number(known)} of {number(n)} users, so that it is not taken out"


def _set_aside(cells: Cells) -> Iterator[str]:
    counted = int(cells.grid["events"].sum())
    if cells.early > EARLY * (cells.early + counted):
        share = percent(cells.early / (cells.early + counted), 0)
        yield f"{share} of the outcomes came before the assignment and do not count: are both times of one clock?"
    aside = (
        (cells.crossed, "user in two arms", "users in two arms"),
        (cells.unusable, "assignment without user, arm or time", "assignments without user, arm or time"),
        (cells.undated, "outcome without a time", "outcomes without a time"),
    )
    for n, one, many in aside:
        if n:
            yield f"{number(n)} {fitting(n, one, many)} {fitting(n, 'was', 'were')} set aside"
    if n := cells.unknown:
        yield f"{count(n, 'outcome')} of the log {fitting(n, 'is', 'are')} of users who were never assigned: set aside"
