"""One notebook in three modes: explored in JupyterLab, used as an app, rendered into the monthly report."""

from __future__ import annotations

import json
import math
import os
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from martech_lib.core import places
from martech_lib.core.database import is_url
from martech_lib.core.errors import did_you_mean, shown
from martech_lib.core.results import Result
from martech_lib.core.workspace import Workspace
from martech_lib.workbook import theme
from martech_lib.workbook.parameters import Parameter, ParameterError, parameters_of
from martech_lib.workbook.views import Drawn, Mode, Screen

SERVERS_OWN = ("token", "template", "theme")  # names that the server itself reads from a query


class Link(NamedTuple):
    """What a deep link asks for: parameters by name, and what was wrong with the others, in words."""

    values: Mapping[str, Any]
    faults: tuple[str, ...]


@dataclass(frozen=True)
class Book:
    """An opened notebook.

    Attributes:
        name: File name without its ending.
        mode: lab, app or report.
        workspace: The data.
        values: The notebook's parameters.
        screen: Its views.
    """

    name: str
    mode: Mode
    workspace: Workspace
    values: Mapping[str, Any]
    screen: Screen

    def publish(self, result: Result) -> None:
        """Hand a result's records to the report that is being made; nothing to do in the lab or an app."""
        folder = os.environ.get("MARTECH_RUN_DIR")
        if self.mode != "report" or not folder:
            return
        for kind, records in result.to_dict().items():
            text = json.dumps(records, allow_nan=False, ensure_ascii=False)
            Path(folder, f"{self.name}.{kind}.json").write_text(text, encoding="utf-8")

    def link(self) -> Link:
        """The query of an app's page, waiting for the page to be asked for.

        A warm kernel computes the notebook before there is a request, so this belongs in its last cell: all that
        came before is then ready when somebody opens the page. Where the workspace was written to meanwhile, the link
        asks for it once more.
        """
        if self.mode != "app":
            return Link({}, ())
        if os.environ.get("VOILA_PREHEAT") == "True":
            from voila.utils import wait_for_request

            wait_for_request()
        asked = _asked(_declared(self.name))
        if asked.values.get("data") or not self.workspace.has_changed:
            return asked
        return asked._replace(values={**asked.values, "data": self.workspace.source})


def begin(name: str, given: Mapping[str, Any]) -> Book:
    """Open a notebook: find out the mode, read its parameters, open the workspace.

    Args:
        name: The notebook's file name without its ending.
        given: The notebook's `globals()`; the names of its parameters cell are taken from it.

    Raises:
        UserError: The workspace is not there.
    """
    mode = current_mode()
    theme.enable()
    values = {key: given.get(key, parameter.default) for key, parameter in _declared(name).items()}
    source = values["data"] or os.environ.get("MARTECH_DATA") or str(places.sample_dir() / "saas")
    if mode == "lab":
        _show_stylesheet()
    return Book(name, mode, Workspace.open(source), values, Screen(mode))


def current_mode() -> Mode:
    """report when the runner says so, app under Voilà, else lab."""
    told = os.environ.get("MARTECH_MODE")
    if told == "report":
        return "report"
    return "app" if told == "app" or "VOILA_BASE_URL" in os.environ else "lab"


def _declared(name: str) -> dict[str, Parameter]:
    import nbformat

    notebook = nbformat.read(places.notebooks_dir() / f"{name}.ipynb", as_version=4)
    return parameters_of(notebook.cells, notebook=name)


def _asked(declared: Mapping[str, Parameter]) -> Link:
    """What the query string asks for; of a name that stands there twice the last one counts."""
    query = urllib.parse.parse_qs(os.environ.get("QUERY_STRING", ""), keep_blank_values=True)
    values, faults = {}, []
    for name, texts in query.items():
        try:
            if name and name not in SERVERS_OWN:
                values[name] = _typed(_named(declared, name), texts[-1])
        except ParameterError as fault:
            faults.append(str(fault))
    return Link(values, tuple(faults))


def _named(declared: Mapping[str, Parameter], name: str) -> Parameter:
    if name not in declared:
        hint = did_you_mean(name, declared)
        raise ParameterError(f"The link names '{shown(name)}'{hint or '.'} This page takes {', '.join(declared)}.")
    return declared[name]


def _typed(parameter: Parameter, text: str) -> Any:
    if parameter.name == "data" and text and not _is_folder(text):
        # A link from elsewhere must not make this machine open a database of its choosing.
        raise ParameterError(f"The link's data came as '{shown(text)}'; a link may only name a folder that is there.")
    if parameter.kind == "str":
        return text
    try:
        value = {"true": True, "false": False}.get(text.lower()) if parameter.kind == "bool" else json.loads(text)
        fits = value is not None and parameter.fits(value) and (parameter.kind != "float" or math.isfinite(value))
    except (ValueError, OverflowError, RecursionError):
        fits = False
    if not fits:
        raise ParameterError(f"The link's {parameter.name} came as '{shown(text)}'; allowed is {parameter.allowed()}.")
    return value


def _is_folder(text: str) -> bool:
    try:
        return not is_url(text) and Path(text).is_dir()
    except (OSError, ValueError):
        return False


def _show_stylesheet() -> None:
    from IPython.display import display

    display(Drawn(f"<style>{(places.template_dir() / 'workbook.css').read_text(encoding='utf-8')}</style>"))
