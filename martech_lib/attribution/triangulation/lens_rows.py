"""The frames a triangulation is given, checked: every fault at once, with its row, what came and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from martech_lib.attribution.triangulation.priors import LENSES, LIFT_TEST, ROLES, VENDOR, YES_NO
from martech_lib.core.errors import Problem, TableError, UserError, did_you_mean, shown

FILE = "lenses"
NEEDED = ("channel", "lens", "estimate", "lower", "upper", "level")
AMOUNTS = ("estimate", "lower", "upper", "level")
NAMED = re.compile(r"(?P<name>.+?)\s*\((?P<basis>attributed|incremental)\)")
Blame = Callable[[str, str], Problem]


def checked_lenses(lenses: pd.DataFrame, channels: pd.DataFrame) -> pd.DataFrame:
    """The rows with numbers as numbers, and beside each lens the `family` of the priors' table it belongs to.

    Args:
        lenses: As `triangulate` takes them.
        channels: As `checked_channels` gives them.

    Raises:
        TableError: Rows that cannot be read, all at once.
        UserError: A column is missing.
    """
    rows = _rows(lenses)
    problems = [problem for row in rows.itertuples() for problem in _faults(row, channels)]
    problems += _doubled(rows)
    if problems:
        raise TableError(problems)
    return rows


def checked_channels(channels: pd.DataFrame) -> pd.DataFrame:
    """The table of channels, by name: what each is, "" for unknown. Raises UserError for a wrong one."""
    for name in ("channel", "role"):
        if name not in channels:
            raise UserError(f"the channels lack the column {name}; they have {', '.join(map(str, channels.columns))}.")
    frame = pd.DataFrame({"channel": channels["channel"].astype("string").str.strip()})
    frame["role"] = channels["role"].astype("string").str.strip().str.lower()
    for name in ("remembered", "walled_garden", "paid"):
        told = channels[name] if name in channels else pd.Series(pd.NA, index=channels.index)
        frame[name] = told.map(lambda cell: YES_NO.get(str(cell).strip().lower(), "")).astype("string")
    wrong = frame[~frame["role"].isin(ROLES)]
    if len(wrong):
        first = wrong.iloc[0]
        came = "blank" if pd.isna(first["role"]) else f"'{shown(first['role'])}'"
        raise UserError(f"channels: the role of {first['channel']} came as {came}; allowed are {', '.join(ROLES)}.")
    if frame["channel"].isna().any() or frame["channel"].duplicated().any():
        again = frame.loc[frame["channel"].duplicated() | frame["channel"].isna(), "channel"].iloc[0]
        raise UserError("channels: a name is blank." if pd.isna(again) else f"channels: {again} stands there twice.")
    return frame.set_index("channel", drop=False)


def _rows(lenses: pd.DataFrame) -> pd.DataFrame:
    """The frame with numbers as numbers where they are some, and the family of each lens beside its name."""
    lacking = [name for name in NEEDED if name not in lenses]
    if lacking:
        there = [str(column) for column in lenses.columns]
        hint = did_you_mean(lacking[0], there) or "."
        raise UserError(f"the lenses lack the column {lacking[0]}{hint} They have {', '.join(there)}.")
    rows = lenses.reset_index(drop=True).copy()
    rows["line"] = rows.index + 2
    for name in AMOUNTS:
        rows[f"came_{name}"] = rows[name]
        rows[name] = pd.to_numeric(rows[name], errors="coerce").astype("float64")
    rows["channel"] = rows["channel"].astype("string").str.strip()
    rows["lens"] = rows["lens"].astype("string").str.strip()
    basis = rows["basis"].astype("string") if "basis" in rows else pd.Series(pd.NA, index=rows.index, dtype="string")
    rows["family"] = [_family(name, of) for name, of in zip(rows["lens"], basis, strict=True)]
    rows["lens"] = [
        _full_name(name, family) for name, family in zip(rows["lens"].fillna(""), rows["family"], strict=True)
    ]
    return rows


def _full_name(name: str, family: str) -> str:
    """A lens's name as pooling takes it: a vendor's bears its basis, as one vendor may give both."""
    if family in LENSES:
        return name.lower()
    basis = next((basis for basis, of in VENDOR.items() if of == family), "")
    return name if not basis or NAMED.fullmatch(name.lower()) else f"{name} ({basis})"


def _family(lens: Any, basis: Any) -> str:
    """The lens of the priors' table that a name belongs to; "" for none."""
    name = "" if pd.isna(lens) else str(lens)
    if name.lower() in LENSES:
        return name.lower()
    named = NAMED.fullmatch(name.lower())
    of = named["basis"] if named else "" if pd.isna(basis) else str(basis).lower()
    return VENDOR.get(of, "") if name else ""


