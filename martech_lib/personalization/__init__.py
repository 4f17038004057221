"""Personalization: what it really brought, by the users who were left out of it.

>>> from martech_lib import Workspace, personalization
>>> ws = Workspace.open("mycompany")
>>> read = personalization.read_holdout(ws.log("assignments"), ws.log("outcomes"), program="win-back", window_days=30)
>>> read.headline.verdict, read.headline.sentence
>>> read.segments                                    # for whom it worked
>>> personalization.programmes(ws).total             # all holdouts of the month, beside what dashboards claim
"""

from __future__ import annotations

from martech_lib.personalization.holdout import priced, read_holdout, sends_of
from martech_lib.personalization.programmes import Programmes, programmes
from martech_lib.personalization.reading import HoldoutReading, Terms
from martech_lib.personalization.rollout import holdout_sizes

__all__ = ["HoldoutReading", "Terms", "Programmes", "holdout_sizes", "priced", "programmes", "read_holdout", "sends_of"]
