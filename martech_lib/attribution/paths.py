"""Journeys from a table of paths: one row a distinct path, with how often it converted and how often it did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import ibis
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from martech_lib.attribution.journeys import MOST_BITS, Journeys
from martech_lib.attribution.ledger import COLUMNS, spelling_remarks
from martech_lib.attribution.sums import NONE, PARTS, PLACES, SHARES, Sums
from martech_lib.attribution.walks import STEP as JOINED
from martech_lib.attribution.walks import Walks, together
from martech_lib.core.errors import UserError, did_you_mean, shown
from martech_lib.core.spoken import count
from martech_lib.core.stats import Array

STEP = ">"
ROWS_AT_A_TIME = 100_000
COLUMNS_READ = ("path", "conversions", "value", "nulls")
Codes = npt.NDArray[np.int64]


class Batch(NamedTuple):
    """Some rows: the steps of each path, its conversions, their value, its journeys that did not convert."""

    steps: list[list[str]]
    conversions: Array
    value: Array
    nulls: Array


def journeys_from_paths(paths: Any) -> Journeys:
    """Journeys from paths, the alternative to a log: no times, so no time decay; no users, so no intervals.

    Args:
        paths: Ibis table or frame: path ("search > email > direct"), conversions, and where known value (of all these
            conversions together) and nulls (journeys that did not convert). A path that is blank or "(none)" is
            conversions without a touch.

    Raises:
        UserError: A column is missing, a number is below zero or blank, or a step of a path is blank.
    """
    table = _table(paths)
    if not len(table):
        raise UserError("paths has no rows; allowed is one row or more: path, conversions.")
    touched = Counter(name for batch in _batches(table) for steps in batch.steps for name in steps)
    channels = tuple(sorted(touched))
    code = {name: k for k, name in enumerate(channels)}
    sums, found, walked, unvalued = _zeros(channels), [], [], 0
    for batch in _batches(table):
        walked.append(_walks(batch))
        unvalued += int(np.isnan(batch.value).sum())
        found.append(_add(sums, batch._replace(value=np.nan_to_num(batch.value)), code))
    sets = pd.concat(found).groupby("mask").sum()
    whole = Sums(
        channels=channels,
        masks=sets.index.to_numpy(dtype=np.int64),
        journeys=sets["journeys"].to_numpy()[None],
        conversions=sets["conversions"].to_numpy()[None],
        **sums,
    )
    rows = len(table)
    ledger = pd.DataFrame([("paths", "read", rows), ("paths", "used", rows)], columns=list(COLUMNS))
    notes = (*_value_remarks(rows, unvalued), *spelling_remarks(touched))
    return Journeys(whole, None, ledger, notes, walked=together(walked), has_value=unvalued < rows)


def total_of_paths(paths: Any) -> tuple[float, float | None, float]:
    """All conversions of a table of paths, their value (None where no path has one), and how many of them have one.

    Raises:
        UserError: As `journeys_from_paths`.
    """
    conversions = value = valued = 0.0
    for frame in _frames(_table(paths)):
        found, worth = (_numbers(frame, name) for name in ("conversions", "value"))
        has_value = ~np.isnan(worth)
        conversions += float(found.sum())
        value += float(worth[has_value].sum())
        valued += float(found[has_value].sum())
    return conversions, value if valued else None, valued


def _value_remarks(rows: int, unvalued: int) -> list[str]:
    if unvalued in (0, rows):
        return []
    return [f"{count(unvalued, 'path')} without a value count as conversions, not as value"]


def _table(given: Any) -> pd.DataFrame | pa.Table:
    if not isinstance(given, (ibis.Table, pd.DataFrame)):
        raise UserError(f"paths came as {type(given).__name__}; allowed is an Ibis table or a pandas frame.")
    for column in ("path", "conversions"):
        if column not in given.columns:
            hint = did_you_mean(column, list(given.columns))
            raise UserError(f"paths has no column {column}{hint or '.'} It has {', '.join(map(str, given.columns))}.")
    if isinstance(given, pd.DataFrame):
        return given
    # A distinct path is one row, so the table is small beside its log; streaming it fails in ibis 12 on duckdb 2.
    return given.select(*(name for name in COLUMNS_READ if name in given.columns)).to_pyarrow()


def _batches(given: pd.DataFrame | pa.Table) -> Iterator[Batch]:
    return map(_batch, _frames(given))


def _frames(given: pd.DataFrame | pa.Table) -> Iterator[pd.DataFrame]:
    """Some rows at a time."""
    for start in range(0, len(given), ROWS_AT_A_TIME):
        if isinstance(given, pd.DataFrame):
            yield given.iloc[start : start + ROWS_AT_A_TIME]
        else:
            yield given.slice(start, ROWS_AT_A_TIME).to_pandas()


def _batch(frame: pd.DataFrame) -> Batch:
    written = frame["path"].fillna("").astype(str).tolist()
    steps = [[step.strip() for step in path.split(STEP)] if path.strip() not in ("", NONE) else [] for path in written]
    for path, names in zip(written, steps, strict=True):
        if not all(names):
            raise UserError(f"The path '{shown(path)}' has a blank step; write it like 'search > email > direct'.")
        if NONE in names:
            raise UserError(
                f"The path '{shown(path)}' has a step '{NONE}', which stands for no touch: call it otherwise."
            )
    return Batch(steps, *(_numbers(frame, name) for name in ("conversions", "value", "nulls")))


def _numbers(frame: pd.DataFrame, column: str) -> Array:
    if column not in frame:
        return np.full(len(frame), np.nan if column == "value" else 0.0)
    numbers = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64)
    wrong = frame[column].notna().to_numpy() & ~np.isfinite(numbers)
    if wrong.any():
        came = shown(frame[column][wrong].iloc[0])
        raise UserError(f"{column} of paths came as '{came}'; allowed is a number such as 1234.5.")
    if column == "conversions" and np.isnan(numbers).any():
        raise UserError("A path has no number of conversions; write 0 where there was none.")
    if (numbers < 0).any():
        raise UserError(f"{column} of paths came as {numbers.min():g}; allowed is 0 or more.")
    return numbers if column == "value" else np.nan_to_num(numbers)


def _walks(batch: Batch) -> Walks:
    """Lengths and the most frequent paths of some rows."""
    steps = pd.DataFrame(
        {
            "touches": [len(names) for names in batch.steps],
            "path": [JOINED.join(names) for names in batch.steps],
            "conversions": batch.conversions,
            "value": np.nan_to_num(batch.value),
        }
    )
    converted = steps[(steps["touches"] > 0) & (steps["conversions"] > 0)]
    return Walks(converted[["touches", "conversions"]], None, converted[["path", "conversions", "value"]])


def _zeros(channels: Sequence[str]) -> dict[str, Array]:
    k, parts = len(channels), (len(PLACES), len(PARTS))
    shapes = {
        "credits": (1, k, *parts),
        "values": (1, k, *parts),
        "met": (1, k, len(SHARES)),
        "met_values": (1, k, len(SHARES)),
        "transitions": (1, k + 1, k + 2),
        "before": (1, k, k + 1),
        "before_values": (1, k, k + 1),
        "none": (1, 2),
    }
    return {name: np.zeros(shape) for name, shape in shapes.items()}


class Touches(NamedTuple):
    """The touches of some paths one after another: their channel, their path, their number in it and its length."""

    code: Codes
    path: Codes
    rn: Codes
    n: Codes
    starts: Codes


def _touches(steps: Sequence[Sequence[str]], code: Mapping[str, int]) -> Touches:
    lengths = np.array([len(names) for names in steps], dtype=np.int64)
    starts = np.cumsum(lengths) - lengths
    path = np.repeat(np.arange(len(steps)), lengths)
    codes = np.array([code[name] for names in steps for name in names], dtype=np.int64)
    return Touches(codes, path, np.arange(len(path)) - starts[path] + 1, lengths[path], starts)


def _add(sums: dict[str, Array], batch: Batch, code: Mapping[str, int]) -> pd.DataFrame:
    """Add the journeys of a batch; returns its channel sets: mask, journeys, conversions."""
    touched = np.array([bool(names) for names in batch.steps], dtype=bool)
    sums["none"][0] += batch.conversions[~touched].sum(), batch.value[~touched].sum()
    conversions, value, nulls = (numbers[touched] for numbers in batch[1:])
    touches = _touches([names for names in batch.steps if names], code)
    _add_steps(sums["transitions"][0], touches, conversions, nulls)
    parts, place = _parts(touches), _places(touches)
    other = _others(touches, len(code))
    final = touches.code[touches.rn == touches.n]
    path, channel, shares = _met(touches, len(code))
    for weights, credited, met, before in (
        (conversions, "credits", "met", "before"), (value, "values", "met_values", "before_values")
    ):  # fmt: skip
        np.add.at(sums[credited][0], (touches.code, place), weights[touches.path, None] * parts)
        np.add.at(sums[met][0], channel, weights[path, None] * shares)
        np.add.at(sums[before][0], (final, other), weights)
    bits = np.left_shift(np.int64(1), touches.code if len(code) <= MOST_BITS else np.zeros_like(touches.code))
    masks = np.bitwise_or.reduceat(bits, touches.starts) if len(bits) else bits
    return pd.DataFrame({"mask": masks, "journeys": conversions + nulls, "conversions": conversions})


def _add_steps(counts: Array, touches: Touches, conversions: Array, nulls: Array) -> None:
    k, weights = len(counts) - 1, conversions + nulls
    is_first, is_last = touches.rn == 1, touches.rn == touches.n
    np.add.at(counts, (0, touches.code[is_first]), weights)
    here, there = touches.code[:-1][~is_last[:-1]], touches.code[1:][~is_first[1:]]
    np.add.at(counts, (here + 1, there), weights[touches.path[1:][~is_first[1:]]])
    np.add.at(counts, (touches.code[is_last] + 1, k), conversions)
    np.add.at(counts, (touches.code[is_last] + 1, k + 1), nulls)


def _parts(touches: Touches) -> Array:
    """(touches, parts) of `sums.PARTS`."""
    n = touches.n.astype(np.float64)
    return np.stack([np.ones_like(n), 1 / n, 1 / np.maximum(n - 2, 1), 1 / np.maximum(n - 3, 1)], axis=1)


def _met(touches: Touches, channels: int) -> tuple[Codes, Codes, Array]:
    """Each path's channels, once: the path, the channel, and (rows, shares) of `sums.SHARES`."""
    path, channel = np.divmod(np.unique(touches.path * max(channels, 1) + touches.code), max(channels, 1))
    one = np.ones(len(path))
    different = np.bincount(path)[path] if len(path) else one
    return path, channel, np.stack([one, one / different], axis=1)


def _places(touches: Touches) -> Codes:
    rn, n = touches.rn, touches.n
    cases = {
        "only": n == 1,
        "pair_first": (n == 2) & (rn == 1),
        "pair_last": n == 2,
        "three_first": (n == 3) & (rn == 1),
        "three_middle": (n == 3) & (rn == 2),
        "three_last": n == 3,
        "first": rn == 1,
        "last": rn == n,
        "milestone": rn == (n + 1) // 2,
    }
    names = [PLACES.index(place) for place in cases]
    return np.select(list(cases.values()), names, default=PLACES.index("inner")).astype(np.int64)


def _others(touches: Touches, channels: int) -> Codes:
    """For each path the last channel that is not its last one; K where there is none."""
    final = touches.code[touches.rn == touches.n]
    packed = np.where(touches.code != final[touches.path], touches.rn * channels + touches.code, -1)
    largest = np.maximum.reduceat(packed, touches.starts) if len(packed) else packed
    return np.where(largest < 0, channels, largest % max(channels, 1))
