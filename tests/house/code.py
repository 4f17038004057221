"""Read the package's source as trees: modules, what they import, their functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "martech_lib"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One source file: its path inside the package, its dotted parts, its syntax tree."""

    path: Path
    parts: tuple[str, ...]
    is_package: bool
    tree: ast.Module

    @property
    def room(self) -> str:
        """The folder under the package (`core`, `stack`, ...), or "" for the package's own file."""
        return self.parts[1] if len(self.parts) > 1 else ""

    def __str__(self) -> str:
        return "/".join(self.path.parts)


def modules(root: Path = ROOT) -> list[Module]:
    """Every module of the package under `root`."""
    return [_read(path, root) for path in sorted((root / PACKAGE).rglob("*.py")) if "share" not in path.parts]


def _read(path: Path, root: Path) -> Module:
    inside = path.relative_to(root)
    is_package = path.name == "__init__.py"
    parts = inside.parent.parts if is_package else inside.with_suffix("").parts
    return Module(inside, parts, is_package, ast.parse(path.read_text(encoding="utf-8")))


def imports(module: Module, *, at_top_only: bool = False) -> set[str]:
    """Dotted names that the module imports, in functions too, `import_module("...")` included.

    `from a import b` gives `a` and `a.b`, since b may be a module. Imports under `if TYPE_CHECKING` do not count: they
    never run.
    """
    found: set[str] = set()
    for node in _running(module.tree, into_functions=not at_top_only):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, module)
            found.update([base, *(f"{base}.{alias.name}" for alias in node.names)])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found.update(a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str))
    return found


def _running(node: ast.AST, *, into_functions: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, Function) and not into_functions:
            continue
        yield child
        yield from _running(child, into_functions=into_functions)


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    if not node.level:
        return node.module or ""
    climb = node.level - 1 if module.is_package else node.level
    base = module.parts[: len(module.parts) - climb]
    return ".".join([*base, *(node.module or "").split(".")]).rstrip(".")


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Every function and method, nested ones too, with its dotted name inside the module."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, Function):
            yield prefix + child.name, child
            yield from functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.ClassDef):
            yield from functions(child, f"{prefix}{child.name}.")
        else:
            yield from functions(child, prefix)


def is_public(name: str) -> bool:
    """True when no part of a dotted name begins with an underscore."""
    return not any(part.startswith("_") for part in name.split("."))


def is_part_of(name: str, package: str) -> bool:
    """True when the dotted `name` is `package` or lies in it."""
    return name == package or name.startswith(package + ".")
