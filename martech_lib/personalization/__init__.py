"""Personalization: what it really brought, by the users who were left out of it, and whether its messages are whole.

>>> from martech_lib import Workspace, personalization
>>> ws = Workspace.open("mycompany")
>>> read = personalization.read_holdout(ws.log("assignments"), ws.log("outcomes"), program="win-back", window_days=30)
>>> read.headline.verdict, read.headline.sentence
>>> read.segments                                    # for whom it worked
>>> personalization.programmes(ws).total             # all holdouts of the month, beside what dashboards claim
>>> personalization.message_audit(ws).findings       # templates whose messages show {first_name}
>>> personalization.creep(["first_name", "last viewed product"], "finance").questions
"""

from __future__ import annotations

from martech_lib.personalization.creep import Creep, creep
from martech_lib.personalization.holdout import priced, read_holdout, sends_of
from martech_lib.personalization.messages import MessageAudit, message_audit
from martech_lib.personalization.programmes import Programmes, programmes
from martech_lib.personalization.reading import HoldoutReading, Terms
from martech_lib.personalization.rollout import holdout_sizes
from martech_lib.personalization.sends import Sends, literal_tokens
from martech_lib.personalization.templates import TemplateReading, template_readings

__all__ = [
    "Creep", "HoldoutReading", "MessageAudit", "Programmes", "Sends", "TemplateReading", "Terms", "creep",
    "holdout_sizes", "literal_tokens", "message_audit", "priced", "programmes", "read_holdout", "sends_of",
    "template_readings",
]  # fmt: skip
