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


BASE = {
    "demand capture": Base(mean=1.2, sd=0.7, own=0.8),
    "both": Base(mean=0.0, sd=0.5, own=0.7),
    "demand creation": Base(mean=0.0, sd=0.0, own=0.25),
}
POOLED_ROLES = tuple(role for role, base in BASE.items() if base.sd)  # whose channels teach one another


def usual_priors() -> pd.DataFrame:
    """The table of biases, to be edited and given back: lens, role, remembered, walled_garden (blank: any), mean, sd,
    spread, error (all of the natural logarithm), reads_touches, takes_base, why."""
    return _usual().copy()


@cache
def _usual() -> pd.DataFrame:
    written = files("martech_lib.attribution.triangulation").joinpath("priors.csv").read_text(encoding="utf-8")
    return pd.read_csv(StringIO(written), dtype=dict.fromkeys(("role", "remembered", "walled_garden"), "string"))


def checked_priors(priors: pd.DataFrame | None) -> pd.DataFrame:
    """The table as it is used. Raises UserError for a missing column, an unknown lens or a number out of bounds."""
    if priors is None:
        return usual_priors()
    usual = usual_priors()
    lacking = [name for name in ("lens", "mean", "sd", "spread") if name not in priors]
    if lacking:
        raise UserError(f"priors lack the column {lacking[0]}; they have {', '.join(map(str, priors.columns))}.")
    known = set(usual["lens"])
    for name in priors["lens"]:
        if name not in known:
            raise UserError(f"priors name the lens '{shown(name)}', which is none{did_you_mean(str(name), known)}")
    table = priors.copy()
    for name in ("error", *FLAGS, "why", *KINDS):
        if name not in table:
            table[name] = (
                pd.NA if name in KINDS else table["lens"].map(dict(zip(usual["lens"], usual[name], strict=True)))
            )
    for name in FLAGS:
        words = table[name].map(lambda cell: YES_NO.get(str(cell).strip().lower(), ""))
        if (words == "").any():
            came = shown(table.loc[words == "", name].iloc[0])
            raise UserError(f"priors, {name}: '{came}' is not allowed; give yes or no.")
        table[name] = words
    for name in NUMBERS:
        table[name] = _number(table[name], name, low=-WIDEST if name == "mean" else 0.0)
    return table


def _number(column: pd.Series, name: str, *, low: float) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = ~numbers.between(low, WIDEST)
    if wrong.any():
        came = shown(column[wrong].iloc[0])
        allowed = f"a number from {low:g} to {WIDEST:g}, as a natural logarithm"
        raise UserError(f"priors, {name}: '{came}' is not allowed; give {allowed}.")
    return numbers.astype("float64")


def bias_of(rows: Sequence[Mapping[str, Any]], kind: tuple[str, str, str]) -> Bias | None:
    """The row that fits a channel most closely; None where none fits.

    Args:
        rows: Those of one lens, as `rows_by_lens` gives them.
        kind: The channel's role, whether it is remembered, whether it is a walled garden; "" for unknown.
    """
    best, closeness = None, -1
    for row in rows:
        asked = [row[name] for name in KINDS]
        close = sum(word != "" for word in asked)
        if all(word in ("", own) for word, own in zip(asked, kind, strict=True)) and close > closeness:
            best, closeness = row, close
    if best is None:
        return None
    mean, sd, spread, error = (float(best[name]) for name in NUMBERS)
    reads_touches, takes_base = (best[name] == "yes" for name in FLAGS)
    return Bias(mean, sd, spread, error, reads_touches, takes_base)


def rows_by_lens(priors: pd.DataFrame) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Lens -> its rows of the table, words in lower case, blanks as ""."""
    columns = {name: priors[name].tolist() for name in ("lens", *KINDS, *FLAGS, *NUMBERS)}
    found: dict[str, list[Mapping[str, Any]]] = {}
    for at, lens in enumerate(columns.pop("lens")):
        row = {name: cells[at] for name, cells in columns.items()}
        words = {name: "" if pd.isna(row[name]) else str(row[name]).strip().lower() for name in (*KINDS, *FLAGS)}
        found.setdefault(str(lens), []).append({**row, **words})
    return found
