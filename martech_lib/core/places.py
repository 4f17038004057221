"""Where notebooks, samples and the page template live, in a checkout and in an installed wheel alike."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
SHARED_IN_WHEEL = PACKAGE / "share"
CHECKOUT = PACKAGE.parent


def notebooks_dir() -> Path:
    """The folder of the workbook's notebooks."""
    return _first(SHARED_IN_WHEEL / "notebooks", CHECKOUT / "notebooks")


def sample_dir() -> Path:
    """The folder whose sub-folders are the sample companies."""
    return _first(SHARED_IN_WHEEL / "sample", CHECKOUT / "data" / "sample")


def template_dir() -> Path:
    """The folder of the page templates and the stylesheet."""
    return PACKAGE / "workbook" / "template"


def _first(*candidates: Path) -> Path:
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the workbook is incomplete: {candidates[0].name} is in none of its places")
