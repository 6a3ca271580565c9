"""`bpnet explain`: every key and kind can be looked up, and what is told of it is true."""

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bpnet.config.docstrings import summary
from bpnet.config.key_tree import ROOT, Place
from bpnet.config.key_types import bounds_words
from bpnet.config.loading import load_config
from bpnet.config.other_names import OTHER_KEYS
from bpnet.config.overrides import apply_overrides
from bpnet.config.schema import Config
from bpnet.config.source import Source, parse_source, yaml_text
from bpnet.errors import ConfigError, UsageError
from bpnet.reports.config_reference import reference_text
from bpnet.workflows.explain import Explanation, Key, Kind, Matches, explain, overview, reference

PLACES = list(ROOT.walk())
BOUNDED = [place for place in PLACES if not place.is_kind and explain(place.dotted).setting.bounds]
BASE = "dataset: {path: t.csv, target: y}\n"
PAGE = Path(__file__).parents[2] / "bpnet" / "guide" / "config-reference.md"

EMPTY = "KEY is empty; give a key such as training.epochs, or leave it out to list all sections"


def base_of(settings: list[str]) -> Source:
    """A config to put an example into; a table written in the config has no path beside it."""
    whole = any(setting.startswith("dataset.rows=") for setting in settings)
    return parse_source("dataset: {target: y}\n" if whole else BASE)


def merged(data: Any, into: Any) -> Any:
    """Mappings merged key by key; of anything else the first."""
    if not isinstance(data, Mapping) or not isinstance(into, Mapping):
        return data
    return {**into, **{key: merged(value, into.get(key)) for key, value in data.items()}}


def with_value(data: Any, name: str, value: Any) -> Any:
    """The data with another value wherever a key has this name."""
    if isinstance(data, list):
        return [with_value(item, name, value) for item in data]
    if not isinstance(data, dict):
        return data
    return {
        key: value if key == name else with_value(item, name, value) for key, item in data.items()
    }


def explained(key: str) -> Explanation:
    found = explain(key)
    assert isinstance(found, Explanation)
    return found


def refused(key: str) -> str:
    with pytest.raises(UsageError) as caught:
        explain(key)
    assert len(caught.value.problems) == 1
    return caught.value.problems[0]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.dotted)
def test_every_key_and_kind_is_found_and_its_example_loads(place: Place) -> None:
    found = explained(place.dotted)
    assert found.key == place.dotted
    assert found.doc
    if place.dotted == "extends":  # which only a file has
        assert found.example.settings == []
        return
    source = base_of(found.example.settings)
    in_file = load_config(
        parse_source(yaml_text(merged(parse_source(found.example.yaml).data, source.data)))
    ).config
    assert load_config(apply_overrides(source, found.example.settings)).config == in_file
    if not place.is_kind:
        assert place.name in found.example.yaml


@pytest.mark.parametrize("place", BOUNDED, ids=lambda place: place.dotted)
def test_a_value_at_a_bound_is_refused_in_the_words_of_the_explanation(place: Place) -> None:
    found = explained(place.dotted)
    assert found.setting is not None
    outside = {"gt": 0, "lt": 0, "ge": -1, "le": 1}
    for kind, bound in found.setting.bounds.items():
        data = parse_source(found.example.yaml).data
        wrong = with_value(copy.deepcopy(data), place.name, bound + outside[kind])
        source = parse_source(yaml_text(merged(wrong, parse_source(BASE).data)))
        with pytest.raises(ConfigError) as caught:
            load_config(source)
        assert bounds_words({kind: bound}).replace(",", "") in str(caught.value)


def test_bounds_are_found() -> None:
    assert len(BOUNDED) > 60


def test_a_key_of_a_component() -> None:
    found = explained("training.optimizer.adam.beta_1")
    assert found.doc.startswith("Share β1 of the mean gradient m that stays at each step.")
    assert found.setting == Key(
        key="training.optimizer.adam.beta_1",
        doc=found.doc,
        type="number",
        bounds={"ge": 0, "lt": 1},
        required=False,
        default=0.9,
        kinds=[],
    )
    others = ("adamw", "nadam", "muon")
    assert found.also == [f"training.optimizer.{other}.beta_1" for other in others]
    assert yaml.safe_load(found.example.yaml) == {
        "training": {"optimizer": {"kind": "adam", "beta_1": 0.9}}
    }
    assert found.example.settings == ["training.optimizer.beta_1=0.9"]


