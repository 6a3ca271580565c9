"""`bpnet explain`: what it prints, as text, JSON and Markdown, and how it ends."""

import json
import re
import shlex

import pytest
from command_line import bpnet

from bpnet.config.key_tree import ROOT
from bpnet.config.loading import load_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.source import parse_source
from bpnet.reports.explain import explanation_lines
from bpnet.workflows.explain import explain

DOC = "Share λ, times the learning rate, by which a step shrinks each weight. With 0 there is none."
EMPTY = "KEY is empty; give a key such as training.epochs, or leave it out to list all sections"


def test_a_key() -> None:
    said = bpnet("explain", "training.learning_rate")
    assert (said.code, said.err) == (0, "")
    assert said.out == (
        "training.learning_rate\n"
        "\n"
        "Size η of a step, before the schedule. Where it is too large the loss diverges,\n"
        "where it is too small it hardly falls.\n"
        "\n"
        "type     number\n"
        "bounds   greater than 0\n"
        "default  0.001\n"
        "\n"
        "In the config:\n"
        "\n"
        "  training: {learning_rate: 0.01}\n"
        "\n"
        "On the command line:\n"
        "\n"
        "  --set training.learning_rate=0.01\n"
    )


def test_a_key_with_kinds_lists_them_one_line_each() -> None:
    lines = bpnet("explain", "training.optimizer").out.splitlines()
    assert lines[2:6] == [
        "Rule that turns a gradient into a step.",
        "",
        "type     optimizer",
        "default  adam",
    ]
    assert "nadam                    Adam with Nesterov's momentum (Dozat 2016)." in lines
    assert lines[-1] == "Next: bpnet explain training.optimizer.gradient_descent"


def test_a_kind_shows_its_equation_and_keys() -> None:
    out = bpnet("explain", "training.optimizer.adam").out
    assert "theta -= η m̂ / (√v̂ + ε)." in out
    assert "\nbeta_2\n  number; at least 0, less than 1; default 0.999\n  Share β2 of" in out
    assert "\n  --set training.optimizer=adam\n" in out


def test_a_section_lists_its_keys_with_their_first_sentences() -> None:
    lines = bpnet("explain", "training.early_stopping").out.splitlines()
    first = lines.index(
        "patience             Epochs in a row without an improvement after which training"
    )
    assert lines[first + 1].startswith(" " * 21 + "stops; by default 20")
    assert lines[-1] == "Next: bpnet explain training.early_stopping.monitor"


def test_an_option_whose_value_holds_single_quotes_is_in_double_quotes() -> None:
    lines = bpnet("explain", "dataset.reading.missing").out.splitlines()
    assert """  --set "dataset.reading.missing=[unknown, '-999']\"""" in lines


def test_a_word_of_several_keys_lists_them() -> None:
    said = bpnet("explain", "units")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        "'units' names several keys; explain one of them:",
        "",
        "architecture.layers.dense.units",
        "  Number of units.",
        "architecture.layers.equilibrium.units",
        "  Number of units that feed each other.",
    ]


def test_without_a_key_the_sections_are_listed() -> None:
    said = bpnet("explain")
    lines = said.out.splitlines()
    assert (said.code, said.err) == (0, "")
    assert lines[:2] == ["Keys at the top of a config:", ""]
    assert "replicas     Number of networks to train in one pass, with the seeds `seed`," in lines
    assert not any(line.endswith("…") for line in lines)
    assert lines[lines.index("dataset.path") + 1] == "  train, validation, test"
    assert lines[-1] == "Next: bpnet explain training"
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("place", list(ROOT.walk()), ids=lambda place: place.dotted)
def test_every_text_fits_80_columns_and_its_options_can_be_typed(place: object) -> None:
    lines = explanation_lines(explain(place.dotted))  # type: ignore[attr-defined]
    options = [line.strip() for line in lines if line.startswith("  --set ")]
    # a command is on one line, and some keys are longer than one
    text = [line for line in lines[1:] if not line.startswith("Next: ")]
    assert all(len(line) <= 80 for line in text if line.strip() not in options)
    assert not any(line.endswith(" ") for line in lines)
    settings = [shlex.split(option)[1] for option in options]
    whole = (
        "dataset: {target: y}"
        if "dataset.rows" in " ".join(settings)
        else "dataset: {path: t, target: y}"
    )
    assert bool(settings) is (place.dotted != "extends")  # type: ignore[attr-defined]
    load_config(apply_overrides(parse_source(whole), settings))


