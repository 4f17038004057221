"""Attribution: touches and conversions, in any engine -> journeys -> credit by channel and model, with its uncertainty.

>>> from martech_lib import Workspace, attribution
>>> ws = Workspace.open("mycompany")
>>> j = attribution.journeys(ws.log("touches"), ws.log("conversions"))
>>> attribution.credit(j, "markov").to_frame()
>>> attribution.read(ws).readings      # every model, beside spend, platforms' claims and other lenses
"""

from __future__ import annotations

from martech_lib.attribution.credit import MODELS, Credit, CreditRow, all_credit, credit
from martech_lib.attribution.evidence import Evidence, gather
from martech_lib.attribution.journeys import Journeys, journeys
from martech_lib.attribution.paths import journeys_from_paths
from martech_lib.attribution.question import Question
from martech_lib.attribution.reading import AttributionReading, compare, read, triangulated, unread
from martech_lib.attribution.segment import Segment
from martech_lib.attribution.triangulation import Triangulation, triangulate, usual_priors

__all__ = [
    "MODELS", "AttributionReading", "Credit", "CreditRow", "Evidence", "Journeys", "Question", "Segment",
    "Triangulation", "all_credit", "compare", "credit", "gather", "journeys", "journeys_from_paths", "read",
    "triangulate", "triangulated", "unread", "usual_priors",
]  # fmt: skip
