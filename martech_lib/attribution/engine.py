"""Where engines differ: the little that Ibis does not make alike."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import ibis

from martech_lib.core.database import in_utc
from martech_lib.core.engine import POSTGRES, engine_of
from martech_lib.core.errors import UserError, shown

if TYPE_CHECKING:
    import ibis.expr.types as ir

BIGQUERY, SPARK, TRINO = "bigquery", "pyspark", "trino"
NO_RIGHT = re.compile(r"permission|privilege|denied|read.?only|not authorized", re.IGNORECASE)


def bit_or(bits: Any) -> Any:
    """The bits of a column, put together. Spark has the function, but Ibis does not know it there."""
    if engine_of(bits) != SPARK:
        return bits.bit_or()
    return ibis.udf.agg.builtin(_bit_or, name="bit_or", signature=(("int64",), "int64"))(bits)


def has_windowed_bits(table: ir.Table) -> bool:
    """Whether `bit_or` may stand in a window. BigQuery's may not."""
    return engine_of(table) != BIGQUERY


def in_byte_order(ids: Any) -> Any:
    """Ids that sort alike everywhere. PostgreSQL sorts text by the rules of a language, unless it is bytes."""
    if not ids.type().is_string() or engine_of(ids) != POSTGRES:
        return ids
    return ibis.udf.scalar.builtin(_convert_to, name="convert_to", signature=(("string", "string"), "binary"))(
        ids, "UTF8"
    )


def hashed(ids: Any) -> Any:
    """Texts as whole numbers, by the engine's own hash. Trino has one, but Ibis does not know it there."""
    if engine_of(ids) != TRINO:
        return ids.hash()
    as_bytes = ibis.udf.scalar.builtin(_one, name="to_utf8", signature=(("string",), "binary"))
    digest = ibis.udf.scalar.builtin(_one, name="xxhash64", signature=(("binary",), "binary"))
    number = ibis.udf.scalar.builtin(_one, name="from_big_endian_64", signature=(("binary",), "int64"))
    return number(digest(as_bytes(ids)))


def without_zone(time: Any) -> Any:
    """A time whose differences are true. PostgreSQL would take them by the clocks of the connection's zone."""
    if time.type().timezone is None or engine_of(time) != POSTGRES:
        return time
    return in_utc(time, "UTC")


def kept(table: ir.Table) -> ir.Table:
    """The same table, its rows now in the engine as a temporary table, for as long as it is referred to.

    Raises:
        UserError: The engine does not let this connection create temporary tables.
    """
    engine = engine_of(table)
    if not engine:
        return table
    try:
        # A query would hand over what was made here too, but `cache` on Spark does not.
        table.get_backend()._register_in_memory_tables(table)
        return table.cache()
    except Exception as error:  # each backend raises its own, and its own words alone tell a missing right
        if not NO_RIGHT.search(str(error)):
            raise
        said = shown(next(iter(str(error).splitlines()), ""))
        raise UserError(
            f"Journeys are kept in a temporary table, and {engine} refused one: {said}. Ask for the right to "
            "create temporary tables, or export touches and conversions to Parquet files and open their folder."
        ) from error


def _one(given: Any) -> Any:
    """A function of Trino's own."""


def _bit_or(bits: Any) -> Any:
    """The engine's own bit_or(bits)."""


def _convert_to(text: Any, encoding: Any) -> Any:
    """PostgreSQL's own convert_to(text, encoding)."""
