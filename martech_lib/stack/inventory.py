"""The inventory as records: one Tool a row, unknown is None, never zero."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import pandas as pd

PAYS_BACK = ("Yes", "Yes (compl.)")
DOCUMENTED = ("job", "owner", "outcome_metric")
SAYS_NOTHING = frozenset(
    ("n/a", "#n/a", "n.a", "none", "null", "nil", "nobody", "noone", "tba", "tbc", "tbd", "t.b.d", "todo")
    + ("unassigned", "notassigned", "unknown", "notknown")
)


@dataclass(frozen=True)
class Tool:
    """One contract. Money is per year in the profile's currency; every blank is None.

    Attributes are the columns of inventory.csv; `adoption` is derived from them.
    """

    tool: str
    layer: str
    category: str
    annual_cost: float
    pays_back: str
    vendor: str | None = None
    job: str | None = None
    owner: str | None = None
    pricing: str | None = None
    seats_paid: float | None = None
    seats_active_90d: float | None = None
    usage_pct: float | None = None
    outcome_metric: str | None = None
    decision: str | None = None
    consolidate_into: str | None = None
    replacement_option: str | None = None
    replacement_cost: float | None = None
    one_off_cost: float | None = None
    contract_start: date | None = None
    renewal_date: date | None = None
    notice_days: float | None = None
    auto_renew: bool | None = None
    overlap_ok_reason: str | None = None
    alias: tuple[str, ...] = ()
    preferred: bool | None = None
    is_server_side: bool | None = None
    status: str | None = None
    last_reviewed: date | None = None

    @property
    def adoption(self) -> float | None:
        """Active users by paid seats, else the used share of the committed volume; None when neither is known."""
        if self.seats_paid and self.seats_active_90d is not None:
            return self.seats_active_90d / self.seats_paid
        return None if self.usage_pct is None else self.usage_pct / 100

    @property
    def is_active(self) -> bool:
        """A blank status is active, and a trial is too."""
        return self.status != "retired"

    @property
    def pays(self) -> bool:
        """Whether it is said to pay back; compliance tools count."""
        return self.pays_back in PAYS_BACK

    @property
    def names(self) -> tuple[str, ...]:
        """Every name other tables may call it by, lower case: the tool and its aliases."""
        return tuple(name.strip().lower() for name in (self.tool, *self.alias))


@dataclass(frozen=True)
class Inventory:
    """The active tools of a workspace and the columns the file had.

    Attributes:
        tools: Active tools in the order of the file.
        columns: Names of the columns the table has: a rule whose column is absent is not measured.
        retired: Tools no longer in use: no rule looks at them, but their names are known.
    """

    tools: tuple[Tool, ...]
    columns: frozenset[str]
    retired: tuple[Tool, ...] = ()

    @property
    def annual_cost(self) -> float:
        """What all active tools cost a year."""
        return sum(tool.annual_cost for tool in self.tools)


def read_inventory(frame: pd.DataFrame) -> Inventory:
    """Turn the checked inventory frame (one row a tool) into records."""
    known = [f.name for f in fields(Tool) if f.name in frame.columns]
    columns = [_values(frame[name], is_documented=name in DOCUMENTED) for name in known]
    rows = [Tool(**dict(zip(known, cells, strict=True))) for cells in zip(*columns, strict=True)]
    return Inventory(
        tools=tuple(tool for tool in rows if tool.is_active),
        columns=frozenset(map(str, frame.columns)),
        retired=tuple(tool for tool in rows if not tool.is_active),
    )


def by_category(tools: Iterable[Tool]) -> dict[str, list[Tool]]:
    """Category -> its tools, both in the order of the file."""
    groups: dict[str, list[Tool]] = {}
    for tool in tools:
        groups.setdefault(tool.category, []).append(tool)
    return groups


def _values(column: pd.Series, *, is_documented: bool) -> list[Any]:
    values = [_value(cell) for cell in column.tolist()]
    return [None if _says_nothing(value) else value for value in values] if is_documented else values


def _says_nothing(text: str | None) -> bool:
    """Whether a text stands for a blank: "TBD" names no owner, nor does a dash."""
    said = "" if text is None else text.casefold().strip(" .()[]\u200b\ufeff").replace(" ", "")
    return not any(letter.isalnum() for letter in said) or said in SAYS_NOTHING


def _value(cell: Any) -> Any:
    if isinstance(cell, (str, tuple, bool)):
        return cell
    if cell is None or pd.isna(cell):
        return None
    return cell.date() if isinstance(cell, pd.Timestamp) else cell
