"""The stack audit: what a marketing team's tools cost, which earn it, and what to do about the rest.

`audit(ws)` is the way in; `gather` and `assess` are its two halves. Charts and sentences about its result are in
`stack.charts` and `stack.words`.
"""

from martech_lib.stack.evidence import Evidence, gather
from martech_lib.stack.stack_audit import StackAudit, assess, audit
from martech_lib.stack.thresholds import rule_title

__all__ = ["Evidence", "StackAudit", "assess", "audit", "gather", "rule_title"]
