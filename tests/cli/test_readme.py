"""The README against what it describes: its set-up, every key, every component, every verb and exit code."""

import dataclasses
import itertools
import re
import typing
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import typer
from command_line import ROOT, bpnet

from bpnet.config.schema import Config, Preprocessing
from bpnet.config.shorthand import dataclasses_in, hints, kind_of
from bpnet.engine.activations import AnyActivation
from bpnet.engine.initializers import AnyInitializer
from bpnet.engine.layers import AnyLayer
from bpnet.engine.losses import AnyLoss
from bpnet.engine.optimizers import AnyOptimizer
from bpnet.engine.schedules import AnySchedule
from bpnet.errors import BpnetError

README = (ROOT / "README.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in README.splitlines()
    if line.startswith("|")
]
FAMILIES = {
    "layers": AnyLayer,
    "activations": AnyActivation,
    "losses": AnyLoss,
    "optimizers": AnyOptimizer,
    "schedules": AnySchedule,
    "initializers": AnyInitializer,
}


def keys(section: type, path: str = "") -> Iterator[tuple[str, str]]:
    """Each key of the schema, as (section, key); the keys of components are not among them."""
    for key, hint in hints(section).items():
        inner = [one for one in dataclasses_in(hint) if kind_of(one) is None]
        yield path, key
        for one in inner:
            yield from keys(one, f"{path}.{key}".removeprefix("."))


def described(cell: str) -> list[str]:
    """The keys that a row's first cell names: `a.b`, `.c` are a.b and a.c."""
    names: list[str] = []
    for word in re.findall(r"`([^`]+)`", cell):
        names.append(
            f"{names[-1].rpartition('.')[0]}{word}" if word.startswith(".") and names else word
        )
    return names


def keys_table() -> list[list[str]]:
    """The rows of the table whose first column is `key`."""
    start = next(k for k, row in enumerate(ROWS) if row[0] == "key")
    return list(
        itertools.takewhile(lambda row: len(row) == 3 and described(row[0]), ROWS[start + 2 :])
    )


def words(text: str) -> set[str]:
    """The words inside backquotes."""
    return {
        word for quoted in re.findall(r"`([^`]+)`", text) for word in re.findall(r"\w+", quoted)
    }


def fenced(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> dict[str, Any]:
    from bpnet.cli.app import app

    bpnet("--version")
    return typer.main.get_command(app).commands  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(("section", "key"), list(keys(Config)), ids=lambda part: part or "top")
def test_every_key_of_a_config_is_in_the_tables(section: str, key: str) -> None:
    path = f"{section}.{key}".removeprefix(".")
    for first, *rest in (row for row in ROWS if row):
        named = described(first)
        if path in named or any(name.startswith(f"{path}.") for name in named):
            return
        if section in named and key in words(" ".join(rest)):
            return
    pytest.fail(f"README.md's table of keys does not say what {path} is")


def test_every_key_in_the_table_is_one_of_a_config() -> None:
    known = {f"{section}.{key}".removeprefix(".") for section, key in keys(Config)}
    table = keys_table()
    assert len(table) > 30
    unknown = {name for row in table for name in described(row[0])} - known
    assert unknown == set()


@pytest.mark.parametrize(
    ("family", "component"),
    [(family, component) for family, union in FAMILIES.items() for component in get_args(union)],
    ids=lambda part: part if isinstance(part, str) else kind_of(part),
)
def test_every_component_is_in_the_table(family: str, component: type) -> None:
    (row,) = [row for row in ROWS if row[0] == family]
    assert kind_of(component) in words(row[1])


@pytest.mark.parametrize("key", ["numeric", "categorical", "missing"])
def test_every_kind_of_preprocessing_is_in_the_table(key: str) -> None:
    rows = [row for row in ROWS if row and f"dataset.preprocessing.{key}" in described(row[0])]
    kinds = {kind_of(one) for one in dataclasses_in(hints(Preprocessing)[key])}
    assert rows, f"README.md's table of keys does not say what dataset.preprocessing.{key} is"
    assert kinds <= words(" ".join(rows[0][1:]))


def test_no_component_in_the_table_is_made_up() -> None:
    for family, union in FAMILIES.items():
        (row,) = [row for row in ROWS if row[0] == family]
        named = words(re.sub(r"\([^)]*\)", "", row[1]))
        assert named <= {kind_of(component) for component in get_args(union)}, family


def test_defaults_in_the_table_are_those_of_the_schema() -> None:
    defaults = {row[0]: row[2] for row in ROWS if len(row) == 3}
    fields: dict[str, Any] = {}

    def collect(section: type, path: str = "") -> None:
        for field in dataclasses.fields(section):
            default = (
                field.default
                if field.default_factory is dataclasses.MISSING
                else field.default_factory()
            )
            fields[f"{path}.{field.name}".removeprefix(".")] = default
            inner = typing.get_type_hints(section)[field.name]
            if (
                dataclasses.is_dataclass(inner)
                and isinstance(inner, type)
                and kind_of(inner) is None
            ):
                collect(inner, f"{path}.{field.name}".removeprefix("."))

    collect(Config)
    checked = 0
    for cell, shown in defaults.items():
        values = [value.strip().strip("`") for value in shown.split(",")]
        for name, value in zip(described(cell), values, strict=False):
            if isinstance(fields.get(name), int | float) and re.fullmatch(r"[0-9.]+", value):
                assert float(value) == fields[name], name
                checked += 1
            elif hasattr(fields.get(name), "kind"):
                assert value == fields[name].kind, name
                checked += 1
    assert checked >= 6


def test_the_set_up_commands_are_those_that_ci_runs() -> None:
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    blocks = [block.strip() for block in fenced("sh") if "venv" in block]
    assert len(blocks) == 2
    assert all(block in ci for block in blocks)
    assert all("\n" not in block for block in blocks)


def test_every_verb_in_the_readme_exists_and_every_verb_is_in_it() -> None:
    shown = set(re.findall(r"(?:\$ |`|/)bpnet ([a-z]+)", README))
    assert set(commands()) == shown


def test_every_option_in_the_readme_exists() -> None:
    parameters = [parameter for command in commands().values() for parameter in command.params]
    known = {option for one in parameters for option in [*one.opts, *one.secondary_opts]}
    shown = set(re.findall(r"(?<![\w-])(--[a-z]+(?:-[a-z]+)*|-o)\b", README))
    assert shown <= known | {"--help", "--version"}


def test_every_exit_code_is_in_the_table() -> None:
    listed = {int(row[0]) for row in ROWS if len(row) == 2 and row[0].isdigit()}
    kinds: list[type[BpnetError]] = [*BpnetError.__subclasses__()]
    assert listed == {0, 1, *(kind.exit_code for kind in kinds)} | {130}


def test_every_config_is_named_in_the_readme() -> None:
    for config in (ROOT / "configs").glob("*.yaml"):
        assert config.stem in README, f"configs/{config.name} is not in README.md"


def test_every_file_of_the_shown_commands_is_there() -> None:
    for path in set(re.findall(r"\bconfigs/\w+\.yaml", README)):
        assert (ROOT / path).is_file()
