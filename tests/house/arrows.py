"""Who may import whom: core <- themes <- workbook, and which libraries live in which room."""

from __future__ import annotations

from pathlib import Path

from .code import PACKAGE, ROOT, Module, imports, is_part_of, modules

# library -> the places (path prefixes or file names, inside the package) that may import it
HOMES: dict[str, tuple[str, ...]] = {
    "altair": ("workbook/", "*/charts.py"),
    "vl_convert": ("workbook/", "*/charts.py"),
    "ipywidgets": ("workbook/",),
    "anywidget": ("workbook/",),
    "papermill": ("workbook/report.py",),
    "nbconvert": ("workbook/pages.py",),
    "voila": ("workbook/",),
    "numpyro": ("*/media_mix.py",),
    "jax": ("*/media_mix.py",),
}
LAZY_ONLY = ("numpyro", "jax")  # heavy extras: imported inside functions
FRONT = ("charts", "words")  # what computation in the same theme must not know


def arrow_faults(root: Path = ROOT) -> list[str]:
    """Every import in the package under `root` that goes against the arrows, one sentence each."""
    found: list[str] = []
    for module in modules(root):
        found += _against_rooms(module)
        found += _away_from_home(module)
        found += _against_theme(module)
    return found


def _against_rooms(module: Module) -> list[str]:
    allowed = {"": None, "workbook": None, "core": {"core"}}.get(module.room, {"core", module.room})
    if allowed is None:
        return []
    rooms = {name.split(".")[1] for name in imports(module) if name.startswith(PACKAGE + ".")}
    package_itself = {"Workspace", "__version__"}  # names of the package's own __init__, not rooms
    return [f"{module} imports the room {room}" for room in sorted(rooms - allowed - package_itself)]


def _away_from_home(module: Module) -> list[str]:
    inside = "/".join(module.path.parts[1:])
    found = []
    for library, homes in HOMES.items():
        if not any(is_part_of(name, library) for name in imports(module)):
            continue
        if not any(_lives_in(inside, home) for home in homes):
            found.append(f"{module} imports {library}, which lives in {' and '.join(homes)}")
        if library in LAZY_ONLY and any(is_part_of(n, library) for n in imports(module, at_top_only=True)):
            found.append(f"{module} imports {library} at the top; it belongs inside a function")
    return found


def _lives_in(inside: str, home: str) -> bool:
    if home.startswith("*/"):
        return inside.endswith(home[1:])
    return inside.startswith(home)


def _against_theme(module: Module) -> list[str]:
    if module.room in ("", "core", "workbook") or module.is_package:
        return []
    theme = f"{PACKAGE}.{module.room}"
    if module.parts[-1] in FRONT:
        return []
    fronts = [f"{theme}.{front}" for front in FRONT]
    known = {front for front in fronts for name in imports(module) if is_part_of(name, front)}
    return [f"{module} computes, and imports {front}" for front in sorted(known)]
