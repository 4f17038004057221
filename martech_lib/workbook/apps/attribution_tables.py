"""The attribution page's tables and tiles as markup, each from one reading."""

from __future__ import annotations

from functools import partial
from typing import Any

from martech_lib.attribution import AttributionReading
from martech_lib.attribution.credit import MODELS, CreditRow
from martech_lib.attribution.names import LENSES, MODEL_NAMES
from martech_lib.attribution.sums import NONE
from martech_lib.attribution.triangulation import words as lens_words
from martech_lib.core.spoken import listed, money, number
from martech_lib.workbook import html
from martech_lib.workbook.html import Column

KEY_METRICS = (
    "attribution.conversions", "attribution.value", "attribution.untouched", "attribution.touches_per_conversion",
    "attribution.days_to_convert", "attribution.channels", "attribution.models_agreement_w", "attribution.agreement_w",
)  # fmt: skip


def key_tiles(reading: AttributionReading) -> str:
    """The key readings as tiles."""
    totals = {r.metric: r for r in reading.reading_records if not r.segment}
    return html.tiles(totals[metric] for metric in KEY_METRICS if metric in totals)


def credit_table(reading: AttributionReading) -> str:
    """Credited conversions, a row a channel and a column a model."""
    columns = [Column("channel", "Channel"), *(Column(m, MODEL_NAMES[m], str, True) for m in MODELS)]
    by_model = {model: reading.of(model) for model in MODELS}
    names = [*reading.channels, *([NONE] if NONE in by_model["last"] else [])]
    rows = [{"channel": name, **{m: _credited(by_model[m].get(name)) for m in MODELS}} for name in names]
    return html.table(rows, columns, caption="Credited conversions by channel and model")


def intervals_table(reading: AttributionReading) -> str:
    """The leading model's credit with its intervals."""
    columns = [
        Column("channel", "Channel"),
        Column("conversions", "Conversions", str, True),
        Column("between", "Interval", str, True),
        Column("value", "Value", partial(money, currency=reading.currency), True),
        Column("reason", "Why no interval"),
    ]
    own = reading.of(reading.question.model)
    names = [*reading.channels, *([NONE] if NONE in own else [])]
    rows = [_with_interval(own[name]) for name in names if name in own]
    return html.table(rows, columns, caption=f"Credit by {MODEL_NAMES[reading.question.model]}, with intervals")


def paths_table(reading: AttributionReading) -> str:
    """The most frequent paths."""
    columns = [
        Column("path", "Path"),
        Column("conversions", "Conversions", number, True),
        Column("value", "Value", partial(money, currency=reading.currency), True),
    ]
    rows = reading.beside.walks.top.to_dict("records") if reading.beside.walks else []
    return html.table(_plain(rows), columns, caption="Most frequent paths to a conversion")


def costs_table(reading: AttributionReading) -> str:
    """Spend, cost per conversion and return by channel, by last touch and the leading model."""
    models = tuple(dict.fromkeys(("last", reading.question.model)))
    columns = [Column("channel", "Channel"), Column("spend", "Spend", partial(money, currency=reading.currency), True)]
    for model in models:
        name = MODEL_NAMES[model]
        columns.append(
            Column(f"cost {model}", f"A conversion, {name}", partial(money, currency=reading.currency), True)
        )
        columns.append(Column(f"return {model}", f"Return, {name}", _times, True))
    rows: dict[str, dict[str, Any]] = {}
    for cost in reading.beside.costs:
        if cost.model in models:
            row = rows.setdefault(cost.channel, {"channel": cost.channel, "spend": cost.spend})
            row |= {f"cost {cost.model}": cost.per_conversion, f"return {cost.model}": cost.per_spend}
    return html.table(rows.values(), columns, caption="Spend, cost per conversion and return") if rows else ""


def claims_table(reading: AttributionReading) -> str:
    """Each platform's claim as a multiple of each shown model's credit."""
    models = [m for m in MODELS if m in reading.question.shown or m == reading.question.model]
    columns = [Column("channel", "Channel"), Column("claimed", "Claimed", number, True)]
    columns += [Column(model, f"Times {MODEL_NAMES[model]}", str, True) for model in models]
    rows: dict[str, dict[str, Any]] = {}
    for claim in reading.beside.claims:
        row = rows.setdefault(claim.channel, {"channel": claim.channel, "claimed": claim.claimed})
        flag = "" if claim.verdict == "usual" else f" {claim.verdict} usual"
        row[claim.model] = "no credit" if claim.factor is None else f"{claim.factor:.1f}{flag}"
    return html.table(rows.values(), columns, caption="Claims as a multiple of credit") if rows else ""


def truth_table(reading: AttributionReading) -> str:
    """Each model's credit of the whole log beside what was truly caused."""
    models = [m for m in MODELS if any(g.model == m for g in reading.beside.gaps)]
    columns = [Column("channel", "Channel"), Column("caused", "Truly caused", number, True)]
    columns += [Column(model, MODEL_NAMES[model], number, True) for model in models]
    rows: dict[str, dict[str, Any]] = {}
    for gap in reading.beside.gaps:
        rows.setdefault(gap.channel, {"channel": gap.channel, "caused": gap.caused})[gap.model] = gap.credited
    return html.table(rows.values(), columns, caption="Credit of the whole log against the truth") if rows else ""


def _leading(reading: AttributionReading, model: str) -> str:
    """The channels that a model credits most."""
    rows = [r for r in reading.credit_records if r.model == model and r.channel != NONE and r.conversions]
    rows.sort(key=lambda r: (-(r.conversions or 0.0), r.channel))
    return listed([f"{r.channel} {number(r.conversions)}" for r in rows[:3]]) if rows else "Not measured"


def lenses_table(reading: AttributionReading) -> str:
    """Which lens serves which decision, and what it says at present."""
    columns = [
        Column("rhythm", "How often"),
        Column("decision", "Decision"),
        Column("lens", "Lens"),
        Column("now", "What it says now, in conversions"),
        Column("why", "Why this lens"),
    ]
    pooled = reading.triangulated
    now = (
        _leading(reading, "last"),
        _leading(reading, reading.question.model),
        lens_words.of_the_year(pooled) if pooled is not None else "Not measured",
    )
    rows = [{**lens._asdict(), "now": told} for lens, told in zip(LENSES, now, strict=True)]
    return html.table(rows, columns, caption="The lens for each decision")


def ledger_table(reading: AttributionReading) -> str:
    """What was read, used and left out."""
    columns = [Column("table", "Table"), Column("what", "What became of it"), Column("rows", "Rows", number, True)]
    rows = _plain(reading.ledger.to_dict("records"))
    told = [row for row in rows if row["rows"] or row["what"] == "read"]
    return html.table(told, columns, caption="What was read, used and left out")


def _plain(rows: list[Any]) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in rows]


def _credited(row: CreditRow | None) -> str:
    return "" if row is None else "refused" if row.conversions is None else number(row.conversions, 1)


def _with_interval(row: CreditRow) -> dict[str, Any]:
    between = (
        "" if row.conversions_lower is None else f"{number(row.conversions_lower)} to {number(row.conversions_upper)}"
    )
    return {
        "channel": row.channel, "conversions": _credited(row), "between": between, "value": row.value,
        "reason": row.reason,
    }  # fmt: skip


def _times(ratio: float) -> str:
    return f"{ratio:.2f}"
