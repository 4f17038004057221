"""Which arm is the holdout, and whether the arms may be compared at all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from martech_lib.core.errors import shown
from martech_lib.core.programs import Shares, moving
from martech_lib.core.sample_ratio import SampleRatio, apart_before, sample_ratio
from martech_lib.core.spoken import count, fitting, listed, percent
from martech_lib.personalization.cells import Cells
from martech_lib.personalization.totals import Total, total_of

HOLDOUTS = ("holdout", "control")
FEWEST = 10  # users of an arm
CROSSED = 0.05  # share of users in two arms, beyond which those who are left are no sample of all
WHOLE = 0.02  # by which planned shares may miss 1


class Sides(NamedTuple):
    """The holdout and the others.

    Attributes:
        holdout: Name of its arm; "" where there is none, or more than one.
        treated: Names of the other arms.
        fault: Why there is no holdout, in words; "" where there is one.
    """

    holdout: str
    treated: tuple[str, ...]
    fault: str = ""


def sides_of(cells: Cells) -> Sides:
    """The arms by their names: one is called holdout or control."""
    arms = sorted(cells.by_day["arm"].unique().tolist()) if len(cells.by_day) else []
    held = [arm for arm in arms if arm.strip().casefold() in HOLDOUTS]
    if len(held) == 1 and len(arms) > 1:
        return Sides(held[0], tuple(arm for arm in arms if arm != held[0]))
    if not arms:
        return Sides("", (), _nobody(cells))
    came = listed([shown(arm) for arm in arms])
    if len(held) > 1:
        fault = (
            f"the arms came as {came}: {listed([shown(arm) for arm in held])} could each be the holdout; name one so"
        )
    elif held:
        fault = f"everybody is in the arm {shown(held[0])}: nobody was personalized"
    else:
        fault = (
            f"the arms came as {came}, and none is named holdout or control: without users who were left out nothing "
            "can be said of what personalization brought"
        )
    return Sides("", tuple(arms), fault)


def _nobody(cells: Cells) -> str:
    aside = (
        (cells.crossed, "user", "was put into two arms", "were put into two arms"),
        (cells.unusable, "assignment", "lacks a user, an arm or a time", "lack a user, an arm or a time"),
    )
    told = [f"{count(n, what)} {fitting(n, one, many)}" for n, what, one, many in aside if n]
    return f"no user is in one arm: {listed(told) or 'there are no assignments'}"


def split_of(cells: Cells, sides: Sides, shares: Shares, *, held: float | None) -> SampleRatio:
    """The sample-ratio check; passed is None where no planned share is known.

    Args:
        cells: What was counted.
        sides: The arms.
        shares: Planned shares by arm as the log has them.
        held: The holdout's planned share by the register; None where it does not say.
    """
    names = (sides.holdout, *sides.treated)
    counts = {arm: int(cells.by_day.loc[cells.by_day["arm"] == arm, "n"].sum()) for arm in names}
    planned = _planned(names, shares, held)
    if isinstance(planned, str):
        return SampleRatio(math.nan, None, counts, {}, reason=planned)
    by_day = cells.by_day.groupby(["day", "arm"])[["n"]].sum().reset_index()
    return sample_ratio(counts, [planned[arm] for arm in names], by_day)


def _planned(names: Sequence[str], shares: Shares, held: float | None) -> Mapping[str, float] | str:
    """Planned share of each arm; or why it is not known."""
    told = {arm: shares[arm][0] for arm in names if arm in shares}
    if held is not None and len(names) == 2 and not told:
        told = {names[0]: held, names[1]: 1 - held}
    if len(names) == 2 and len(told) == 1:
        arm, share = next(iter(told.items()))
        told |= {other: 1 - share for other in names if other != arm}
    if len(names) == 2 and len(set(told.values())) == 1 and 0 < told[names[0]] < 0.5 - WHOLE:
        told = {names[0]: told[names[0]], names[1]: 1 - told[names[0]]}  # the holdout's share in every row
    if len(told) < len(names):
        return "the planned share of the arms is not known, so that a broken split would not be seen"
    if not math.isclose(sum(told.values()), 1, abs_tol=WHOLE) or min(told.values()) <= 0:
        whole = listed([f"{shown(arm)} {percent(share, 0)}" for arm, share in told.items()])
        return f"the planned shares came as {whole}, which do not make a whole: a broken split would not be seen"
    return told


def fault_of(cells: Cells, sides: Sides, srm: SampleRatio, shares: Shares) -> str:
    """Why the arms must not be compared; "" where they may."""
    if fault := moving(shares):  # first, for of moving shares none is that of all
        return fault
    if srm.passed is False:
        return srm.reason
    holdout, treated = (total_of(cells, arms) for arms in ((sides.holdout,), sides.treated))
    arms = [holdout.arm(sides.holdout), treated.arm("personalized")]
    return _few(sides, holdout, treated) or _crossing(cells, holdout.n + treated.n) or apart_before(arms)


def _few(sides: Sides, holdout: Total, treated: Total) -> str:
    few = [name for name, one in ((sides.holdout, holdout), ("personalized", treated)) if one.n < FEWEST]
    return f"{listed(few)} {fitting(len(few), 'has', 'have')} fewer than {count(FEWEST, 'user')}" if few else ""


def _crossing(cells: Cells, n: int) -> str:
    share = cells.crossed / (cells.crossed + n)
    if share <= CROSSED:
        return ""
    return (
        f"{percent(share, 0)} of the users were put into two arms: find the fault in the assignment before it is read"
    )