def _faults(row: Any, kinds: pd.DataFrame) -> Iterator[Problem]:
    """What is wrong with one row."""

    def problem(column: str, message: str) -> Problem:
        came = getattr(row, f"came_{column}", getattr(row, column))
        return Problem(FILE, FILE, row.line, column, "" if pd.isna(came) else shown(came), message)

    if pd.isna(row.channel) or row.channel not in kinds.index:
        known = ", ".join(kinds.index[:8])
        name = "" if pd.isna(row.channel) else str(row.channel)
        yield problem("channel", f"is no channel of channels ({known}){did_you_mean(name, kinds.index)}")
    if not row.family:
        allowed = f"{', '.join(LENSES)}, or a vendor's name with its basis: attributed or incremental"
        yield problem("lens", f"is no lens; allowed are {allowed}{did_you_mean(row.lens, LENSES)}")
    for name in AMOUNTS:
        if pd.isna(getattr(row, name)) and not _is_blank(getattr(row, f"came_{name}")):
            yield problem(name, "is not a number; write it like 1234.5")
        elif name != "level" and row.family != LIFT_TEST and getattr(row, name) < 0:
            yield problem(name, "is below zero; conversions are counted from 0 on, only a lift test may find less")
    if _is_blank(row.came_estimate):
        yield problem("estimate", "is blank; give the conversions, or leave the row out")
    elif np.isinf(row.estimate):
        yield problem("estimate", "is infinite; give the conversions, or leave the row out")
    yield from _bounds(row, problem)


def _bounds(row: Any, problem: Any) -> Iterator[Problem]:
    """What is wrong with one row's interval."""
    there = [not pd.isna(bound) for bound in (row.lower, row.upper)]
    if any(there) and not all(there) and (_is_blank(row.came_lower) or _is_blank(row.came_upper)):
        yield problem("lower" if there[1] else "upper", "is blank beside the other bound; give both or none")
    if all(there) and row.lower > row.upper:
        yield problem("lower", f"is above upper, {row.upper:g}: the bounds stand the wrong way round")
    elif all(there) and row.lower == row.upper:
        yield problem("lower", "is the same as upper; an interval has a width, or leave both blank")
    elif all(there) and not pd.isna(row.estimate) and not row.lower <= row.estimate <= row.upper:
        yield problem("estimate", f"lies outside its own interval, {row.lower:g} to {row.upper:g}")
    if any(there) and _is_blank(row.came_level):
        yield problem("level", "is blank; an interval needs its level, such as 0.9")
    if not pd.isna(row.level) and not 0 < row.level < 1:
        yield problem("level", "is not a level; it lies between 0 and 1, such as 0.9")
    if row.family == LIFT_TEST and not any(there) and row.estimate <= 0:
        yield problem("estimate", "is a test that found nothing and has no interval; give lower, upper and level")


def _doubled(rows: pd.DataFrame) -> Iterator[Problem]:
    """Lenses but tests that speak of one channel twice."""
    others = rows[rows["family"] != LIFT_TEST]
    for row in others[others.duplicated(["channel", "lens"])].itertuples():
        message = f"speaks of {row.channel} a second time; give one row a channel, of one period"
        yield Problem(FILE, FILE, int(str(row.line)), "lens", shown(row.lens), message)


def _is_blank(cell: Any) -> bool:
    return bool(pd.isna(cell)) or (isinstance(cell, str) and not cell.strip())
