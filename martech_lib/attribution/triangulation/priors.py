"""What is believed of each lens before its numbers are seen: how far off it usually is, by the channel's kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from io import StringIO
from typing import Any, NamedTuple

import pandas as pd

from martech_lib.core.errors import UserError, did_you_mean, shown

LAST_TOUCH, MULTI_TOUCH, PLATFORM = "last touch", "multi-touch", "platform"
SURVEY, MEDIA_MIX, LIFT_TEST = "survey", "media mix", "lift test"
LENSES = (LAST_TOUCH, MULTI_TOUCH, PLATFORM, SURVEY, MEDIA_MIX, LIFT_TEST)
VENDOR = {"attributed": "vendor (attributed)", "incremental": "vendor (incremental)"}
ALL_SHARING = "all that share out"
ROLES = ("demand capture", "demand creation", "both")
KINDS = ("role", "remembered", "walled_garden")
FLAGS = ("reads_touches", "takes_base")
YES_NO = {"yes": "yes", "true": "yes", "1": "yes", "1.0": "yes", "no": "no", "false": "no", "0": "no", "0.0": "no"}
NUMBERS = ("mean", "sd", "spread", "error")
WIDEST = 3.0


class Bias(NamedTuple):
    """What is believed of one lens on one channel, on the scale of the natural logarithm.

    Attributes:
        mean: Usual error of the lens on such a channel: 0.75 is 2.1 times too many.
        sd: Standard deviation of the part that is common to all channels of the lens.
        spread: Standard deviation of the part that is the channel's own.
        error: Standard error of an estimate that comes without an interval.
        reads_touches: Whether the lens reads the log of touches, so that it errs as others do that read it.
        takes_base: Whether it shares out all conversions, those too that would have come anyway.
    """

    mean: float
    sd: float
    spread: float
    error: float
    reads_touches: bool
    takes_base: bool


class Base(NamedTuple):
    """What lenses that share out all conversions give alike to a channel of some role, if they do: conversions that
    would have come anyway, or those of other channels. On the scale of the natural logarithm.

    Attributes:
        mean: Usual size.
        sd: Standard deviation of what is common to all channels of the role.
        own: Standard deviation of the part that is the channel's own.
    """

    mean: float
    sd: float
    own: float


def usual_priors() -> pd.DataFrame:
    """The table of biases, to be edited and given back: lens, role, remembered, walled_garden (blank: any), mean, sd,
    spread, error (all of the natural logarithm), reads_touches, takes_base, why. "all that share out" has a row a role:
    what lenses that take the base give alike, see `Base`."""
    return _usual().copy()


@cache
def _usual() -> pd.DataFrame:
    written = files("martech_lib.attribution.triangulation").joinpath("priors.csv").read_text(encoding="utf-8")
    return pd.read_csv(StringIO(written), dtype=dict.fromkeys(("role", "remembered", "walled_garden"), "string"))


def checked_priors(priors: pd.DataFrame | None) -> pd.DataFrame:
    """The table as it is used: words in lower case, blanks as "", rows of "all that share out" for every role.

    Raises:
        UserError: A column is missing, a lens or a word is unknown, a number is out of bounds, lift tests are given a
            bias, or two rows speak of the same.
    """
    usual = _usual()
    if priors is None:
        return usual.assign(**{name: usual[name].fillna("") for name in KINDS})
    lacking = [name for name in ("lens", "mean", "sd", "spread") if name not in priors]
    if lacking:
        raise UserError(f"priors lack the column {lacking[0]}; they have {', '.join(map(str, priors.columns))}.")
    if priors.columns.has_duplicates:
        raise UserError(f"priors have the column {priors.columns[priors.columns.duplicated()][0]} twice; keep one.")
    known = set(usual["lens"])
    for name in priors["lens"]:
        if name not in known:
            near = did_you_mean(str(name), known) or "."
            raise UserError(f"priors name the lens '{shown(name)}', which is none{near}")
    table = _with_usual(priors.reset_index(drop=True))
    for name in NUMBERS:
        table[name] = _number(table[name], name, low=-WIDEST if name == "mean" else 0.0)
    _refuse_what_contradicts(table)
    given = set(table.loc[table["lens"] == ALL_SHARING, "role"])
    others = usual[(usual["lens"] == ALL_SHARING) & ~usual["role"].isin(given)]
    return pd.concat([table, others.fillna(dict.fromkeys(KINDS, ""))], ignore_index=True)


def _with_usual(priors: pd.DataFrame) -> pd.DataFrame:
    """The table with every column, words as they are meant; what it does not say is as in the usual row that fits."""
    table, usual = priors.copy(), rows_by_lens(checked_priors(None))
    table["role"] = _words(priors, "role", {role: role for role in ROLES})
    for name in KINDS[1:]:
        table[name] = _words(priors, name, YES_NO)
    _refuse_sharing_but_by_role(table)
    kinds = table[[*KINDS]].itertuples(index=False, name=None)
    fitting = [_fitting(usual[lens], kind) for lens, kind in zip(table["lens"], kinds, strict=True)]
    for name in ("error", *FLAGS, "why"):
        given = priors[name] if name in priors else pd.Series(pd.NA, index=priors.index)
        told = [row.get(name) if pd.isna(cell) else cell for cell, row in zip(given, fitting, strict=True)]
        table[name] = pd.Series(told, index=table.index, dtype=object)
    for name in FLAGS:
        table[name] = _words(table, name, YES_NO)
    return table


def _words(table: pd.DataFrame, name: str, allowed: Mapping[str, str]) -> pd.Series:
    """A column's words as they are meant, blanks as "". Raises UserError for another word."""
    cells = table[name] if name in table else pd.Series("", index=table.index)
    found = []
    for cell in cells:
        word = "" if pd.isna(cell) else str(cell).strip().lower()
        if word and word not in allowed:
            told = ", ".join(dict.fromkeys(allowed.values()))
            raise UserError(f"priors, {name}: '{shown(cell)}' is not allowed; give one of {told}, or nothing for any.")
        found.append(allowed.get(word, ""))
    return pd.Series(found, index=table.index, dtype=object)


