"""The martech workbook: the analyses a marketing team runs on its own stack, as one small library.

Where things are
    core/         input tables, the workspace that holds them, the records every analysis returns
    stack/        the stack audit: inventory -> findings, decisions, savings, build order, roadmap
    attribution/  touches and conversions, in any engine -> credit by channel and model; all lenses -> a range
    experiments/  a hypothesis -> a plan with its size, weeks and looks -> a register -> a reading as it was planned
    personalization/  assignments and outcomes -> what a programme brought beyond its holdout; messages -> their faults
    workbook/     one notebook in three modes (lab, app, report) and the `martech` command

    >>> from martech_lib import Workspace, stack
    >>> audit = stack.audit(Workspace.open("data/sample/saas"))
    >>> audit.summary["stack.annual_cost"]
    520000.0

Public names load on first use, so that `import martech_lib` stays instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from martech_lib import attribution, experiments, personalization, stack
    from martech_lib.core.workspace import Workspace

__all__ = ["Workspace", "attribution", "experiments", "personalization", "stack"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "Workspace":
        return import_module("martech_lib.core.workspace").Workspace
    if name in ("attribution", "experiments", "personalization", "stack"):
        return import_module(f"martech_lib.{name}")
    raise AttributeError(f"module 'martech_lib' has no attribute {name!r}; it offers {', '.join(__all__)}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