def test_a_kind_has_its_whole_docstring_and_its_keys() -> None:
    found = explained("training.optimizer.adam")
    assert found.setting is None
    assert "theta -= η m̂ / (√v̂ + ε)" in found.doc
    assert [key.key.rpartition(".")[2] for key in found.keys] == ["beta_1", "beta_2", "epsilon"]
    assert found.example.settings == ["training.optimizer=adam"]


def test_a_key_that_takes_components_has_their_kinds() -> None:
    found = explained("training.optimizer")
    assert found.setting is not None
    assert (found.setting.type, found.setting.default) == ("optimizer", "adam")
    assert Kind(
        "training.optimizer.nadam", "nadam", "Adam with Nesterov's momentum (Dozat 2016)."
    ) in (found.kinds)
    assert [kind.kind for kind in found.kinds] == found.setting.kinds


def test_a_section_has_its_keys() -> None:
    found = explained("dataset.split")
    assert [key.key for key in found.keys][:2] == ["dataset.split.validation", "dataset.split.test"]
    assert found.kinds == []


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("learning_rate", "training.learning_rate"),
        ("adam", "training.optimizer.adam"),
        ("optimizer.adam", "training.optimizer.adam"),
        ("adamw.weight_decay", "training.optimizer.adamw.weight_decay"),
        ("training.optimizer.beta_1", "training.optimizer.adam.beta_1"),
        ("training.optimizer.weight_decay", "training.optimizer.adamw.weight_decay"),
        ("training.optimizer.kind", "training.optimizer"),
        ("training.optimizer.adam.kind", "training.optimizer"),
        ("architecture.layers.0", "architecture.layers"),
        ("architecture.layers.0.units", "architecture.layers.dense.units"),
        ("architecture.layers.12.rate", "architecture.layers.dropout.rate"),
        ("dataset.roles.zip", "dataset.roles"),
        ("dataset.class_weight.rare", "dataset.class_weight"),
        ("dataset.preprocessing.columns.zip", "dataset.preprocessing.columns"),
        ("dataset.preprocessing.columns.zip.size", "dataset.preprocessing.columns.embedding.size"),
        ("dataset.path.train", "dataset.path.train"),
        ("dataset.target.0", "dataset.target"),
        (" seed ", "seed"),
    ],
)
def test_other_ways_to_a_key(key: str, path: str) -> None:
    assert explained(key).key == path


def test_a_word_that_several_keys_have() -> None:
    found = explain("units")
    assert isinstance(found, Matches)
    assert [match.key for match in found.matches] == [
        "architecture.layers.dense.units",
        "architecture.layers.equilibrium.units",
    ]


