"""The records that leave the library: Reading, Finding, and the Result that holds them.

Every number is one Reading, every fault one Finding; frames, dictionaries and JSON are made from these alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple

import pandas as pd

Status = Literal["pass", "watch", "fail", "info", "not measured", "refused"]
Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")


class Reading(NamedTuple):
    """One number that leaves the library.

    Attributes:
        metric: `theme.name`, lower case; listed in docs/readings.md.
        value: The number, in `unit`; None when not measured or refused.
        unit: What it counts: "USD/year", "share" (a fraction, 0.14), "tools", ...
        lower: Lower end of the interval, None where there is none.
        upper: Upper end of the interval.
        level: Confidence level of the interval, 0 to 1.
        n: How many observations stand behind the value.
        target: What would be good, in words with its number.
        status: pass, watch, fail, info, not measured or refused.
        method: How it was computed, in words.
        segment: The part it is of (a layer, a rule); "" for the whole.
        period: The month or date it speaks of.
        source: The table it was read from.
        reason: Why it has no number, or what to know when reading it.
    """

    metric: str
    value: float | None = None
    unit: str = ""
    lower: float | None = None
    upper: float | None = None
    level: float | None = None
    n: int | None = None
    target: str = ""
    status: Status = "info"
    method: str = ""
    segment: str = ""
    period: str = ""
    source: str = ""
    reason: str = ""


class Finding(NamedTuple):
    """One fault that an analysis found.

    Attributes:
        rule: The rule's id, such as SA01.
        subject: What it is about: a tool, or "stack".
        severity: critical, high, medium, low or info.
        evidence: What was seen, in words with the numbers.
        decision: What the rule suggests doing.
        amount: Money at stake, in `unit`; None where it is unknown, never zero for unknown.
        unit: Unit of the amount.
        owner: Who would act, where known.
        due: Until when, where there is a date.
        source: The table it was read from.
    """

    rule: str
    subject: str
    severity: Severity
    evidence: str
    decision: str
    amount: float | None = None
    unit: str = ""
    owner: str = ""
    due: date | None = None
    source: str = ""


def not_measured(metric: str, *, needs: str, unit: str = "", segment: str = "", target: str = "") -> Reading:
    """A Reading without a number that says which file or value would switch it on."""
    return Reading(metric, unit=unit, segment=segment, target=target, status="not measured", reason=needs)


@dataclass(frozen=True)
class Result:
    """What an analysis returns: its readings, its findings, and what it was computed from.

    Attributes:
        reading_records: Every number, in reading order.
        finding_records: Every fault, worst first.
        inputs: Table name -> SHA-256 of what was read.
    """

    reading_records: tuple[Reading, ...]
    finding_records: tuple[Finding, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def readings(self) -> pd.DataFrame:
        """One row a Reading."""
        return frame_of(self.reading_records, Reading._fields)

    @property
    def findings(self) -> pd.DataFrame:
        """One row a Finding."""
        return frame_of(self.finding_records, Finding._fields)

    @property
    def summary(self) -> dict[str, float | None]:
        """Metric id -> value, for the metrics of the whole (not those of a segment)."""
        return {r.metric: r.value for r in self.reading_records if not r.segment}

    def to_frame(self) -> pd.DataFrame:
        """The readings as a tidy frame."""
        return self.readings

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dictionaries, ready for JSON: blank is None, a date is its ISO text."""
        return {
            "inputs": dict(self.inputs),
            "readings": plain_records(self.reading_records),
            "findings": plain_records(self.finding_records),
        }


def frame_of(records: Sequence[tuple[Any, ...]], columns: Sequence[str]) -> pd.DataFrame:
    """A frame with these columns, also when there is no record; a column of numbers stays one when blank."""
    frame = pd.DataFrame.from_records(list(records), columns=list(columns))
    numeric = [c for c in ("value", "lower", "upper", "level", "n", "amount") if c in frame]
    return frame.astype(dict.fromkeys(numeric, "float64"))


def plain_records(records: Iterable[Any]) -> list[dict[str, Any]]:
    """NamedTuples as dictionaries that `json.dumps(..., allow_nan=False)` accepts."""
    return [{key: _plain(value) for key, value in record._asdict().items()} for record in records]


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