def _refuse_what_contradicts(table: pd.DataFrame) -> None:
    """Raise UserError for a bias of lift tests, and for two rows of the same."""
    tests = table[table["lens"] == LIFT_TEST]
    if (tests[["mean", "sd", "spread"]] != 0).any(axis=None) or (tests[[*FLAGS]] == "yes").any(axis=None):
        raise UserError(
            "priors give lift tests a bias; allowed is 0, and no touches or base, as the others are held against "
            "them. Where a test is less sure than it says, widen its interval in lift_tests."
        )
    doubled = table.duplicated(["lens", *KINDS])
    if doubled.any():
        raise UserError(
            f"priors have two rows of '{table.loc[doubled, 'lens'].iloc[0]}' for the same channels; keep one."
        )


def _refuse_sharing_but_by_role(table: pd.DataFrame) -> None:
    sharing = table[table["lens"] == ALL_SHARING]
    if (sharing["role"] == "").any() or (sharing[[*KINDS[1:]]] != "").any(axis=None):
        raise UserError(
            f"priors: rows of '{ALL_SHARING}' go by role alone; give each one of {', '.join(ROLES)} and leave "
            "remembered and walled_garden blank."
        )


def _number(column: pd.Series, name: str, *, low: float) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = ~numbers.between(low, WIDEST)
    if wrong.any():
        cell = column[wrong].iloc[0]
        came = "came blank" if pd.isna(cell) else f"came as '{shown(cell)}'"
        raise UserError(f"priors: {name} {came}; give a number from {low:g} to {WIDEST:g}, as a natural logarithm.")
    return numbers.astype("float64")


def bias_of(rows: Sequence[Mapping[str, Any]], kind: tuple[str, str, str]) -> Bias | None:
    """What is believed of a lens on a channel by the row that fits most closely; None where none fits.

    Args:
        rows: Those of one lens, as `rows_by_lens` gives them.
        kind: The channel's role, whether it is remembered, whether it is a walled garden; "" for unknown.
    """
    best = _fitting(rows, kind)
    if not best:
        return None
    mean, sd, spread, error = (float(best[name]) for name in NUMBERS)
    reads_touches, takes_base = (best[name] == "yes" for name in FLAGS)
    return Bias(mean, sd, spread, error, reads_touches, takes_base)


def base_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Base]:
    """Role -> what lenses that share out give alike, from the rows of "all that share out"."""
    return {row["role"]: Base(row["mean"], row["sd"], row["spread"]) for row in rows}


def _fitting(rows: Sequence[Mapping[str, Any]], kind: tuple[str, ...]) -> Mapping[str, Any]:
    """The row that fits most closely; an empty one where none fits."""
    best: Mapping[str, Any] = {}
    closeness = -1
    for row in rows:
        asked = [row[name] for name in KINDS]
        close = sum(word != "" for word in asked)
        if all(word in ("", own) for word, own in zip(asked, kind, strict=True)) and close > closeness:
            best, closeness = row, close
    return best


def rows_by_lens(priors: pd.DataFrame) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Lens -> its rows of the checked table."""
    columns = {name: priors[name].tolist() for name in ("lens", *KINDS, *FLAGS, *NUMBERS, "why")}
    found: dict[str, list[Mapping[str, Any]]] = {}
    for at, lens in enumerate(columns.pop("lens")):
        found.setdefault(str(lens), []).append({name: cells[at] for name, cells in columns.items()})
    return found
