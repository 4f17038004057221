"""Which engine an expression runs in, and the day of a time in each."""

from __future__ import annotations

from typing import Any

import ibis
from ibis.common.exceptions import IbisError

from martech_lib.core.database import in_utc

DUCKDB, POSTGRES = "duckdb", "postgres"


def engine_of(expression: ibis.Expr) -> str:
    """Name of its backend; "" for an expression that is in none."""
    try:
        return str(expression.get_backend().name)
    except IbisError:
        return ""


def day_of(time: Any) -> Any:
    """The day of a time, in UTC where it has a zone; engines but DuckDB and PostgreSQL go by the connection's clock."""
    has_clock = is_in_duckdb(time) or engine_of(time) == POSTGRES
    return (in_utc(time, "UTC") if has_clock and time.type().timezone is not None else time).date()


def first_text(texts: Any) -> Any:
    """The first of texts by their bytes. PostgreSQL would take it by the rules of a language; hex has none."""
    if engine_of(texts) != POSTGRES:
        return texts.min()
    least = _called("encode", "string")(_called("convert_to", "binary")(texts, "UTF8"), "hex").min()
    return _called("convert_from", "string")(_called("decode", "binary")(least, "hex"), "UTF8")


def different(numbers: Any, low: int, high: int) -> Any:
    """How many different whole numbers there are from one to another, in DuckDB: a bit is set for each that comes."""
    ends = (ibis.literal(end, numbers.type()) for end in (low, high))
    return bit_count(bitstring_agg(numbers, *ends, where=numbers.between(low, high))).fill_null(0)


@ibis.udf.agg.builtin(signature=(("int64", "int64", "int64"), "binary"))
def bitstring_agg(numbers: Any, low: Any, high: Any) -> Any:
    """DuckDB's: as many bits as there are numbers between two, set where one comes."""


@ibis.udf.scalar.builtin(signature=(("binary",), "int64"))
def bit_count(bits: Any) -> Any:
    """DuckDB's: how many bits are set."""


def _called(name: str, gives: str) -> Any:
    """A function of the engine's of something and a word."""
    takes = "string" if name in ("convert_to", "decode") else "binary"
    return ibis.udf.scalar.builtin(_body, name=name, signature=((takes, "string"), gives))


def _body(of: Any, word: Any) -> Any: ...


def is_in_duckdb(expression: ibis.Expr) -> bool:
    """Whether DuckDB answers it, as it does for frames."""
    return engine_of(expression) in ("", DUCKDB)
