"""The help of every verb, and the version."""

import re

import pytest
import typer
from command_line import ROOT, bpnet

from bpnet import __version__

IMPERATIVES = {
    *(
        "Add",
        "Ask",
        "Compare",
        "Copy",
        "Draw",
        "Escape",
        "Read",
        "Score",
        "Fail",
        "Keep",
        "Make",
        "List",
        "Measure",
        "Name",
        "Override",
        "Overwrite",
        "Predict",
        "Print",
    ),
    *(
        "Repeat",
        "Set",
        "Show",
        "Sort",
        "Split",
        "Stop",
        "Take",
        "Trace",
        "Train",
        "Turn",
        "Use",
        "Write",
    ),
}


def verbs() -> list[str]:
    """Every verb, as the help lists them."""
    from bpnet.cli.app import app

    bpnet("--version")
    group = typer.main.get_command(app)
    return sorted(group.commands)  # type: ignore[attr-defined]


def command(verb: str):  # type: ignore[no-untyped-def]
    """The command that a verb runs, as Typer builds it."""
    from bpnet.cli.app import app

    return typer.main.get_command(app).commands[verb]  # type: ignore[attr-defined]


def options(verb: str) -> list[str]:
    """Every option and argument of a verb."""
    names = []
    for parameter in command(verb).params:
        names += (
            parameter.opts
            if parameter.param_type_name == "option"
            else [parameter.metavar or parameter.name.upper()]
        )
    return names


def test_there_are_these_verbs_at_least() -> None:
    assert {"train", "eval", "predict"} <= set(verbs())


def test_bpnet_alone_shows_what_there_is() -> None:
    said = bpnet()
    assert said.code == 2
    assert said.lacks(*verbs(), "--help", "bpnet init flowers.csv --target species") == []


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_the_help_lists_every_verb(flag: str) -> None:
    said = bpnet(flag)
    assert (said.code, said.err) == (0, "")
    assert said.lacks(*verbs(), "--version", "bpnet init flowers.csv --target species") == []


@pytest.mark.parametrize("verb", verbs())
def test_the_help_of_a_verb_has_an_example_and_every_option(verb: str) -> None:
    said = bpnet(verb, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.lacks("Example", f"bpnet {verb} ", *options(verb)) == []
    assert "--help" in said.out


def test_the_help_has_a_complete_sentence_for_every_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = bpnet("--help").out.splitlines()
    for verb in verbs():
        sentence = command(verb).help.splitlines()[0]
        assert re.fullmatch(r"[A-Z][^.]*\.", sentence), verb
        assert f"  {verb:<9}  {sentence}" in lines


@pytest.mark.parametrize("verb", ["", *verbs()])
def test_the_help_fits_80_columns_and_cuts_nothing(
    verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = bpnet(*([verb] if verb else []), "--help").out
    assert max(map(len, out.splitlines())) <= 80
    assert (
        re.findall(r"(?<!V2,)…|\.\.\.", re.sub(r"(\[ARGS\]|(RUN|DATA)[}\]]?)\.\.\.", "", out)) == []
    )


@pytest.mark.parametrize("verb", verbs())
def test_every_option_is_described_by_a_sentence_in_the_imperative(verb: str) -> None:
    shown = " ".join(bpnet(verb, "--help").out.split())
    for parameter in command(verb).params:
        assert re.fullmatch(r"[A-Z].*[^ ]\.", parameter.help), parameter.name
        assert parameter.help in shown
        if parameter.param_type_name == "option":
            assert parameter.help.split()[0].rstrip(",") in IMPERATIVES, parameter.help


@pytest.mark.parametrize("verb", verbs())
def test_every_example_is_a_line_of_its_own_that_can_be_typed(verb: str) -> None:
    examples = bpnet(verb, "--help").out.partition("Examples:\n\n")[2].splitlines()
    assert len(examples) >= 2
    for line in examples:
        assert re.match(r"    (cat flowers.csv \| )?bpnet [a-z]+( |$)", line), line


def test_the_version_is_the_package_s() -> None:
    said = bpnet("--version")
    assert (said.code, said.out, said.err) == (0, f"bpnet {__version__}\n", "")


def test_advice_names_verbs_that_exist() -> None:
    known = set(verbs())
    for path in (ROOT / "bpnet").rglob("*.py"):
        advised = set(re.findall(r"\bbpnet ([a-z]+) [A-Z{]", path.read_text()))
        advised |= set(re.findall(r"`bpnet ([a-z]+)", path.read_text()))
        assert advised <= known, (path, advised - known)
