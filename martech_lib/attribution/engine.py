"""Where engines differ: the little that Ibis does not make alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis
from ibis.common.exceptions import IbisError

from martech_lib.core.errors import UserError, shown

if TYPE_CHECKING:
    import ibis.expr.types as ir

SPARK = "pyspark"


def bit_or(bits: Any, table: ir.Table) -> Any:
    """The bits of a column of this table, put together. Spark has the function, but Ibis does not know it there."""
    if _engine(table) != SPARK:
        return bits.bit_or()
    return ibis.udf.agg.builtin(_bit_or, name="bit_or", signature=(("int64",), "int64"))(bits)


def handed_over(table: ir.Table) -> ir.Table:
    """The same table; those of its parts that were made here now lie in the engine, as temporary tables.

    A query would hand them over too, but `cache` on Spark does not.

    Raises:
        UserError: The engine does not let this connection create temporary tables.
    """
    engine = _engine(table)
    if engine:
        try:
            table.get_backend()._register_in_memory_tables(table)
        except Exception as error:  # each backend raises its own
            said = shown(next(iter(str(error).splitlines()), "") or type(error).__name__)
            raise UserError(
                f"Journeys are kept in a temporary table, and {engine} refused one: {said}. Ask for the right to create "
                "temporary tables, or export touches and conversions to Parquet files and open their folder."
            ) from error
    return table


def _engine(table: ir.Table) -> str:
    """Name of the table's backend; "" for a table that is in none."""
    try:
        return str(table.get_backend().name)
    except IbisError:
        return ""


def _bit_or(bits: Any) -> Any:
    """The engine's own bit_or(bits)."""
