"""An executed notebook -> one self-contained page; the index of the report; the sheets that are printed as PDF.

A page holds no script and asks for nothing: its content security policy forbids both, so that a text in the data that
slipped through as markup could still not run.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from martech_lib.core import places
from martech_lib.core.results import Reading
from martech_lib.workbook import html as markup

HIDDEN_TAGS = frozenset({"parameters", "injected-parameters", "app-only"})
SHOWN_TYPES = ["text/html", "image/svg+xml", "image/png", "image/jpeg", "text/markdown", "text/plain"]
WIDGET = "application/vnd.jupyter.widget-view+json"
SAY = re.compile(r'<p class="[^"]*\bwb-say\b[^"]*"[^>]*>(.*?)</p>', re.DOTALL)
TAG = re.compile(r"<[^>]+>")
KEY_METRICS = (
    "stack.tools",
    "stack.annual_cost",
    "stack.share_of_budget",
    "stack.tools_per_fte",
    "stack.roi",
    "stack.findings",
    "stack.tools_after",
    "stack.annual_cost_after",
    "stack.saving_run_rate",
    "stack.saving_in_year",
    "attribution.agreement_w",
    "experiments.shipped_per_quarter",
    "experiments.winners_held",
    "personalization.programs_won",
    "personalization.incremental_conversions",
)
MOST_TILES = 16


class Link(NamedTuple):
    """A page of the report: its title for people and its file."""

    title: str
    href: str


@dataclass(frozen=True)
class Cover:
    """What every page of one report says about it.

    Attributes:
        company: The company's name; "" when the workspace has none.
        month: In words, "October 2026".
        made: When the report was made, in words.
        data: From what data, without secrets.
        inputs: Table name -> SHA-256 of what was read.
        links: The pages, in order.
    """

    company: str
    month: str
    made: str
    data: str
    links: tuple[Link, ...]
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Company and month."""
        return " · ".join(part for part in (self.company, self.month) if part)


class Page(NamedTuple):
    """A finished notebook: its link, its body (HTML), and the sentences it says first."""

    link: Link
    body: str
    says: tuple[str, ...]


def title_of(cells: Iterable[Mapping[str, Any]], *, otherwise: str) -> str:
    """The first level-one heading of a notebook, which is its title for people."""
    for cell in cells:
        if cell["cell_type"] == "markdown":
            for line in "".join(cell["source"]).splitlines():
                if line.startswith("# "):
                    return line[2:].strip()
    return otherwise


def body_of(notebook: Any) -> str:
    """The cells of an executed notebook (an nbformat node) as HTML: text and outputs, no code, no widget, no log."""
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    config = Config(
        {
            "NbConvertBase": {"display_data_priority": SHOWN_TYPES},
            "HTMLExporter": {"exclude_input": True, "exclude_anchor_links": True, "default_preprocessors": []},
        }
    )
    exporter = HTMLExporter(
        config=config,
        template_name="martech_report",
        extra_template_basedirs=[str(places.template_dir() / "nbconvert")],
    )
    body, _ = exporter.from_notebook_node(_presentable(notebook))
    return str(body)


def sentences(body: str, most: int = 1) -> tuple[str, ...]:
    """The first sentences that a page says about its numbers, as plain text."""
    found = (html.unescape(TAG.sub("", text)).strip() for text in SAY.findall(body))
    return tuple(text for text in found if text)[:most]


def page_html(page: Page, cover: Cover) -> str:
    """The whole page of one notebook."""
    return _render("page.html.j2", cover, title=page.link.title, body=Markup(page.body), here=page.link.href)


def index_html(
    pages: Sequence[Page],
    cover: Cover,
    *,
    readings: Sequence[Mapping[str, Any]],
    files: Sequence[str],
) -> str:
    """The index: the scorecard, a card per page, the files that go with the report, from what it was made."""
    return _render(
        "index.html.j2", cover, title="Overview", pages=pages, tiles=scorecard(readings), files=files, here="index.html"
    )


def print_html(pages: Sequence[Page], cover: Cover, *, readings: Sequence[Mapping[str, Any]]) -> str:
    """Index and pages as the sheets of one document, to be printed; its links stay inside the document."""
    sheets = [
        page._replace(link=Link(page.link.title, f"#sheet-{i}"), body=Markup(page.body))
        for i, page in enumerate(pages, start=1)
    ]
    return _render("print.html.j2", cover, title="Report", pages=sheets, tiles=scorecard(readings), files=(), here="")


def scorecard(readings: Sequence[Mapping[str, Any]]) -> Markup:
    """The key readings as tiles; where there is none of them, the first of the others."""
    whole = [r for r in readings if not r.get("segment")]
    key = sorted((r for r in whole if r["metric"] in KEY_METRICS), key=lambda r: KEY_METRICS.index(r["metric"]))
    shown = [Reading(**{name: r[name] for name in Reading._fields if name in r}) for r in key or whole[:MOST_TILES]]
    return Markup(markup.tiles(shown)) if shown else Markup("")


def _presentable(notebook: Any) -> Any:
    """A copy without widgets, hidden cells and what a kernel wrote to its error stream."""
    shown = notebook.copy()
    shown.metadata = {key: value for key, value in notebook.metadata.items() if key != "widgets"}
    shown.cells = [_shown_cell(c) for c in notebook.cells if not HIDDEN_TAGS & set(c.metadata.get("tags", []))]
    return shown


def _shown_cell(cell: Any) -> Any:
    if cell.cell_type != "code":
        return cell
    shown = cell.copy()
    shown.outputs = [o for o in cell.outputs if WIDGET not in o.get("data", {}) and o.get("name") != "stderr"]
    return shown


def _render(template: str, cover: Cover, **values: Any) -> str:
    folder = places.template_dir()
    environment = Environment(loader=FileSystemLoader(folder), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    stylesheet = Markup((folder / "workbook.css").read_text(encoding="utf-8"))
    return environment.get_template(template).render(cover=cover, stylesheet=stylesheet, **values)
