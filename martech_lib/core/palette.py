"""The colours of the whole product: distinct for colour-blind eyes (Okabe and Ito), the same in charts and pages."""

from __future__ import annotations

INK = "#1b2733"
MUTED = "#6b7785"
LINE = "#d5dbe1"
BLUE = "#0072b2"
ORANGE = "#d55e00"
GREEN = "#009e73"
YELLOW = "#e69f00"
SKY = "#56b4e9"
PURPLE = "#cc79a7"
GREY = "#9aa5b1"

DECISION_COLOURS = {
    "Keep": GREEN,
    "Re-evaluate": YELLOW,
    "Consolidate": SKY,
    "Drop": ORANGE,
    "Replace": PURPLE,
    "Fix": BLUE,
}
SEVERITY_COLOURS = {"critical": "#8b1a1a", "high": ORANGE, "medium": YELLOW, "low": SKY, "info": GREY}
