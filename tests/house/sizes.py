"""How large a file, a function and a parameter list may be."""

from __future__ import annotations

import ast
from pathlib import Path

from .code import ROOT, Function, functions, is_public, modules

FILE_LINES = 350
FUNCTION_LINES = 60
MEAN_FUNCTION_LINES = 15  # the aim is about 12
PARAMETERS = 6
AS_CALLED = {  # signatures that outside callers rely on
    "martech_lib.attribution.credit: credit": 7,
    "martech_lib.experiments.sizes: sample_size": 8,
    "martech_lib.personalization.holdout: read_holdout": 8,
}
POSITIONAL = 4  # the data; options after it are keyword-only


def size_faults(root: Path = ROOT) -> list[str]:
    """Every file, function and parameter list of the package under `root` that is too large, one sentence each."""
    found: list[str] = []
    for module in modules(root):
        lines = len((root / module.path).read_text(encoding="utf-8").splitlines())
        if lines > FILE_LINES:
            found.append(f"{module} has {lines} lines, at most {FILE_LINES}")
        for name, function in functions(module.tree):
            most = AS_CALLED.get(f"{'.'.join(module.parts)}: {name}", PARAMETERS)
            found += [f"{module}: {name} {fault}" for fault in _function_faults(name, function, most)]
    return found


def _function_faults(name: str, function: Function, most: int = PARAMETERS) -> list[str]:
    found = []
    positional, with_default, keyword_only = _parameters(function)
    everything = positional + keyword_only
    if length(function) > FUNCTION_LINES:
        found.append(f"has {length(function)} lines, at most {FUNCTION_LINES}")
    if everything > most:
        found.append(f"takes {everything} parameters, at most {most}")
    if not is_public(name):
        return found
    if positional > POSITIONAL:
        found.append(f"takes {positional} parameters by position, at most {POSITIONAL}: the rest go after *")
    elif with_default and everything > 2:
        found.append("takes options by position: with more than two parameters, those with a default go after *")
    return found


def _parameters(function: Function) -> tuple[int, int, int]:
    """Count positional parameters (self and cls apart), those of them with a default, and keyword-only ones."""
    arguments = function.args
    names = [argument.arg for argument in arguments.posonlyargs + arguments.args]
    bound = names[:1] in (["self"], ["cls"])
    return len(names) - bound, len(arguments.defaults), len(arguments.kwonlyargs)


def length(function: Function) -> int:
    """Lines from `def` to the last, docstring included, decorators not."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def mean_function_length(root: Path = ROOT) -> float:
    """The mean length of the package's functions, in lines."""
    lengths = [length(function) for module in modules(root) for _, function in functions(module.tree)]
    return sum(lengths) / max(len(lengths), 1)


def docstring_faults(root: Path = ROOT) -> list[str]:
    """Modules, and public classes and functions at module level, without a docstring."""
    found = []
    for module in modules(root):
        if not ast.get_docstring(module.tree):
            found.append(f"{module} has no docstring")
        for node in module.tree.body:
            named = isinstance(node, Function | ast.ClassDef) and is_public(node.name)
            if named and not ast.get_docstring(node):
                found.append(f"{module}: {node.name} is public and has no docstring")
    return found
