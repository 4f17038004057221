"""The same question put to the published calculators: why they differ, and which power each number really has."""

from __future__ import annotations

import math
from typing import NamedTuple

from martech_lib.core.power import exact_power, units_for_rates
from martech_lib.core.stats import normal_quantile

EXAMPLE = (0.20, 0.25)  # the question every calculator's page answers
ALPHA, POWER = 0.05, 0.8
ENUMERATED = 60_000  # units an arm up to which every pair of counts is gone through


class Convention(NamedTuple):
    """One way to count the units of two rates.

    Attributes:
        name: Whose way it is.
        units: Units an arm.
        power: Exact power of the pooled z-test with them; None where there are too many to enumerate.
        why: How it differs.
    """

    name: str
    units: int
    power: float | None
    why: str


WAYS = (
    ("pooled", "Fleiss, our own", "variance of the common rate where there is no effect, of both rates where there is"),
    ("unpooled", "statsmodels' two proportions, R's formula", "variance of both rates, with and without an effect"),
    ("cohen_h", "Cohen's h, G*Power and R's pwr", "difference of arcsines, whose variance hardly depends on the rate"),
    ("evan_miller", "Evan Miller's calculator", "variance of the control rate alone where there is no effect: too few"),
)


def conventions(control: float = EXAMPLE[0], treated: float = EXAMPLE[1]) -> tuple[Convention, ...]:
    """Units an arm by every convention, two-sided at 5 % with 80 % power, and the exact power of each."""
    critical = normal_quantile(1 - ALPHA / 2)
    found = []
    for method, name, why in WAYS:
        exact = units_for_rates(control, treated, critical=critical, power=POWER, method=method)
        found.append(_row(name, round(exact) if method == "evan_miller" else math.ceil(exact), why, control, treated))
    ratio = treated / control
    k = (critical + normal_quantile(POWER)) ** 2
    relative = k * control * (1 - control) * (1 + ratio**2) / (treated - control) ** 2
    why = "relative effect, the control's variance for both arms: more where the rate rises"
    return (*found, _row("GrowthBook's planner", math.ceil(relative), why, control, treated))


def _row(name: str, units: int, why: str, control: float, treated: float) -> Convention:
    power = exact_power(control, treated, (units, units), alpha=ALPHA) if units <= ENUMERATED else None
    return Convention(name, units, power, why)
