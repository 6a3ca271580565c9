"""The JSON schema against bpnet: it allows what bpnet takes, and refuses unknown keys and types."""

import functools
import json
from typing import Any

import jsonschema
import pytest
from command_line import ROOT, bpnet
from documents import documents
from hypothesis import given, settings
from hypothesis import strategies as st

from bpnet.config.examples import example_of
from bpnet.config.json_schema import config_schema
from bpnet.config.key_tree import ROOT as TREE
from bpnet.config.key_tree import Place
from bpnet.config.loading import load_config
from bpnet.config.source import parse_source, read_file, yaml_text
from bpnet.errors import ConfigError

BASE = "dataset: {path: t.csv, target: y}\n"
SHIPPED = sorted((ROOT / "configs").rglob("*.yaml"))
PLACES = list(
    # each once: of a key or kind that several places have, the last
    {
        (place.hint, place.parent.hint) if place.is_kind else (place.owner, place.name): place
        for place in TREE.walk()
        if place.parent is not None
    }.values()
)
KEYS = [place for place in PLACES if not place.is_kind]
STRANGE = (
    """
null|~|true|false|0|1|-1|2.5|1e-3|.inf|.nan|007|1e30|word|"text"|''|a b|2024-01-01
[]|[1]|[0.5, 2]|[a]|[[1, 2]]|[{kind: dense, units: 3}]|[{}]|{}|{kind: adam}|{kind: relu}|{kind: x}
{units: 3}|{a: 1}|{a: numeric}|{a: {kind: quantile}}|{low: 1, high: 2}|adam|relu|cosine|full|none
""".replace("\n", "|")
    .strip("|")
    .split("|")
)


@functools.cache
def validator() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(config_schema())


def refused(data: dict[str, Any]) -> list[str]:
    return [error.message for error in validator().iter_errors(data)]


def whole(place: Place) -> dict[str, Any]:
    """Return a config with the example of a key or kind."""
    data = parse_source(example_of(place).yaml).data
    dataset = data.get("dataset", {})
    table = {} if "rows" in dataset else {"path": "t.csv"}
    return {**data, "dataset": {**table, "target": "y", **dataset}}


def misspelt(data: Any, name: str) -> Any:
    """Return data in which a key or kind is misspelt, wherever it is."""
    if isinstance(data, list):
        return [misspelt(item, name) for item in data]
    if not isinstance(data, dict):
        return f"{name}_" if data == name else data
    return {f"{name}_" if key == name else key: misspelt(data[key], name) for key in data}


def with_value(data: Any, name: str, value: Any) -> Any:
    """Return data with another value of a key, wherever it is."""
    if isinstance(data, list):
        return [with_value(item, name, value) for item in data]
    if not isinstance(data, dict):
        return data
    return {
        key: value if key == name else with_value(item, name, value) for key, item in data.items()
    }


def test_it_is_a_schema_of_draft_7() -> None:
    jsonschema.Draft7Validator.check_schema(config_schema())


def test_the_command_prints_it() -> None:
    said = bpnet("schema")
    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out) == config_schema()


def test_every_key_has_a_text_with_its_bounds_default_and_example() -> None:
    definitions = config_schema()["definitions"]
    for name, definition in definitions.items():
        for key, schema in definition.get("properties", {}).items():
            assert schema.get("description") or "anyOf" in schema, (name, key)
    assert definitions["Adam"]["properties"]["beta_1"] == {
        "description": "Share β1 of the mean gradient m that stays at each step. With 0 there is "
        "no momentum.\n\nnumber; at least 0, less than 1; default 0.9",
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 1,
        "default": 0.9,
    }
    hidden = definitions["Architecture"]["properties"]["hidden"]["description"]
    assert hidden.endswith("\n\nExample: `hidden: [32, 16]`")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_it_allows_the_configs_that_are_shipped(path: Any) -> None:
    assert refused(read_file(path).data) == []


@pytest.mark.parametrize("page", documents(), ids=str)
def test_it_allows_the_configs_of_the_guide(page: Any) -> None:
    for block in page.blocks("yaml"):
        assert bool(refused(parse_source(block).data)) is block.startswith("# wrong.yaml"), block


def test_it_allows_each_example_and_refuses_it_misspelt() -> None:
    assert len(PLACES) > 250
    data = {place: whole(place) for place in PLACES}
    assert {place.dotted: refused(data[place]) for place in PLACES if refused(data[place])} == {}
    misspelt_ones = {place: misspelt(data[place], place.name) for place in PLACES}
    assert [place.dotted for place in PLACES if not refused(misspelt_ones[place])] == []


