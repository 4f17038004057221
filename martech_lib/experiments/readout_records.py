"""The numbers of a readout as Readings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from martech_lib.core.results import Reading, Status
from martech_lib.core.sample_ratio import STOPS
from martech_lib.core.stats import Difference
from martech_lib.experiments.lines import Line, curse_of
from martech_lib.experiments.metrics import Metric

if TYPE_CHECKING:
    from martech_lib.core.arms import Counted
    from martech_lib.core.sample_ratio import SampleRatio
    from martech_lib.experiments.looks import Look
    from martech_lib.experiments.plan import Plan

BY_LINE = ("experiments.difference", "experiments.lift", "experiments.p_value")
SOURCE = "assignments, outcomes"


def records(
    plan: Plan, srm: SampleRatio, found: Counted, *, look: Look | None, lines: Sequence[Line], reason: str
) -> tuple[Reading, ...]:
    """Every number: arms, the check of their ratio, then metric by metric; the experiment's name as the period."""
    told = [*_arms(srm, found)]
    if look is None or reason:
        told += [
            Reading(metric, unit="share", status="refused", segment=plan.metric.name, reason=reason)
            for metric in BY_LINE
        ]
    else:
        told += [row for line in lines for row in _line(line, look)]
        told.append(_curse(plan, look))
    return tuple(row._replace(period=plan.name, source=SOURCE) for row in told)


def _arms(srm: SampleRatio, found: Counted) -> Iterator[Reading]:
    for arm, n in srm.arms.items():
        yield Reading("experiments.units", n, "users", n=n, segment=arm)
    status: Status = "pass" if srm.passed else "fail"
    total = sum(srm.arms.values())
    yield Reading(
        "experiments.srm_p", srm.p_value, "probability", n=total, target=f"at least {STOPS:g}", status=status,
        method="chi-square of the arms' users", reason=srm.reason,
    )  # fmt: skip
    aside = (
        ("users in two arms", found.crossed), ("repeated assignments", found.repeated),
        ("outcomes before the assignment", found.early), ("outcomes after the window", found.late),
        ("assignments without user, arm or time", found.unusable),
    )  # fmt: skip
    for what, n in aside:
        yield Reading("experiments.set_aside", n, "rows", segment=what, method="not counted")


def _line(line: Line, look: Look) -> Iterator[Reading]:
    told = line.beside
    segment = f"{told.metric.name}: {told.arm}"
    role = "exploratory" if not look.number else line.role
    reason = told.reason or (look.reason if line.role == "primary" else "")
    if told.difference is None or line.p is None:
        for metric in BY_LINE:
            yield Reading(metric, status="refused", segment=segment, reason=reason)
        return
    method = f"{role}; {told.method}"
    status = _status(line, look)
    for metric, unit, of in (
        ("experiments.difference", unit_of(told.metric), told.difference),
        ("experiments.lift", "share", told.lift),
    ):
        if of is None:
            yield Reading(metric, status="refused", segment=segment, reason=reason)
            continue
        yield _interval(metric, of, unit)._replace(
            level=line.level, n=round(told.control.n + told.treated.n), status=status, method=method, segment=segment,
            reason=reason,
        )  # fmt: skip
    yield Reading("experiments.p_value", line.p, "probability", segment=segment, method=method, reason=reason)


def _interval(metric: str, of: Difference, unit: str) -> Reading:
    return Reading(metric, of.estimate, unit, of.lower, of.upper)


def _status(line: Line, look: Look) -> Status:
    if not look.number or line.role == "exploratory":
        return "info"
    return "pass" if line.is_gain else "fail" if line.is_loss else "info"


def _curse(plan: Plan, look: Look) -> Reading:
    method = "mean estimate of a win over the planned effect"
    return Reading("experiments.win_overstates", curse_of(plan, look), "ratio", method=method)


def unit_of(metric: Metric) -> str:
    """The unit of a metric's difference."""
    return "share" if metric.kind == "rate" else "per user" if metric.kind == "mean" else "ratio"
