"""The help of every verb, and the version."""

import re

import pytest
import typer
from command_line import ROOT, bpnet

from bpnet import __version__


def verbs() -> list[str]:
    """Every verb, as the help lists them."""
    from bpnet.cli.app import app

    bpnet("--version")
    group = typer.main.get_command(app)
    return sorted(group.commands)  # type: ignore[attr-defined]


def options(verb: str) -> list[str]:
    """Every option and argument of a verb."""
    from bpnet.cli.app import app

    bpnet("--version")
    command = typer.main.get_command(app).commands[verb]  # type: ignore[attr-defined]
    names = []
    for parameter in command.params:
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
    assert said.lacks(*verbs(), "--help", "bpnet train configs/iris.yaml") == []


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_the_help_lists_every_verb(flag: str) -> None:
    said = bpnet(flag)
    assert (said.code, said.err) == (0, "")
    assert said.lacks(*verbs(), "--version", "bpnet train configs/iris.yaml") == []


@pytest.mark.parametrize("verb", verbs())
def test_the_help_of_a_verb_has_an_example_and_every_option(verb: str) -> None:
    said = bpnet(verb, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.lacks("Example", f"bpnet {verb} ", *options(verb)) == []
    assert "--help" in said.out


def test_the_version_is_the_package_s() -> None:
    said = bpnet("--version")
    assert (said.code, said.out, said.err) == (0, f"bpnet {__version__}\n", "")


def test_advice_names_verbs_that_exist() -> None:
    known = set(verbs())
    for path in (ROOT / "bpnet").rglob("*.py"):
        advised = set(re.findall(r"\bbpnet ([a-z]+) [A-Z{]", path.read_text()))
        advised |= set(re.findall(r"`bpnet ([a-z]+)", path.read_text()))
        assert advised <= known, (path, advised - known)
