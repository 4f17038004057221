"""What is tracked names no machine and no registry; the locks are pins and hashes; the docs name what exists."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from .code import ROOT

# Written backwards, so that this file does not name what it looks for.
HOSTS = [name[::-1] for name in ("gro.ipyp", "gro.detsohnohtyp.selif", "gro.sjmpn.yrtsiger", "gro.adnocana.adnoc")]
HOMES = ["/" + "root/", "/" + "work/", "/" + "home/", "/" + "Users/"]
# A home folder counts at the beginning of a path alone, not inside a longer path or a web address.
FORBIDDEN = re.compile("|".join([*map(re.escape, HOSTS), *(rf"(?<![\w.]){re.escape(home)}(?=\w)" for home in HOMES)]))

PIN = re.compile(r"[a-z0-9][a-z0-9-]*==[^\s;]+(?: ; [^\\]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")
LOCKS = ["requirements.lock", "requirements-dev.lock"]


def tracked(root: Path = ROOT) -> list[Path]:
    """Files that are in git or would be added to it."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=root, capture_output=True, text=True, check=True).stdout
    return [root / name for name in names.split("\0") if name and (root / name).is_file()]


def naming_faults(paths: list[Path]) -> list[str]:
    """Lines of text files that name a home folder or a package registry's host."""
    found = []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a picture, or a sample that is not UTF-8 on purpose
        found += [f"{path.name}:{n}: {line[:120]}" for n, line in enumerate(lines, 1) if FORBIDDEN.search(line)]
    return found


def test_no_file_names_this_machine_or_a_registry() -> None:
    paths = tracked()
    assert len(paths) > 50
    assert naming_faults(paths) == []


@pytest.mark.parametrize("text", [f"see https://{HOSTS[0]}/simple", f"cd {HOMES[0]}project", f'"{HOMES[3]}ann/x"'])
def test_a_named_machine_is_seen(text: str, tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_text(f"one\n{text}\n", encoding="utf-8")
    assert naming_faults([file]) == [f"a.md:2: {text}"]


def lock_faults(lines: list[str]) -> list[str]:
    """Lines of a lock that are neither an exact pin (with its platform marker) nor a hash of one."""
    wrong = [line for line in lines if not (PIN.fullmatch(line) or HASH.fullmatch(line))]
    bare = [a for a, b in zip(lines, [*lines[1:], ""], strict=True) if PIN.fullmatch(a) and not HASH.fullmatch(b)]
    return wrong + bare


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_pins_and_hashes_and_names_no_host(lock: str) -> None:
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    assert len(lines) > 500
    assert lock_faults(lines) == []


LOOSE = [
    ["numpy>=2 \\", f"    --hash=sha256:{'0' * 64}"],
    ["numpy==2.4.6"],
    ["numpy==2.4.6 \\", "six==1.17.0 \\", f"    --hash=sha256:{'0' * 64}"],
    ["--index-url https://example.com/simple"],
    ["numpy @ https://example.com/numpy.whl \\", f"    --hash=sha256:{'0' * 64}"],
]


@pytest.mark.parametrize("lines", LOOSE)
def test_a_loose_lock_is_seen(lines: list[str]) -> None:
    assert lock_faults(lines)


def test_the_contributors_lock_holds_the_users_lock_whole() -> None:
    """Else `make test` would run on other versions than `make report`."""
    run, dev = ((ROOT / lock).read_text(encoding="utf-8") for lock in LOCKS)
    pins = {line.rstrip(" \\") for line in run.splitlines() if not line.startswith(" ")}
    assert pins - {line.rstrip(" \\") for line in dev.splitlines()} == set()


def pyproject() -> dict[str, dict[str, str]]:
    parsed: dict[str, dict[str, str]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return parsed


def test_one_version_everywhere() -> None:
    import martech_lib

    version = pyproject()["project"]["version"]
    assert martech_lib.__version__ == version
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def shown_commands(text: str) -> list[str]:
    """The command lines in a document's shell blocks, comments and prompts taken off."""
    blocks = re.findall(r"```(?:sh|bash|shell|console)\n(.*?)```", text, flags=re.DOTALL)
    lines = [line.split("  #")[0].strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def subcommands() -> set[str]:
    asked = [sys.executable, "-m", "martech_lib.workbook.cli", "--help"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    listed = set(re.findall(r"^    ([a-z]+)\s", said, flags=re.MULTILINE))
    assert listed, said
    return listed


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_every_command_shown_exists(document: str) -> None:
    commands = shown_commands((ROOT / document).read_text(encoding="utf-8"))
    words = [[word for word in re.split(r"\s+", line) if word] for line in commands]
    made = {line[1] for line in words if line[0] == "make"}
    said = {line[1] for line in words if line[0].rsplit("/")[-1] == "martech" and not line[1].startswith("-")}
    assert made, f"{document} shows no make command"
    assert made - make_targets() == set()
    assert said - subcommands() == set()


def test_the_readme_shows_the_two_commands_first() -> None:
    commands = shown_commands((ROOT / "README.md").read_text(encoding="utf-8"))
    assert [line for line in commands if line.startswith("make")][:2] == ["make report", "make test"]


def test_every_public_command_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in sorted(subcommands()) if f"martech {name}" not in text] == []


def test_nothing_silences_warnings() -> None:
    """A warning is either mended or told; ruff's T20 keeps print out of the library in the same way."""
    sources = [path for path in tracked() if path.suffix in (".py", ".ipynb") and "house" not in path.parts]
    assert [path.name for path in sources if re.search(r"\bfilterwarnings\(", path.read_text(encoding="utf-8"))] == []
