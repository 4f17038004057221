"""Where the data is, said so that a kernel finds it from any folder."""

from __future__ import annotations

from pathlib import Path

from martech_lib.core.database import is_url

FILE_DATABASES = ("duckdb", "sqlite")


def absolute(data: str) -> str:
    """The same source with an absolute path; a kernel's working folder is not the user's."""
    if not is_url(data):
        return str(Path(data).expanduser().resolve())
    scheme, rest = data.split("://", 1)
    path, question, options = rest.partition("?")
    if scheme not in FILE_DATABASES or not path or ":" in path:
        return data
    return f"{scheme}://{Path(path).expanduser().resolve()}{question}{options}"


def brief(data: str, *, masked: str) -> str:
    """The source as a report names it: a folder as seen from here, or by its name alone; a database without secrets."""
    if is_url(data):
        return masked
    folder, here = Path(data), Path.cwd()
    return folder.relative_to(here).as_posix() if folder.is_relative_to(here) and folder != here else folder.name
