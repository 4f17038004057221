"""The register: a plan that passes the gate gets an id and a row, and a card that shows whether it was changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from martech_lib.core.errors import SHOWN_CHARACTERS, UserError, shown
from martech_lib.core.rows import Row, rows_of
from martech_lib.core.spreadsheet import cell_text
from martech_lib.experiments.declared import split_of
from martech_lib.experiments.method_words import RULE_NAMES
from martech_lib.experiments.plan import Plan, plan_from

if TYPE_CHECKING:
    from martech_lib.core.workspace import Workspace

CARDS = "plans"  # the folder of a workspace that holds the cards
FIRST = "X-001"
COMPARED = (
    "name", "hypothesis", "primary_metric", "downstream_metric", "variables_changed", "tails", "alpha", "power", "mde",
    "method", "split", "looks_planned", "guardrail_metrics", "planned_n", "allocation",
)  # fmt: skip
BEFORE = 15  # characters that are shown before the first one that differs
KIND_NAMES = {"rate": "two proportions", "mean": "Welch", "ratio": "ratio by the delta method"}


class Registered(NamedTuple):
    """A plan in the register.

    Attributes:
        id: Its id.
        fingerprint: Of what was declared.
        row: The register's row, column -> value.
        card: The YAML card.
        where: The files that hold the two, in words.
    """

    id: str
    fingerprint: str
    row: Mapping[str, Any]
    card: str
    where: str


class Card(NamedTuple):
    """A card, read.

    Attributes:
        id: Its id.
        plan: What it declares now.
        is_as_registered: Whether that is what was registered.
        fingerprint: That of the registration.
    """

    id: str
    plan: Plan
    is_as_registered: bool
    fingerprint: str


def register(ws: Workspace, plan: Plan, *, start: date | None = None) -> Registered:
    """Write a plan into the register of a workspace, with its card beside it.

    Args:
        ws: A workspace that is a folder.
        plan: A plan that passes all six rules.
        start: Its first day, where known.

    Raises:
        UserError: A rule is not passed, the name stands in the register, or the files cannot be written.
    """
    refuse_what_does_not_pass(plan)
    known = ws.register("experiments") if ws.has("experiments") else None
    ids = [] if known is None else [str(one) for one in known["id"]]
    names = {str(name).casefold() for name in known["name"].dropna()} if known is not None and "name" in known else ()
    if plan.name.casefold() in names:
        raise UserError(
            f"The register has '{shown(plan.name)}' already; a changed plan is another: give it another name."
        )
    new = next_id([*ids, *cards_of(ws)[0]])
    card, row = card_of(plan, new), row_of(plan, new, start=start)
    beside = ws.keep(f"{CARDS}/{new}.yaml", card)
    try:
        where = ws.append("experiments", row)
    except UserError:
        ws.unkeep(beside)  # a card without a row would stand in the way of the next try
        raise
    return Registered(new, plan.fingerprint, row, card, f"{where}, and {beside}")


def refuse_what_does_not_pass(plan: Plan) -> None:
    """Raise UserError where a rule of the gate is not passed; the message lists what is missing."""
    gate = plan.gate
    lacking = gate.loc[~gate["passed"], "missing"]
    if len(lacking):
        raise UserError("The plan does not pass the gate. " + " ".join(f"{_sentence(said)}" for said in lacking))


def next_id(ids: Iterable[str]) -> str:
    """The id after the highest of its kind: X-014 after X-013."""
    # What else an id may hold makes no name of a file.
    found = [match for match in (re.fullmatch(r"([\w .-]*?)(\d+)", one.strip()) for one in ids) if match]
    if not found:
        return FIRST
    last = max(found, key=lambda match: (int(match[2]), match[1]))
    return f"{last[1]}{int(last[2]) + 1:0{len(last[2])}d}"


def row_of(plan: Plan, new: str, *, start: date | None = None) -> dict[str, Any]:
    """The plan as a row of experiments.csv. Raises UserError where start is no day."""
    if start is not None and not isinstance(start, date):
        raise UserError(f"start came as '{shown(start)}'; allowed is a date, such as date(2026, 8, 31).")
    start = start.date() if isinstance(start, datetime) else start
    end = start + timedelta(weeks=plan.weeks) - timedelta(days=1) if start and plan.weeks else None
    return {
        "id": new,
        "name": plan.name,
        "surface": plan.surface,
        "hypothesis": plan.hypothesis,
        "primary_metric": plan.primary_metric,
        "downstream_metric": plan.downstream_metric,
        "variables_changed": plan.variables_changed,
        "tails": plan.tails,
        "alpha": plan.alpha,
        "power": plan.power,
        "mde": round(plan.relative_effect, 6),
        "method": method_of(plan),
        "split": "/".join(f"{100 * share:.8g}" for share in plan.split),
        "looks_planned": plan.looks,
        "guardrail_metrics": "; ".join(plan.guardrail_metrics),
        "allocation": "fixed",
        "fingerprint": plan.fingerprint,
        "planned_n": plan.total_units,
        "planned_end": end,
        "start": start,
    }


def method_of(plan: Plan) -> str:
    """The test and its rule for looks in words: "two proportions, O'Brien-Fleming, 3 looks"."""
    parts = [KIND_NAMES[plan.kind], RULE_NAMES[plan.rule]]
    parts += [f"{plan.looks} looks"] if plan.looks > 1 else []
    parts += [plan.many.capitalize()] if len(plan.split) > 2 else []
    parts += ["CUPED"] if plan.correlation else []
    return ", ".join(parts)


def card_of(plan: Plan, new: str = "") -> str:
    """The plan as a YAML card; a draft without an id."""
    import yaml

    told = {
        **({"id": new} if new else {}),
        "fingerprint": plan.fingerprint,
        "plan": {name: value for name, value in plan.declared.items() if value not in (None, "", [])},
        "follows": {
            "units_control": plan.sample_size,
            "units_all_arms": plan.total_units,
            "weeks": plan.weeks,
            "boundaries_z": [round(z, 6) for z in plan.boundaries if z < float("inf")],
            "method": method_of(plan),
        },
    }
    said = "Registered before it started" if new else "A draft, in no register"
    head = f"# {said}. Change what `plan` declares of the test, and its fingerprint is another.\n"
    return head + str(yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=100))


def read_card(text: str) -> Card:
    """A card as it stands.

    Raises:
        UserError: It is no card, or declares what is not allowed.
    """
    import yaml

    try:
        told = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:  # a date or a number that is none is a ValueError
        raise UserError(f"The card is no YAML: {shown(str(error).splitlines()[0])}.") from error
    if not isinstance(told, dict) or not isinstance(told.get("plan"), dict) or "fingerprint" not in told:
        raise UserError("The card lacks `id`, `fingerprint` or `plan`; take it as it was downloaded.")
    _refuse_nested(told["plan"])
    plan = plan_from(told["plan"])
    written = str(told["fingerprint"])
    return Card(str(told.get("id", "")), plan, plan.fingerprint == written, written)


def _refuse_nested(plan: Mapping[Any, Any]) -> None:
    """Raise UserError for lists of lists and the like: by anchors a few words of YAML can stand for gigabytes."""
    for name, value in plan.items():
        parts = value if isinstance(value, list) else [value]
        if not isinstance(name, str) or any(isinstance(part, (list, dict, set)) for part in parts):
            raise UserError("The card's plan holds more than words, numbers and lists of them; take it as downloaded.")


def plan_of_card(text: str) -> Plan:
    """The plan of a card; raises UserError when it is no card or was changed."""
    return as_registered(read_card(text))


def as_registered(card: Card) -> Plan:
    """The plan of a card that nobody has changed since. Raises UserError."""
    if not card.is_as_registered:
        raise UserError(
            f"The plan of {card.id or 'this card'} was changed after it was registered: its fingerprint is "
            f"{card.plan.fingerprint[:12]}…, registered was {card.fingerprint[:12]}…. Read it by the plan that was "
            "registered, or register the changed one as another experiment."
        )
    return card.plan


def cards_of(ws: Workspace) -> tuple[dict[str, Card], tuple[str, ...]]:
    """The cards of a workspace by id, and what is wrong with those that cannot be read."""
    found: dict[str, Card] = {}
    faults = []
    for name, text in ws.kept(CARDS).items():
        try:
            card = read_card(text)
            if card.id in found:
                faults.append(f"{CARDS}/{name}: {card.id or 'a card without an id'} has another card")
            found[card.id] = card
        except UserError as error:
            faults.append(f"{CARDS}/{name}: {error}")
    return found, tuple(faults)


def edited(ws: Workspace) -> tuple[str, ...]:
    """What does not fit: cards that were changed, rows that are not as their card, one of the two without the other."""
    cards, faults = cards_of(ws)
    said = [*faults]
    said += [f"{one} was changed after it was registered" for one, card in cards.items() if not card.is_as_registered]
    rows = rows_of(ws.register("experiments")) if ws.has("experiments") else []
    there = {name.rpartition(".")[0] for name in ws.kept(CARDS)} | {*cards}
    for row in rows:
        one = str(row["id"])
        if one in cards:
            said += _unlike(row, cards[one])
        elif ws.is_folder and row.get("fingerprint") is not None and one not in there:
            said.append(f"{one} was registered with a card, and {CARDS} holds none of it")
    ids = {str(row["id"]) for row in rows}
    said += [f"{one} has a card, and no row in the register" for one in cards if one and one not in ids]
    return tuple(said)


def _unlike(row: Row, card: Card) -> Iterator[str]:
    """Where a row of the register is not as its card."""
    if row.get("fingerprint") is None:
        yield f"the fingerprint of {row['id']} in the register is blank, and its card has one"
    elif str(row["fingerprint"]) != card.fingerprint:
        yield f"the fingerprint of {row['id']} in the register is not that of its card"
        return
    if card.is_as_registered:
        declared = row_of(card.plan, card.id)
        for column in COMPARED:
            there, told = row.get(column), declared[column]
            if _plain(column, there) != _plain(column, told):
                here, by_card = _apart(cell_text(there), cell_text(told))
                yield f"{row['id']} has {column} '{here}' in the register and '{by_card}' by its card"


def _apart(one: str, other: str) -> tuple[str, str]:
    """Two texts in short, from a little before what differs where that would be cut off."""
    one, other = (" ".join(text.split()) for text in (one, other))
    pairs = enumerate(zip(one.casefold(), other.casefold(), strict=False))
    at = next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
    start = at - BEFORE if at > SHOWN_CHARACTERS - BEFORE else 0
    mark = "…" if start else ""
    return shown(f"{mark}{one[start:]}"), shown(f"{mark}{other[start:]}")


def _plain(column: str, value: Any) -> Any:
    """A cell so that what is written otherwise and means the same is equal."""
    if column == "split" and value is not None:
        with suppress(UserError):  # what is no split is compared as it stands
            return tuple(round(share, 6) for share in split_of(value))
    if column == "guardrail_metrics":
        return sorted(" ".join(name.split()).casefold() for name in cell_text(value).split(";"))
    return " ".join(cell_text(value).split()).casefold()


def _sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}."