def test_the_same_kind_in_several_places_is_one() -> None:
    found = explained("relu")
    assert found.key == "architecture.activation.relu"
    assert "architecture.layers.dense.activation.relu" in found.also


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            "",
            EMPTY,
        ),
        (
            " ",
            EMPTY,
        ),
        (
            ".",
            EMPTY,
        ),
        ("training.", "'training.' has a part that is empty; did you mean 'training'?"),
        ("a..b", "'a..b' has a part that is empty; give a key such as training.epochs"),
        ("5", "'5' is not a key of a config; bpnet explain lists all sections"),
        ("x" * 9000, f"'{'x' * 39}…' is not a key of a config; bpnet explain lists all sections"),
        (
            "architecture.layers.-1",
            "'architecture.layers.-1' is not a key of a config; "
            "positions in architecture.layers count from 0",
        ),
        (
            "training.epochs.0",
            "'training.epochs.0' is not a key of a config; training.epochs has no keys inside",
        ),
        (
            "training.gradient_clipping.qqq",
            "'training.gradient_clipping.qqq' is not a key of a config; "
            "inside training.gradient_clipping are norm, value",
        ),
    ],
)
def test_what_is_no_key_is_refused(key: str, message: str) -> None:
    assert refused(key) == message


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("training.epoch", "training.epochs"),
        ("training.epochs=50", "training.epochs"),
        ("Training.Epochs", "training.epochs"),
        ("trainin", "training"),
        ("training.patience", "training.early_stopping.patience"),
        ("training.units", "architecture.layers.dense.units"),
        ("training.optimizer.adm", "training.optimizer.adam"),
        ("training.optimizer.adam.beta1", "training.optimizer.adam.beta_1"),
        ("training.optimiser.adm", "training.optimizer.adam"),
        ("optimiser", "training.optimizer"),
        ("training.lr", "training.learning_rate"),
        ("Random-State", "seed"),
        ("sgd", "training.optimizer.gradient_descent"),
        ("architecture.layers.batchnorm", "architecture.layers.batch_normalization"),
        ("architecture.layers.dense.units.7", "architecture.layers.dense.units"),
        ("datset.split.group", "dataset.split.group"),
    ],
)
def test_a_near_miss_suggests(key: str, meant: str) -> None:
    if key.endswith(".7"):
        assert refused(key) == f"'{key}' is not a key of a config; {meant} has no keys inside"
    else:
        assert refused(key) == f"'{key}' is not a key of a config; did you mean '{meant}'?"
        assert explained(meant).key == meant


def test_other_names_of_keys_mean_keys() -> None:
    names = {place.name for place in ROOT.walk()}
    assert set(OTHER_KEYS.values()) <= names
    assert names.isdisjoint(OTHER_KEYS)


def test_the_overview_has_every_section() -> None:
    sections = {section.key: section for section in overview()}
    assert list(sections)[:3] == ["", "dataset", "dataset.path"]
    assert sections[""].doc == summary(Config)
    named = {key.key for section in sections.values() for key in section.keys}
    in_kinds = {place.dotted for place in PLACES if any(one.is_kind for one in around(place))}
    assert named == {place.dotted for place in PLACES if not place.is_kind} - in_kinds


def around(place: Place) -> list[Place]:
    return [place.parent, *around(place.parent)] if place.parent else []


def test_the_reference_has_each_kind_once() -> None:
    kinds = [kind.key for family in reference().families for kind in family.kinds]
    classes = [place.hint for place in PLACES if place.is_kind]
    assert len(kinds) == len(set(classes))


def test_the_page_of_the_guide_is_the_one_that_is_generated() -> None:
    assert PAGE.read_text("utf-8") == reference_text(reference()), (
        "write it anew: bpnet explain --reference > bpnet/guide/config-reference.md"
    )


MEMBER_KEYS = [
    "name",
    "pack",
    "training",
    "training.learning_rate",
    "training.optimizer.adam.beta_1",
    "architecture.hidden",
    "dataset.preprocessing.numeric",
]


@pytest.mark.parametrize("key", MEMBER_KEYS)
def test_a_key_of_a_member_is_set_for_this_member(key):
    explained = explain(f"members.1.{key}")
    assert explained.key == f"members.1.{key}"
    around = yaml.safe_load("{dataset: {path: t.csv, target: y}, folds: 3}")
    shown = load_config(
        parse_source(yaml_text({**around, **yaml.safe_load(explained.example.yaml)}))
    )
    source = parse_source(yaml_text({**around, "members": [{}, {}]}))
    typed = load_config(apply_overrides(source, explained.example.settings))
    assert shown.config == typed.config
    assert explain(f"members.{key}").key == f"members.0.{key}"


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("members.0.seed", "a member may change name, architecture, training,"),
        ("members.0.dataset.target", "a member may change name, architecture, training,"),
        ("members.2.training.epoch", "did you mean 'members.2.training.epochs'?"),
    ],
)
def test_what_a_member_cannot_change_has_no_explanation(key, hint):
    with pytest.raises(UsageError, match=re.escape(f"'{key}' is not a key of a member; {hint}")):
        explain(key)


def test_the_number_of_a_member_has_any_length():
    number = "9" * 5000
    assert explain(f"members.{number}.training.epochs").key == f"members.{number}.training.epochs"
