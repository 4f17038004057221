"""User ids that came as floats: from some whole number on floats leave others out, and two users are one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from martech_lib.core.errors import UserError
from martech_lib.core.spoken import count

if TYPE_CHECKING:
    import ibis.expr.types as ir

EXACT = 2**53  # below it floats of 64 bits hold every whole number
IN_A_FRAME = "read ids as such from the start, in pandas with dtype={'user_id': 'string'}"
IN_AN_ENGINE = "keep ids as such from the start, in a database as BIGINT or VARCHAR"


def refuse_rounded(floats: pd.Series, kind: type, named: str) -> None:
    """Refuse floats of a frame that may have been rounded; infinity is none of them.

    Args:
        floats: Ids without blanks.
        kind: Of which kind they are: Python's float or one of NumPy's.
        named: The column and its table, as messages call it.

    Raises:
        UserError: There are such floats. It says how many, from which number on, and what to do.
    """
    size = np.abs(np.asarray(floats).astype("longdouble"))
    rounded = floats[(size >= 2 ** _digits(kind)) & (size < np.inf)]
    if len(rounded):
        raise UserError(f"{_told(len(rounded), rounded.iloc[0], kind, named)}: {IN_A_FRAME}.")


def refuse_rounded_in_engine(table: ir.Table, named: str) -> None:
    """Refuse a table whose floats in `user_id` may have been rounded; the engine goes through that column once.

    Raises:
        UserError: As of `refuse_rounded`.
    """
    kind = table.user_id.type().to_numpy().type
    size = table.user_id.cast("float64").abs()
    is_rounded = size.between(float(2 ** _digits(kind)), sys.float_info.max)  # to engines NaN is beyond infinity
    asked = table.aggregate(n=table.count(where=is_rounded), one=table.user_id.min(where=is_rounded))
    found = asked.to_pyarrow().to_pylist()[0]
    if found["n"]:
        raise UserError(f"{_told(found['n'], found['one'], kind, named)}: {IN_AN_ENGINE}.")


def _told(n: int, one: float, kind: type, named: str) -> str:
    told = f"{named} has {count(n, 'float')} from 2**{_digits(kind)} on, such as {float(one)!r}"
    return (
        f"{told}, where floats of {_bits(kind)} bits leave out whole numbers and users become one; allowed are whole "
        "numbers and text"
    )


def _bits(kind: type) -> int:
    """Of how many bits floats of a kind are; longer ones are made 64 before they are used."""
    return int(np.finfo(kind).bits) if kind in (np.float16, np.float32) else 64


def _digits(kind: type) -> int:
    """Floats of a kind hold every whole number below two to this power."""
    return int(np.finfo(f"float{_bits(kind)}").nmant) + 1
