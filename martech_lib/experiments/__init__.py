"""Experiments: plan one, register it, look at it, read it as it was planned; and a backlog that fits the quarter.

>>> from martech_lib import experiments
>>> experiments.sample_size(baseline=0.20, mde=0.05)
1094
"""

from __future__ import annotations

from martech_lib.experiments.backlog import Backlog, backlog
from martech_lib.experiments.duration import by_week, power_curve, reach_of
from martech_lib.experiments.plan import Plan, plan, plan_from
from martech_lib.experiments.record import Record, record
from martech_lib.experiments.sizes import sample_size

__all__ = [
    "Backlog",
    "Plan",
    "Record",
    "backlog",
    "by_week",
    "plan",
    "plan_from",
    "power_curve",
    "reach_of",
    "record",
    "sample_size",
]
