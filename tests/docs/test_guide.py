"""The guide against bpnet itself: verbs, options, keys, components, exit codes, files, links."""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest
import typer
from command_line import ROOT, bpnet
from documents import GUIDE, Document, documents, guide_pages

import bpnet as package
from bpnet.config.loading import read_config
from bpnet.config.schema import Config, Member
from bpnet.config.shorthand import hints, kind_of
from bpnet.engine.activations import AnyActivation
from bpnet.engine.initializers import AnyInitializer
from bpnet.engine.layers import AnyLayer
from bpnet.engine.losses import AnyLoss
from bpnet.engine.optimizers import AnyOptimizer
from bpnet.engine.schedules import AnySchedule
from bpnet.errors import BpnetError

PAGES = guide_pages()
TEXT = "\n".join(page.text for page in PAGES)
QUOTED = {quoted for page in PAGES for quoted in page.quoted()}
FAMILIES = (AnyLayer, AnyActivation, AnyLoss, AnyOptimizer, AnySchedule, AnyInitializer)
WIDTH = 80
SECTIONS = ("dataset.", "architecture.", "training.")


def sections_in(hint: Any) -> Iterator[type]:
    """Every section and component that a hint allows, in lists and mappings too."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        yield hint
    for argument in get_args(hint):
        yield from sections_in(argument)


def keys(section: type, path: str = "") -> Iterator[str]:
    """The path of each key of the schema; the keys of components are not among them."""
    for key, hint in hints(section).items():
        yield f"{path}{key}"
        for inner in sections_in(hint):
            if kind_of(inner) is None and inner is not Member:  # whose keys are the config's
                yield from keys(inner, f"{path}{key}.")


def components(hint: Any = Config) -> Iterator[type]:
    """Every component that a config may name."""
    for section in sections_in(hint):
        if kind_of(section) is not None:
            yield section
        for inner in hints(section).values():
            yield from components(inner)


def is_key(path: list[str], hint: Any = Config) -> bool:
    """Return whether a path leads to a key, through positions, kinds or names of columns."""
    if not path:
        return True
    first, *rest = path
    if first.isdigit():
        return is_key(rest, hint)
    sections = list(sections_in(hint))
    of_kind = [one for one in sections if kind_of(one) == first]
    if of_kind:
        return is_key(rest, of_kind[0])
    if any(get_origin(one) is dict for one in (hint, *get_args(hint))):
        return is_key(rest, hint)  # the name of a column or class
    return any(first in hints(one) and is_key(rest, hints(one)[first]) for one in sections)


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def commands() -> dict[str, Any]:
    from bpnet.cli.app import app

    bpnet("--version")
    return typer.main.get_command(app).commands  # type: ignore[attr-defined, no-any-return]


def options(verb: str) -> list[list[str]]:
    """For each option of a verb its spellings."""
    return [
        [*one.opts, *one.secondary_opts]
        for one in commands()[verb].params
        if one.param_type_name == "option" and "--help" not in one.opts
    ]


# Pages


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_begins_with_its_title_and_a_line_that_sums_it_up(page: Document) -> None:
    title, blank, summary, after = page.text.splitlines()[:4]
    assert title.startswith("# ")
    assert (blank, after) == ("", "")
    assert 20 < len(summary) <= WIDTH - len("grids-and-cross-validation  ")
    assert summary.endswith(".")


@pytest.mark.parametrize("page", documents(), ids=str)
def test_text_fits_a_terminal(page: Document) -> None:
    wide = 120 if page.path.parent.name == "datasets" else WIDTH + 10
    lines = [line for line in page.prose.splitlines() if not re.match(r" *\|", line)]
    assert [line for line in lines if len(line) > wide and "](" not in line] == []


def test_every_page_is_listed_by_the_guide() -> None:
    said = bpnet("guide")
    listed = [line.split()[0] for line in said.out.splitlines()[1:-2]]
    assert sorted(listed) == sorted(page.path.stem for page in PAGES)
    assert max(map(len, said.out.splitlines())) <= WIDTH


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_is_shown(page: Document) -> None:
    said = bpnet("guide", page.path.stem)
    assert (said.code, said.out, said.err) == (0, page.text, "")


@pytest.mark.parametrize("page", documents(), ids=str)
def test_every_link_resolves(page: Document) -> None:
    for link in page.links():
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.path.parent / path).resolve() if path else page.path
        assert target.exists(), link
        assert not anchor or anchor in Document(target).anchors(), link


def test_the_changelog_names_the_current_version() -> None:
    versions = re.findall(r"^## (\S+)$", (GUIDE / "changelog.md").read_text("utf-8"), re.MULTILINE)
    assert versions[0] == package.__version__


# Verbs and options


@pytest.mark.parametrize("verb", sorted(commands()))
def test_every_verb_and_each_of_its_options_are_documented(verb: str) -> None:
    assert re.search(rf"(?:\$ |`|\| )bpnet {verb}\b", TEXT), verb
    documented = set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", TEXT))
    for spellings in options(verb):
        assert set(spellings) & documented, spellings


@pytest.mark.parametrize("page", documents(), ids=str)
def test_every_verb_named_exists(page: Document) -> None:
    named = re.findall(r"(?:\$ |`|\.venv/bin/|\| )bpnet ([a-z]+)", page.text)
    assert set(named) <= set(commands())


def test_every_option_named_exists() -> None:
    known = {one for verb in commands() for spellings in options(verb) for one in spellings}
    for page in documents():
        for quoted in [*page.quoted(), *(shown.command for shown in page.shown())]:
            if not quoted.startswith(("python ", "pip ")):
                named = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]*)", quoted))
                of_the_app = {"--help", "--version", "--install-completion", "--show-completion"}
                assert named <= known | of_the_app, (str(page), quoted)


# Keys and components


@pytest.mark.parametrize("key", sorted(set(keys(Config))))
def test_every_key_is_documented(key: str) -> None:
    assert key in QUOTED, f"no page of the guide has `{key}`"


@pytest.mark.parametrize("component", sorted({one.__name__ for one in components()}))
def test_every_component_is_documented(component: str) -> None:
    kinds = {one.__name__: kind_of(one) for one in components()}
    assert kinds[component] in words(" ".join(QUOTED))


def test_the_families_of_components_are_among_them() -> None:
    assert {one for family in FAMILIES for one in get_args(family)} <= set(components())


@pytest.mark.parametrize("page", documents(), ids=str)
def test_every_key_named_is_one_of_a_config(page: Document) -> None:
    commands = [word for shown in page.shown() for word in shown.words]
    for quoted in [*page.quoted(), *commands]:
        path = re.match(r"[a-z_0-9.]+", quoted.removeprefix("--set ").strip("'"))
        if path and path[0].startswith(SECTIONS):
            assert is_key(path[0].strip(".").split(".")), quoted


def test_made_up_keys_are_found() -> None:
    assert is_key(["dataset", "split", "group"])
    assert is_key(["dataset", "preprocessing", "columns", "city", "size"])
    assert is_key(["architecture", "layers", "1", "rate"])
    assert is_key(["training", "optimizer", "adamw", "weight_decay"])
    assert not is_key(["dataset", "split", "groups"])
    assert not is_key(["training", "optimizer", "adamw", "weight"])
    assert not is_key(["training", "epoch"])


@pytest.mark.parametrize("page", documents(), ids=str)
def test_every_config_shown_is_valid(page: Document, tmp_path: Any) -> None:
    file = tmp_path / "shown.yaml"
    (tmp_path / "base.yaml").write_text("dataset: {path: t.csv, target: y}", "utf-8")
    for block in page.blocks("yaml"):
        if not block.startswith("# wrong.yaml"):
            file.write_text(block, "utf-8")
            read_config(file)


# Files and exit codes


def test_every_exit_code_is_in_the_table() -> None:
    rows = Document(GUIDE / "run-directory.md").rows()
    listed = {int(code) for row in rows for code in row[0].split(", ") if code.isdigit()}
    kinds: list[type[BpnetError]] = [*BpnetError.__subclasses__()]
    assert listed == {0, 1, *(kind.exit_code for kind in kinds)} | {129, 130, 143}


@pytest.mark.parametrize("path", sorted((ROOT / "configs").rglob("*.yaml")), ids=lambda p: p.stem)
def test_every_config_is_named(path: Any) -> None:
    assert path.stem in (
        TEXT if "tutorials" in path.parts else (GUIDE / "config.md").read_text("utf-8")
    )


@pytest.mark.parametrize("page", documents(), ids=str)
def test_every_file_named_is_there(page: Document) -> None:
    named = re.findall(r"\b((?:configs|datasets|tests)/[\w/.-]+\.(?:yaml|csv|py))\b", page.text)
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_every_benchmark_is_named() -> None:
    page = (GUIDE / "performance.md").read_text("utf-8")
    programs = [
        path
        for path in (ROOT / "tests" / "benchmarks").glob("*.py")
        if f"    python tests/benchmarks/{path.name}" in path.read_text("utf-8")
    ]
    assert len(programs) > 8
    assert [path.name for path in programs if path.name not in page] == []
