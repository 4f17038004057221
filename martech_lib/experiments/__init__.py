"""Experiments: plan one, register it, look at it, read it as it was planned; and a backlog that fits the quarter.

>>> from martech_lib import Workspace, experiments
>>> experiments.sample_size(baseline=0.20, mde=0.05)
1094
>>> ws = Workspace.open("mycompany")
>>> plan = experiments.plan(name="Short form", primary_metric="sign-up rate", baseline=0.2, mde=0.05, weekly_units=4e3)
>>> plan.weeks, plan.gate                            # how long, and which of the six rules it passes
>>> experiments.read(plan, ws.log("assignments"), ws.log("outcomes")).sentence
>>> experiments.record(ws).readings                  # rules kept, winners that held, decisions by quarter
>>> experiments.backlog(ws).to_frame()               # what fits the quarter
"""

from __future__ import annotations

from martech_lib.experiments.backlog import Backlog, backlog
from martech_lib.experiments.conventions import conventions
from martech_lib.experiments.duration import by_week, power_curve, reach_of
from martech_lib.experiments.history import History, history
from martech_lib.experiments.plan import Plan, plan, plan_from
from martech_lib.experiments.readout import Readout, read
from martech_lib.experiments.record import Record, record
from martech_lib.experiments.register import card_of, plan_of_card, read_card, register
from martech_lib.experiments.registered import read_registered, readable
from martech_lib.experiments.results import record_decision, record_follow_up
from martech_lib.experiments.sizes import sample_size

__all__ = [
    "Backlog", "History", "Plan", "Readout", "Record", "backlog", "by_week", "card_of", "conventions", "history",
    "plan", "plan_from", "plan_of_card", "power_curve", "reach_of", "read", "read_card", "read_registered", "readable",
    "record", "record_decision", "record_follow_up", "register", "sample_size",
]  # fmt: skip
