"""Which arm is the holdout, and whether the arms may be compared at all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from martech_lib.core.errors import shown
from martech_lib.core.programs import Shares, moving
from martech_lib.core.sample_ratio import STOPS, SampleRatio, apart_before, sample_ratio
from martech_lib.core.spoken import count, fitting, listed, percent
from martech_lib.personalization.cells import Cells
from martech_lib.personalization.totals import Total, total_of

HOLDOUTS = ("holdout", "control")
FEWEST = 10  # users of an arm
CROSSED = 0.05  # share of users in two arms, beyond which those who are left are no sample of all
EXPECTED = 5  # users of a cell, from which chi-square holds
MORE_TIME = 0.1  # part of the days by which one arm may be followed longer
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


def fault_of(cells: Cells, sides: Sides, srm: SampleRatio, shares: Shares, *, window_days: float | None = None) -> str:
    """Why the arms must not be compared; "" where they may."""
    if fault := moving(shares):  # first, for of moving shares none is that of all
        return fault
    if srm.passed is False:
        return srm.reason
    holdout, treated = (total_of(cells, arms) for arms in ((sides.holdout,), sides.treated))
    arms = [holdout.arm(sides.holdout), treated.arm("personalized")]
    return (
        _few(sides, holdout, treated)
        or _crossing(cells, holdout.n + treated.n)
        or _by_segment(cells, sides)
        or ("" if window_days is not None else _by_time(cells, sides))
        or apart_before(arms)
    )


def came_apart(cells: Cells, sides: Sides) -> bool:
    """Whether the arms' users came at other times, by week, than chance has it."""
    return _unlike(_weekly(cells, sides))[0] < STOPS


def one_armed(cells: Cells, sides: Sides) -> int:
    """How many segments have users in one arm alone; not which, for they may be small."""
    users = _table(cells, sides, cells.by_day["segment"])
    return int((users == 0).any(axis=1).sum())


def _by_segment(cells: Cells, sides: Sides) -> str:
    """What is wrong where one split cannot be that of every segment: then the arms are other people."""
    users = _table(cells, sides, cells.by_day["segment"])
    p, worst = _unlike(users[(users > 0).all(axis=1)])
    if p >= STOPS:
        return ""
    own, whole = (held / (held + others) for held, others in (users.loc[worst], users.sum()))
    return (
        f"the holdout has {percent(own)} of the users of segment {shown(worst) or 'without a name'} and "
        f"{percent(whole)} of all (p is below {STOPS:g}), so that the arms are other people: find the fault in "
        "the assignment, or read each segment as a programme of its own"
    )


def _by_time(cells: Cells, sides: Sides) -> str:
    """What is wrong where one arm had more time to convert and no window cuts it."""
    if cells.latest is None or not came_apart(cells, sides):
        return ""
    days = (pd.Timestamp(cells.latest.date()) - pd.to_datetime(cells.by_day["day"])).dt.days
    users = cells.by_day["n"]
    is_held = cells.by_day["arm"] == sides.holdout
    held, others = (float((days * users)[of].sum() / users[of].sum()) for of in (is_held, ~is_held))
    if abs(held - others) <= MORE_TIME * max(held, others):
        return ""
    return (
        f"the holdout was followed for {held:.0f} days and the personalized for {others:.0f}, so that one had more "
        "time to convert: set a window of days after the assignment"
    )


def _weekly(cells: Cells, sides: Sides) -> pd.DataFrame:
    days = pd.to_datetime(cells.by_day["day"])
    return _table(cells, sides, (days - days.min()).dt.days // 7)


def _table(cells: Cells, sides: Sides, by: pd.Series[Any]) -> pd.DataFrame:
    """Users by some part (rows) in the holdout and in all other arms."""
    is_other = cells.by_day["arm"] != sides.holdout
    users = cells.by_day["n"].groupby([by, is_other]).sum().unstack(fill_value=0)
    return users.reindex(columns=[False, True], fill_value=0)


def _unlike(users: pd.DataFrame) -> tuple[float, Any]:
    """Chance that one split gives parts so unlike (chi-square), and the part that is furthest from it."""
    expected = np.outer(users.sum(axis=1), users.sum()) / max(users.to_numpy().sum(), 1)
    is_large = (expected >= EXPECTED).all(axis=1)
    told, wanted = users[is_large], expected[is_large]
    if len(told) < 2:
        return 1.0, None
    from scipy.special import chdtrc

    misfit = ((told - wanted) ** 2 / wanted).sum(axis=1)
    return float(chdtrc(len(told) - 1, misfit.sum())), misfit.idxmax()


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
