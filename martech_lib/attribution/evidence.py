"""Everything the attribution page reads, gathered once from a workspace; the logs stay in their engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd

from martech_lib.attribution.journeys import Journeys, journeys
from martech_lib.attribution.paths import journeys_from_paths
from martech_lib.attribution.question import Period, Question, period_of
from martech_lib.core.workspace import Workspace

LOGS = ("touches", "conversions")
REGISTERS = ("spend", "platform_reported", "channels", "lenses", "truth")
NEEDS = "needs touches.csv and conversions.csv, or paths.csv"


@dataclass(frozen=True)
class Evidence:
    """What a workspace says about its journeys.

    Attributes:
        profile: The company's facts, typed.
        registers: The frames that are there, by name.
        touches: The log of touches; None when it is missing.
        conversions: The log of conversions; None when it is missing.
        paths: The table of paths, read when the logs are missing.
        inputs: Table name -> SHA-256 of what was read.
    """

    profile: Mapping[str, Any] = field(default_factory=dict)
    registers: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    touches: Any = None
    conversions: Any = None
    paths: Any = None
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def as_of(self) -> date | None:
        """The day the workspace speaks of."""
        return self.profile.get("as_of_date")

    @property
    def currency(self) -> str:
        """Three letters; USD unless the profile says otherwise."""
        return str(self.profile.get("currency", "USD"))

    @property
    def lacks(self) -> str:
        """What there is no journey without; "" when there are some."""
        return "" if self.touches is not None or self.paths is not None else NEEDS

    def period(self, question: Question) -> Period:
        """The period that is asked for; a table of paths has no times and is always read whole."""
        if self.touches is None:
            return Period("the whole table of paths")
        return period_of(question, as_of=self.as_of, zone=str(self.profile.get("timezone", "UTC")))

    def journeys(self, question: Question) -> Journeys:
        """The journeys that are asked for. Raises UserError."""
        if self.touches is None:
            return journeys_from_paths(self.paths)
        period = self.period(question)
        return journeys(
            self.touches,
            self.conversions,
            lookback_days=question.lookback_days,
            kinds=question.kinds,
            segment=question.segment._replace(since=period.since, until=period.until),
        )


def gather(ws: Workspace) -> Evidence:
    """Read a workspace. Raises TableError when a table is there and wrong."""
    logs = {name: ws.log(name) for name in LOGS} if all(ws.has(name) for name in LOGS) else {}
    paths = ws.log("paths") if not logs and ws.has("paths") else None
    registers = {name: ws.register(name) for name in REGISTERS if ws.has(name)}
    read = [*logs, *(["paths"] if paths is not None else []), *registers]
    return Evidence(
        profile=ws.profile,
        registers=registers,
        paths=paths,
        inputs={name: ws.fingerprint(name) for name in (*read, *(["profile"] if ws.has("profile") else []))},
        **logs,
    )
