"""Which engine an expression runs in, and the day of a time in each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ibis.common.exceptions import IbisError

from martech_lib.core.database import in_utc

if TYPE_CHECKING:
    import ibis

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


def is_in_duckdb(expression: ibis.Expr) -> bool:
    """Whether DuckDB answers it, as it does for frames."""
    return engine_of(expression) in ("", DUCKDB)