def test_json_is_one_document() -> None:
    content = json.loads(bpnet("explain", "training.optimizer.adamw.weight_decay", "--json").out)
    assert content == {
        "key": "training.optimizer.adamw.weight_decay",
        "doc": DOC,
        "setting": {
            "key": "training.optimizer.adamw.weight_decay",
            "doc": DOC,
            "type": "number",
            "bounds": {"ge": 0},
            "required": False,
            "default": 0.01,
            "kinds": [],
        },
        "kinds": [],
        "keys": [],
        "example": {
            "yaml": "training:\n  optimizer: {kind: adamw, weight_decay: 0.05}\n",
            "settings": ["training.optimizer={kind: adamw, weight_decay: 0.05}"],
        },
        "also": ["training.optimizer.muon.weight_decay"],
    }


def test_json_of_sections_and_of_matches() -> None:
    sections = json.loads(bpnet("explain", "--json").out)["sections"]
    assert [section["key"] for section in sections][:2] == ["", "dataset"]
    matches = json.loads(bpnet("explain", "units", "--json").out)
    assert (matches["word"], len(matches["matches"])) == ("units", 2)


def test_the_reference_is_markdown_whose_links_lead_somewhere() -> None:
    said = bpnet("explain", "--reference")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("# Config reference\n\nEvery config key, with type, bounds")
    headings = re.findall(r"^#+ (.+)$", said.out, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = set(re.findall(r"\]\(#([^)]+)\)", said.out))
    assert len(links) > 20
    assert links <= anchors
    for line in said.out.splitlines():
        if line.startswith("| "):
            assert len(re.split(r"(?<!\\)\|", line)) == 6, line


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            "training.epoch",
            "'training.epoch' is not a key of a config; did you mean 'training.epochs'?",
        ),
        (
            "",
            EMPTY,
        ),
        ("training.", "'training.' has a part that is empty; did you mean 'training'?"),
        ("17", "'17' is not a key of a config; bpnet explain lists all sections"),
    ],
)
def test_what_is_no_key_is_a_usage_error(key: str, message: str) -> None:
    for options in ([], ["--json"]):
        said = bpnet("explain", key, *options)
        assert (said.code, said.out, said.err) == (2, "", f"error: {message}\n")


@pytest.mark.parametrize("words", [("--reference", "seed"), ("--reference", "--json")])
def test_the_reference_goes_with_nothing_else(words: tuple[str, ...]) -> None:
    said = bpnet("explain", *words)
    assert (said.code, said.out) == (2, "")
    assert said.err == "error: --reference prints all keys; leave KEY and --json out with it\n"


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("training.epoch=3", "training"),
        ("training.learning_rate=0", "training.learning_rate"),
        ("training.optimizer.beta_1=2", "training.optimizer.adam.beta_1"),
        ("training.optimizer={kind: rprop, beta_1: 0}", "training.optimizer.rprop"),
        ("training.optimizer=adm", "training.optimizer"),
        ("architecture.layers=[{kind: equilibrium}]", "architecture.layers.equilibrium.units"),
        ("architecture.layers=[dens]", "architecture.layers"),
        ("dataset.roles={a.b: number}", "dataset.roles"),
        ("trainin=3", ""),
    ],
)
def test_a_wrong_config_ends_with_the_command_that_explains_the_key(setting: str, key: str) -> None:
    said = bpnet("check", "configs/iris.yaml", "--set", setting)
    *problems, last = said.err.splitlines()
    assert (said.code, said.out, len(problems)) == (3, "", 1)
    assert last == f"Next: bpnet explain {key}".rstrip()
    assert bpnet(*last.split()[2:]).code == 0
