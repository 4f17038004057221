"""Attribution: touches and conversions, in any engine -> journeys -> credit by channel and model, with its uncertainty.

>>> from martech_lib import Workspace, attribution
>>> ws = Workspace.open("mycompany")
>>> j = attribution.journeys(ws.log("touches"), ws.log("conversions"))
>>> attribution.credit(j, "markov").to_frame()
"""

from __future__ import annotations

from martech_lib.attribution.credit import MODELS, Credit, CreditRow, all_credit, credit
from martech_lib.attribution.journeys import Journeys, journeys
from martech_lib.attribution.paths import journeys_from_paths
from martech_lib.attribution.segment import Segment

__all__ = [
    "MODELS", "Credit", "CreditRow", "Journeys", "Segment", "all_credit", "credit", "journeys", "journeys_from_paths",
]  # fmt: skip
