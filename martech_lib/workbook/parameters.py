"""What a notebook's parameters cell declares, and whether the values given fit it.

The cell tagged `parameters` is the schema: `alpha: float = 0.05  # two-sided error rate` declares a name, a type, a
default and a help text. papermill only warns of a misspelt name and never looks at a type, so both are checked here,
before a kernel starts.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from martech_lib.core.errors import UserError, did_you_mean

KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "str": ("text", (str,)),
    "int": ("a whole number", (int,)),
    "float": ("a number", (int, float)),
    "bool": ("True or False", (bool,)),
    "list": ("a list", (list, tuple)),
    "dict": ("a mapping", (dict,)),
}


class ParameterError(UserError):
    """A parameter is misspelt, has the wrong type, or the parameters cell cannot be read."""


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell.

    Attributes:
        name: The variable.
        kind: Its annotation as written: str, int, float, bool, list[str], ...
        default: Its value in the notebook.
        help: The comment on its line.
    """

    name: str
    kind: str
    default: Any
    help: str

    def fits(self, value: Any) -> bool:
        """Whether the value may be given for this parameter; a bool is not a number, a whole number is a float."""
        allowed = self._allowed()
        if isinstance(value, bool) and bool not in allowed:
            return False
        return not allowed or isinstance(value, allowed)

    def allowed(self) -> str:
        """What is allowed, in words."""
        words = KINDS.get(self._base(), (self.kind, ()))[0]
        return f"{words} ({self.kind})"

    def _base(self) -> str:
        return self.kind.split("[")[0].strip()

    def _allowed(self) -> tuple[type, ...]:
        return KINDS.get(self._base(), ("", ()))[1]


def parameters_of(cells: Iterable[Mapping[str, Any]], *, notebook: str) -> dict[str, Parameter]:
    """The parameters that the tagged cell of these notebook cells declares, by name, in their order.

    Raises:
        ParameterError: there is no such cell, it is no Python, or a line is not `name: type = value`.
    """
    for cell in cells:
        if "parameters" in cell.get("metadata", {}).get("tags", []):
            return _declared("".join(cell["source"]), notebook)
    raise ParameterError(f"{notebook} has no cell tagged parameters; it needs one that declares data and month")


def check_parameters(declared: Mapping[str, Parameter], given: Mapping[str, Any], *, notebook: str) -> None:
    """Refuse given values whose name is not declared or whose type is another; all faults in one message.

    Raises:
        ParameterError: says for each what came and what is allowed.
    """
    faults = [fault for name, value in given.items() if (fault := _fault(declared, name, value))]
    if faults:
        raise ParameterError("\n".join(f"{notebook}: {fault}" for fault in faults))


def _fault(declared: Mapping[str, Parameter], name: str, value: Any) -> str:
    if name not in declared:
        return f'there is no parameter "{name}"{did_you_mean(name, declared) or "."} It takes {", ".join(declared)}.'
    parameter = declared[name]
    if parameter.fits(value):
        return ""
    return (
        f'parameter "{name}" ({parameter.help or "no description"}): got {value!r}, '
        f"which is {_kind_of(value)}; allowed is {parameter.allowed()}."
    )


def _kind_of(value: Any) -> str:
    name = type(value).__name__
    words = KINDS.get(name, ("",))[0]
    return f"{words} ({name})" if words else f"a {name}"


def _declared(source: str, notebook: str) -> dict[str, Parameter]:
    try:
        statements = ast.parse(source).body
    except SyntaxError as broken:
        raise ParameterError(
            f"{notebook}: the parameters cell is no Python (its line {broken.lineno}: {broken.msg})"
        ) from None
    comments = _comments(source)
    found = [_parameter(statement, comments, notebook) for statement in statements]
    return {parameter.name: parameter for parameter in found}


def _parameter(statement: ast.stmt, comments: Mapping[int, str], notebook: str) -> Parameter:
    line = statement.lineno
    if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value):
        raise ParameterError(f"{notebook}: line {line} of the parameters cell is not of the form name: type = value")
    try:
        value = ast.literal_eval(statement.value)
    except ValueError:
        raise ParameterError(
            f"{notebook}: the default of {statement.target.id} in the parameters cell is no plain value"
        ) from None
    help_text = comments.get(statement.end_lineno or line, "")
    return Parameter(statement.target.id, ast.unparse(statement.annotation), value, help_text)


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ").rstrip() for t in tokens if t.type == tokenize.COMMENT}
