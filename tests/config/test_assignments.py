"""`KEY.PATH=VALUE`: names of any spelling, and plain text where YAML reads something else."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpnet.config.dataset_schema import Files
from bpnet.config.grid import expand_grid
from bpnet.config.loading import load_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.schema import Config
from bpnet.config.source import parse_source
from bpnet.data.encoding.settings import DateParts, Quantile
from bpnet.errors import ConfigError

BASE = "dataset: {path: t.csv, target: y}\n"


def config(*assignments: str, text: str = BASE) -> Config:
    return load_config(apply_overrides(parse_source(text), assignments)).config


def value_at(config: Config, dotted: str) -> Any:
    value: Any = config
    for part in dotted.split("."):
        value = getattr(value, part)
    return value


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("dataset.reading.thousands=,", ","),
        ("dataset.reading.thousands='", "'"),
        ("dataset.reading.thousands= ", " "),
        ("dataset.reading.decimal=,", ","),
        ("dataset.reading.separator=;", ";"),
        ("dataset.reading.separator=';'", ";"),
        ("dataset.reading.separator=|", "|"),
        ("dataset.reading.separator=\t", "\t"),
        (r"dataset.reading.separator=\t", "\t"),
        ("dataset.reading.quote='", "'"),
        ("dataset.reading.missing=[-999, NA, '?']", ["-999", "NA", "?"]),
        ("dataset.reading.encoding=", None),
        ("dataset.path=-", "-"),
        ("dataset.path={train: a.csv}", Files(train="a.csv")),
        ("dataset.path=2024", "2024"),
        ("dataset.path=*.csv", "*.csv"),
        ("dataset.path=[ab].csv", "[ab].csv"),
        ("dataset.target=a: b", "a: b"),
        ("dataset.target=- a", "- a"),
        ("dataset.target=a # b", "a # b"),
        ("dataset.target=#", "#"),
        ("dataset.target=%", "%"),
        ("dataset.target=a=b", "a=b"),
        ("dataset.target=2", "2"),
        ("dataset.target=1.50", "1.50"),
        ("dataset.target=True", "True"),
        ("dataset.target=null", "null"),
        ('dataset.target="a, b"', "a, b"),
        ("dataset.target='it''s'", "it's"),
        ("dataset.target=it's", "it's"),
        ("dataset.target=[a, b]", ["a", "b"]),
        ("dataset.target=[2, true, null]", ["2", "true", "null"]),
        ("dataset.features=[2]", ["2"]),
        ("dataset.split.group=null", None),
        ("dataset.split.group='null'", "null"),
        ("dataset.split.time=2", "2"),
        ("dataset.class_weight={1: 2, True: 3}", {"1": 2, "True": 3}),
        ("dataset.class_weight.a.b=2", {"a.b": 2}),
        ("dataset.roles.Sepal.Length=ignored", {"Sepal.Length": "ignored"}),
        ('dataset.roles."Sepal.Length"=ignored', {"Sepal.Length": "ignored"}),
        ("dataset.roles.2=ignored", {"2": "ignored"}),
        ("dataset.roles.a=b=ignored", {"a=b": "ignored"}),
        ("dataset.roles.size [cm] =ignored", {"size [cm]": "ignored"}),
        ("dataset.roles.it's=ignored", {"it's": "ignored"}),
        ("dataset.roles={2: ignored, true: numeric}", {"2": "ignored", "true": "numeric"}),
        ("dataset.preprocessing.columns.a.b=quantile", {"a.b": Quantile()}),
        ("dataset.preprocessing.columns.a.b.quantiles=9", {"a.b": Quantile(quantiles=9)}),
        ('dataset.preprocessing.columns."a=b"=quantile', {"a=b": Quantile()}),
        ('dataset.preprocessing.columns."a.kind"=quantile', {"a.kind": Quantile()}),
        (
            "dataset.preprocessing.columns.d.m.format=%d.%m.%Y",
            {"d.m": DateParts(format="%d.%m.%Y")},
        ),
        ("name=7", "7"),
    ],
)
def test_what_is_typed_is_what_is_set(assignment: str, value: object) -> None:
    key = assignment.partition("=")[0]
    for mapping in ("dataset.roles", "dataset.class_weight", "dataset.preprocessing.columns"):
        key = mapping if key.startswith(mapping) else key
    assert value_at(config(assignment), key) == value


def test_a_name_that_the_config_has_is_taken_first() -> None:
    text = BASE.replace("}", ", preprocessing: {columns: {a.format: ordinal}}}")
    assert config("dataset.preprocessing.columns.a.format=quantile", text=text) == config(
        text=text.replace("ordinal", "quantile")
    )


@given(st.text(st.characters(codec="utf-8", exclude_characters='"'), min_size=1))
def test_every_name_can_be_given_in_quotes(name: str) -> None:
    assert config(f'dataset.roles."{name}"=ignored').dataset.roles == {name: "ignored"}


@given(st.text("ab.=: #'\"[]{},%2-*&!|>", min_size=1).map(str.strip).filter(bool))
def test_every_name_without_quotes_at_its_ends_can_be_given_as_it_is(name: str) -> None:
    if name[0] not in "'\"":
        assert config(f"dataset.roles.{name}=ignored").dataset.roles == {name: "ignored"}
    if name[0] not in "'\"[":
        assert config(f"dataset.target={name}").dataset.target == name


def test_names_that_are_not_text_for_yaml_are_read_as_they_are_written() -> None:
    text = "dataset: {path: 1e3, target: [007, 1.50], features: [True, null], roles: {2: date}}"
    dataset = config(text=text).dataset
    assert (dataset.path, dataset.targets) == ("1e3", ["007", "1.50"])
    assert (dataset.features, dataset.roles) == (["True", "null"], {"2": "date"})
    with pytest.raises(ConfigError, match=r"line 1: dataset\.target is null; it must be text"):
        config(text="dataset: {path: a, target: ~}")


def test_an_optimizer_of_the_kind_that_is_there_keeps_its_settings() -> None:
    text = BASE + "training: {optimizer: {kind: adamw, weight_decay: 0.5}}\n"
    assert config("training.optimizer=adamw", text=text) == config(text=text)
    assert config("training.optimizer=adam", text=text) == config("training.optimizer=adam")


@pytest.mark.parametrize(
    "text",
    [
        # each line merges the one before it many times
        "a0: &a0 {k: 1}\n"
        + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 14)),
        f"dataset: {{path: a, target: [{', '.join(map(str, range(40_000)))}, 7]}}",
        f"dataset: {{path: a, target: y, features: {list(range(40_000))}}}",
        f"dataset: {{path: a, target: y, split: {{test_rows: {[*range(1, 40_000), 1]}}}}}",
        "".join(f"k{n}: 1\n" for n in range(20_000)),
        f"training: {{epochs: {'9' * 401}}}",
        f"training: {{epochs: 0x{'f' * 5000}}}",
    ],
    ids=["merges", "targets", "features", "test rows", "unknown keys", "digits", "hex"],
)
def test_a_config_made_to_take_long_does_not(text: str) -> None:
    began, message = time.process_time(), ""  # not of other processes
    try:
        config(text=text)
    except ConfigError as error:
        message = str(error)
    assert len(message) < 20_000
    assert time.process_time() - began < 10


def test_the_values_of_a_grid_are_read_alike() -> None:
    source = parse_source(BASE)
    for grid, values in (
        ("dataset.target=a: b,c, 'd, e'", ["a: b", "c", "d, e"]),
        ("dataset.target=%a,2,it's", ["%a", "2", "it's"]),
        ("dataset.roles.a.b=c=numeric,ignored", ["numeric", "ignored"]),
        ('dataset.roles."a.b"=numeric,ignored', ["numeric", "ignored"]),
    ):
        datasets = [point.loaded.config.dataset for point in expand_grid(source, [grid])]
        assert [d.roles.get("a.b=c", d.roles.get("a.b", d.target)) for d in datasets] == values