SHORT = {
    # a way to write a component, text or section: whether bpnet, and so the schema, takes it
    "training: {optimizer: {beta_1: 0.8}}": True,
    "training: {optimizer: {momentum: 0.8}}": False,
    "training: {optimizer: {kind: momentum, momentum: 0.8}}": True,
    "training: {optimizer: {kind: momentum, beta_1: 0.8}}": False,
    "training: {optimizer: adamm}": False,
    "training: {loss: {delta: 2}}": False,
    "architecture: {layers: [dense]}": False,
    "architecture: {layers: [dropout, {kind: dense, units: 2}]}": True,
    "architecture: {layers: [{units: 2}]}": False,
    "architecture: {output: {activation: {kind: softmax}}}": True,
    "dataset: {path: 2, target: true}": True,
    "dataset: {path: t.csv}": False,
    "dataset: {path: t.csv, target: y, preprocessing: {columns: {a: {bin: 3}}}}": False,
    "dataset: {path: t.csv, target: y, preprocessing: {columns: {a: {bins: 3}}}}": True,
    "dataset: {path: t.csv, target: y, roles: {2: categorical}}": True,
    "dataset: {path: t.csv, target: y, roles: {2: category}}": False,
    "folds: 3\nmembers: [{architecture: {hidden: []}}, {training: {optimizer: {beta_1: 0}}}]": True,
    "folds: 3\nmembers: [{architecture: {hiden: []}}]": False,
    "folds: 3\ntraining: {optimizer: momentum}\n"
    "members: [{training: {optimizer: {momentum: 0}}}]": True,
    "folds: 3\nmembers: [{training: {optimizer: {beta: 0}}}]": False,
    "folds: 3\nmembers: [{seed: 3}]": False,
    "preset: slow": False,
    "preset: null\nbudget: 10": True,
}


@pytest.mark.parametrize("text", SHORT)
def test_it_takes_each_way_of_writing_that_bpnet_takes(text: str) -> None:
    source = parse_source(text if text.startswith("dataset:") else f"{BASE}{text}")
    assert (refused(source.data) == []) is SHORT[text]
    if SHORT[text]:
        load_config(source)
    else:
        with pytest.raises(ConfigError):
            load_config(source)


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("extends: base.yaml", True),
        ("extends: [a.yaml, b.yaml]\ndataset: {split: {test: 0.2}}", True),
        ("extends: base.yaml\ntraining: {optimizer: {momentum: 0.5}}", True),
        ("extends: base.yaml\ntraining: {optimizer: {momenta: 0.5}}", False),
        ("extends: base.yaml\ntraining: {epoch: 3}", False),
        ("extends: base.yaml\ntraining: {epochs: 0}", False),
        ("extends: base.yaml\ntraining: {schedule: {kind: step}}", True),
        ("extends: {a: b}", False),
    ],
)
def test_a_config_that_extends_another_may_be_a_part_of_one(text: str, allowed: bool) -> None:
    assert (refused(parse_source(text).data) == []) is allowed


def check(place: Place, value: str) -> None:
    """Assert that the schema refuses no value of a key that bpnet takes."""
    data = with_value(whole(place), place.name, "VALUE")
    source = parse_source(yaml_text(data).replace("VALUE", value))
    problems = refused(source.data)
    if problems:
        with pytest.raises(ConfigError):
            load_config(source)


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("dataset.split.test", ["-0.1", "1.5", "-1", "10000000000001.5"]),
        ("dataset.split.validation", ["-0.1", "1.5", "-1"]),
        ("training.batch_size", ["0", "-1"]),
        ("training.learning_rate_factors.weight", ["-0.1"]),
        ("budget", ["0", "-1"]),
        ("dataset.preprocessing.columns.periodic.frequencies", ["0", "1001"]),
        ("dataset.preprocessing.columns.piecewise_linear.bins", ["1", "1001"]),
        ("dataset.preprocessing.columns.quantile_normal.values", ["1", "100001"]),
    ],
)
def test_it_has_the_bounds_of_numbers_that_may_be_words_or_shares(key: str, values: list[str]):
    place = next(place for place in KEYS if place.dotted == key)
    for value in values:
        data = with_value(whole(place), place.name, "VALUE")
        source = parse_source(yaml_text(data).replace("VALUE", value))
        assert refused(source.data), value
        with pytest.raises(ConfigError):
            load_config(source)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(place=st.sampled_from(KEYS), value=st.sampled_from(STRANGE))
def test_bpnet_refuses_what_it_refuses(place: Place, value: str) -> None:
    check(place, value)


@pytest.mark.slow
@pytest.mark.parametrize("place", KEYS, ids=lambda place: place.dotted)
def test_bpnet_refuses_every_value_that_it_refuses(place: Place) -> None:
    for value in STRANGE:
        check(place, value)
