"""The audit of messages: what was sent unfilled, which templates would be, and what they give away of the reader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from martech_lib.core.errors import UserError
from martech_lib.core.limits import Limit, limits_of
from martech_lib.core.results import SEVERITIES, Finding, Reading, Result
from martech_lib.core.spoken import listed
from martech_lib.core.workspace import Workspace
from martech_lib.personalization.creep import NORMS, norm_of
from martech_lib.personalization.message_records import (
    no_templates,
    send_findings,
    send_readings,
    template_findings,
    template_records,
    unsent,
)
from martech_lib.personalization.sends import Sends, literal_tokens
from martech_lib.personalization.templates import TemplateReading, template_readings

READ = ("messages", "templates", "profile", "thresholds")
NO_MESSAGES = "no messages: supply messages.csv"
NO_TEMPLATES = "no templates: supply templates.csv"
NO_NORM = "needs business_model in profile.csv, or a norm"


@dataclass(frozen=True, kw_only=True)
class MessageAudit(Result):
    """What messages and their templates say.

    Attributes:
        sends: Messages by template with what was found, the most faulty first; empty without the log.
        templates: Templates in the order of the register; empty without it.
        norm: Whose norm the data used is held against; "" when unknown.
        strangers: Templates that messages name and the register does not have.
    """

    sends: tuple[Sends, ...] = ()
    templates: tuple[TemplateReading, ...] = ()
    norm: str = ""
    strangers: tuple[str, ...] = ()


def message_audit(ws: Workspace, *, norm: str = "") -> MessageAudit:
    """Audit a workspace's messages and templates; what is missing is "not measured" and names its file.

    Args:
        ws: The workspace.
        norm: "B2B SaaS", "consumer" or "finance"; "" takes the one that goes with the profile's business model.

    Raises:
        TableError: A table is there and wrong; the message lists what and where.
        UserError: The norm or a threshold makes no sense.
    """
    if norm and norm not in NORMS:
        raise UserError(f"norm came as {norm!r}; allowed are {listed(NORMS)}.")
    limits, profile = limits_of(ws), ws.profile
    norm = norm or norm_of(profile)
    register = ws.register("templates") if ws.has("templates") else None
    is_health, has_fallbacks = bool(profile.get("has_health_data")), register is not None and "fallback" in register
    read = () if register is None else template_readings(register, norm=norm, is_health=is_health)
    texts = {} if register is None else dict(zip(register["template"], register["text"], strict=True))
    sends, sent = _sent(ws, texts, limits)
    said = template_records(read, limits, has_fallbacks=has_fallbacks, needs_norm=NO_NORM)
    of_templates = no_templates(NO_TEMPLATES) if register is None else said
    found = [*send_findings(sends, limits), *template_findings(read, limits, has_fallbacks=has_fallbacks)]
    until = profile["as_of_date"].isoformat() if "as_of_date" in profile else ""
    return MessageAudit(
        reading_records=tuple(
            reading._replace(source=source, period=until)
            for source, readings in (("messages", sent), ("templates", of_templates))
            for reading in readings
        ),
        finding_records=tuple(_worst_first(found)),
        inputs={name: ws.fingerprint(name) for name in ws.tables if name in READ},
        sends=sends,
        templates=read,
        norm=norm,
        strangers=tuple(sorted({s.template for s in sends if s.template and s.template not in texts} if texts else ())),
    )


def _sent(
    ws: Workspace, texts: Mapping[str, str], limits: Mapping[str, Limit]
) -> tuple[tuple[Sends, ...], tuple[Reading, ...]]:
    """Messages by template, and the readings of them."""
    if not ws.has("messages"):
        return (), tuple(unsent(NO_MESSAGES))
    log = ws.log("messages")
    if not {"subject", "body"} & set(log.columns):
        return (), tuple(unsent("needs the column subject or body in messages.csv"))
    try:
        sends = literal_tokens(log, texts=texts)
    except UserError as error:
        return (), tuple(reading._replace(status="refused", reason=str(error)) for reading in unsent(""))
    return sends, tuple(send_readings(sends, limits))


def _worst_first(found: list[Finding]) -> Iterator[Finding]:
    yield from sorted(found, key=lambda f: (SEVERITIES.index(f.severity), f.rule))
