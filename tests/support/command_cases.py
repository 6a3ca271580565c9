"""Cases for tests of the command line: a config and a table, and commands that must be refused."""

import re
from dataclasses import dataclass
from pathlib import Path

from command_line import bpnet

CONFIG = """\
dataset:
  path: t.csv
  target: c
architecture: {hidden: [4]}
training:
  epochs: 3
"""

TABLE = "a,b,c\n" + "".join(f"{k % 7}.5,{k * 37 % 11},{'xy'[k % 2]}\n" for k in range(60))

REGRESSION = "a,b,c\n" + "".join(
    f"{k % 7}.5,{k * 37 % 11},{k * 1.37 + 0.5:.3f}\n" for k in range(60)
)

WEIGHTED = "a,b,w,c\n" + "".join(f"{k % 7},{k % 5},{1 + k % 3},{'xy'[k % 2]}\n" for k in range(60))


@dataclass(frozen=True)
class Case:
    """A command in a folder with c.yaml and t.csv, its exit code, and the parts of its message."""

    name: str
    code: int
    parts: tuple[str, ...]
    words: tuple[str, ...] = ("train", "c.yaml")
    settings: tuple[str, ...] = ()
    config: str | bytes = CONFIG
    table: str | bytes = TABLE


def sets(code: int, setting: str, *parts: str, **more: str | bytes) -> Case:
    return Case(setting, code, parts, settings=(setting,), **more)  # type: ignore[arg-type]


def reads(
    name: str, table: str | bytes, *parts: str, code: int = 4, settings: tuple[str, ...] = ()
) -> Case:
    return Case(name, code, parts, table=table, settings=settings)


def written(name: str, config: str | bytes, *parts: str, code: int = 3) -> Case:
    return Case(name, code, parts, config=config)


def rows_of(cells: str, count: int = 40) -> str:
    return "a,b,c\n" + "".join(eval(f'f"{cells}"', {"k": k}) + "\n" for k in range(count))


@dataclass(frozen=True)
class RunCase:
    """A command in a folder that also has the run runs/c-001 and a second table u.csv."""

    name: str
    code: int
    parts: tuple[str, ...]
    words: tuple[str, ...]
    other: str = ""
    damage: str = ""
    stdin: bytes = b""


def check_refusal(case: Case, folder: Path) -> None:
    """Run a case, and assert that it is refused as expected and leaves the folder unchanged."""
    folder = folder / "inner"  # the folder above is empty
    folder.mkdir()
    for name, content in (("c.yaml", case.config), ("t.csv", case.table)):
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    settings = [word for setting in case.settings for word in ("--set", setting)]
    said = bpnet(*case.words, *settings, cwd=folder)
    assert said.lacks(*case.parts) == [], said.err
    assert (said.code, said.out) == (case.code, "")
    errors = said.err.splitlines()
    if case.code == 3 and re.fullmatch(r"Next: bpnet explain( [\w.]+)?", errors[-1]):
        errors.pop()
    assert all(line.startswith("error: ") for line in errors) or case.code == 2
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
