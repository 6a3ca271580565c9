"""Loading a config: the message for each mistake, shorthand, `--set`, and writing YAML again."""

import dataclasses
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from bpnet.config.dataset_schema import Dataset
from bpnet.config.loading import as_data, load_config, read_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.schema import Config
from bpnet.config.shorthand import hints, kind_of
from bpnet.config.source import parse_source, read_file, yaml_text
from bpnet.data.encoding.settings import (
    AnyCategorical,
    AnyMissing,
    AnyNumeric,
    AnyOfColumn,
    L2Rows,
    Quantile,
)
from bpnet.data.reading.settings import Reading
from bpnet.engine.activations import AnyActivation
from bpnet.engine.initializers import AnyInitializer
from bpnet.engine.layers import AnyLayer
from bpnet.engine.losses import AnyLoss
from bpnet.engine.optimizers import AnyOptimizer
from bpnet.engine.schedules import AnySchedule
from bpnet.errors import ConfigError

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
SMALL = """\
dataset:
  path: flowers.csv
  target: species
"""
PLACES: dict[str, Any] = {  # the keys that hold a component of each family
    "training.optimizer": AnyOptimizer,
    "training.schedule": AnySchedule,
    "training.loss": AnyLoss,
    "architecture.layers.0": AnyLayer,
    "architecture.output.activation": AnyActivation,
    "architecture.output.initializer": AnyInitializer,
    "dataset.preprocessing.numeric": AnyNumeric | L2Rows,
    "dataset.preprocessing.categorical": AnyCategorical,
    "dataset.preprocessing.missing": AnyMissing,
    "dataset.preprocessing.columns.petal": AnyOfColumn,
}


def loaded(text: str = SMALL, *settings: str) -> Config:
    return load_config(apply_overrides(parse_source(text, "flowers.yaml"), settings)).config


def problems(text: str, *settings: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(text, *settings)
    assert caught.value.exit_code == 3
    return caught.value.problems


def problem(text: str, *settings: str) -> str:
    found = problems(text, *settings)
    assert len(found) == 1, found
    return found[0]


def assert_says(message: str, *parts: str) -> None:
    missing = [part for part in parts if part not in message]
    assert not missing, f"{missing} not in {message!r}"


def components() -> list[Any]:
    """Every component of every family, with the place in a config where it may stand."""
    return [
        pytest.param(place, component, id=f"{place}={kind_of(component)}")
        for place, family in PLACES.items()
        for component in get_args(family)
    ]


def needed(component: type) -> dict[str, Any]:
    """A component as a mapping that holds its kind and a value for each key without a default."""
    filled: dict[str, Any] = {"kind": kind_of(component)}
    for field in dataclasses.fields(component):
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            wanted = get_type_hints(component)[field.name]
            filled[field.name] = 2 if wanted is int else 0.5 if wanted is float else [0.25]
    return filled


def config_with(place: str, value: Any) -> str:
    if place == "architecture.layers.0":
        return SMALL + yaml_text({"architecture": {"layers": [value]}})
    *sections, key = place.split(".")
    nested: Any = {key: value}
    for section in reversed(sections):
        nested = {section: nested}
    small: dict[str, Any] = parse_source(SMALL).data
    return yaml_text({**nested, "dataset": {**small["dataset"], **nested.get("dataset", {})}})


def value_at(config: Config, place: str) -> Any:
    value: Any = config
    for part in place.split("."):
        inside = isinstance(value, dict | list)
        value = value[int(part) if part.isdigit() else part] if inside else getattr(value, part)
    return value


def round_trip(config: Config) -> Config:
    return load_config(parse_source(yaml_text(as_data(config)), "again.yaml")).config


# Defaults, words and mappings


def test_the_smallest_config_has_a_default_for_everything_else() -> None:
    config = loaded()
    assert (config.seed, config.task, config.name) == (0, None, None)
    assert (config.training.epochs, config.training.batch_size, config.training.learning_rate) == (
        100,
        32,
        0.001,
    )
    assert config.training.optimizer.kind == "adam"
    assert config.training.schedule.kind == "constant"
    assert (config.dataset.split.validation, config.dataset.split.test) == (0.15, 0.15)
    wishes = config.dataset.preprocessing
    assert (wishes.numeric.kind, wishes.categorical.kind, wishes.missing.kind) == (
        "standardize",
        "one_hot",
        "impute",
    )
    assert (wishes.target, wishes.columns, config.dataset.roles) == ("standardize", {}, {})
    assert (config.dataset.storage, config.dataset.drop_missing_targets) == ("auto", False)
    assert config.dataset.reading == Reading()


@pytest.mark.parametrize(("place", "component"), components())
def test_a_bare_word_is_the_mapping_with_that_kind_and_comes_back_the_same(
    place: str, component: type
) -> None:
    mapping = needed(component)
    config = loaded(config_with(place, mapping))
    assert type(value_at(config, place)) is component
    assert round_trip(config) == config
    if len(mapping) == 1:
        assert loaded(config_with(place, mapping["kind"])) == config
    else:  # a word alone lacks what has no default, and the message says what that is
        missing = problems(config_with(place, mapping["kind"]))
        assert_says(
            "\n".join(missing), *(f"{place}.{key} is missing" for key in mapping if key != "kind")
        )


def test_numbers_and_words_are_what_they_look_like() -> None:
    text = SMALL + "  class_weight: {no: 2, yes: 1e1}\ntraining:\n  learning_rate: 1e-3\n  l2: 5\n"
    config = loaded(text)
    assert config.training.learning_rate == 0.001
    assert config.training.l2 == 5.0
    assert config.dataset.class_weight == {"no": 2.0, "yes": 10.0}
    assert loaded(SMALL.replace("species", "no")).dataset.target == "no"


def test_a_number_is_text_where_only_text_is_allowed() -> None:
    text = SMALL + (
        "  class_weight: {1.0: 2, true: 3, 007: 4}\n  positive: 1\n"
        "  features: [2, 007, 1.5, true]\n"
        "  preprocessing: {columns: {2: {kind: ordinal, order: [2, 1, 007]}}}\nname: 7"
    )
    config = loaded(text.replace("target: species", "target: 2020"))
    assert config.dataset.target == "2020"
    assert config.name == "7"
    assert config.dataset.features == ["2", "007", "1.5", "true"]
    assert config.dataset.class_weight == {"1.0": 2.0, "true": 3.0, "007": 4.0}
    assert config.dataset.positive == "1"
    assert config.dataset.preprocessing.columns["2"].order == ["2", "1", "007"]
    assert round_trip(config) == config


# What each mistake is answered with


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("dataset: [a]", ("line 1", "dataset is a list", "mapping")),
        ("dataset: t.csv", ("line 1", "dataset is 't.csv'", "mapping")),
        ("dataset:", ("line 1", "dataset is null", "mapping")),
        ("seed: 1", ("dataset is missing",)),
        (
            "dataset: {target: species}",
            ("line 1", "dataset.path is missing", "names the table file"),
        ),
        (SMALL + "dataset: {}", ("line 4", "'dataset'", "line 1")),
        (SMALL.replace("flowers.csv", "''"), ("line 2", "dataset.path", "not empty")),
        (
            SMALL.replace("  target: species\n", ""),
            ("line 1", "dataset.target is missing", "the column to predict"),
        ),
        (SMALL + "seed: abc", ("line 4", "seed is 'abc'", "whole number")),
        (SMALL + "seed: -1", ("line 4", "seed is -1", "at least 0")),
        (SMALL + "seed: 1.5", ("line 4", "seed is 1.5", "whole number")),
        (SMALL + "seed: true", ("line 4", "seed is true", "whole number")),
        (SMALL + "seed: 4294967296", ("line 4", "seed is 4294967296", "less than 4294967296")),
        (SMALL + "name: [7]", ("line 4", "name is a list", "text")),
        (
            SMALL + "task: guess",
            ("line 4", "task is 'guess'", "classification, regression or multilabel"),
        ),
        (SMALL + "  features: []", ("line 4", "dataset.features is empty", "at least one")),
        (SMALL + "  features: a", ("line 4", "dataset.features is 'a'", "list")),
        (SMALL + "  features: [a, [3]]", ("line 4", "dataset.features.1 is a list", "text")),
        (
            SMALL + "  class_weight: {x: 0}",
            ("line 4", "dataset.class_weight.x is 0", "greater than 0"),
        ),
        (
            SMALL + "  class_weight: {x: .inf}",
            ("line 4", "dataset.class_weight.x is Infinity", "finite"),
        ),
        (
            SMALL + "  class_weight: [1, 2]",
            ("line 4", "dataset.class_weight is a list", "balanced or a mapping"),
        ),
        (SMALL + "  split: 0.2", ("line 4", "dataset.split is 0.2", "mapping")),
        (
            SMALL.replace("species", "[a, b, a]"),
            ("line 3", "dataset.target names 'a' twice", "once"),
        ),
        (SMALL.replace("species", "[]"), ("line 3", "dataset.target is empty", "at least one")),
        (
            SMALL.replace("flowers.csv", "{test: u.csv}"),
            ("line 2", "dataset.path.train is missing", "file", "train"),
        ),
        (
            SMALL.replace("flowers.csv", "{train: t.csv, dev: u.csv}"),
            ("unknown key dataset.path.dev", "validation"),
        ),
        (
            SMALL + "  reading: {separator: ', '}",
            ("line 4", "dataset.reading.separator is ', '", "single character"),
        ),
        (
            SMALL + "  reading: {separator: ';', quote: ';'}",
            ("line 4", "dataset.reading.quote", "must differ"),
        ),
        (
            SMALL + "  reading: {decimal: ';'}",
            ("line 4", "dataset.reading.decimal is ';'", "'.' or ','"),
        ),
        (
            SMALL + "  reading: {decimal: ',', thousands: ','}",
            ("line 4", "dataset.reading.thousands", "must differ"),
        ),
        (
            SMALL + "  reading: {encoding: utf-9}",
            ("line 4", "dataset.reading.encoding is 'utf-9'", "cp1252"),
        ),
        (
            SMALL + "  reading: {missing: []}",
            ("line 4", "dataset.reading.missing is empty", "at least one"),
        ),
        (
            SMALL + "  storage: cloud",
            ("line 4", "dataset.storage is 'cloud'", "auto, memory or disk"),
        ),
        (
            SMALL + "  roles: {a: text}",
            ("line 4", "dataset.roles.a is 'text'", "categorical", "ignored"),
        ),
        (
            SMALL + "  drop_missing_targets: 1",
            ("line 4", "dataset.drop_missing_targets is 1", "true or false"),
        ),
        (
            SMALL + "  preprocessing:\n    columns: {a: {kind: ordinal, order: [x, y, x]}}",
            ("line 5", "dataset.preprocessing.columns.a.order names 'x' twice"),
        ),
        (
            SMALL + "  preprocessing: {columns: {a: l2_rows}}",
            (
                "line 4",
                "dataset.preprocessing.columns.a is 'l2_rows'",
                "robust",
                "embedding",
                "date",
            ),
        ),
        (
            SMALL + "  split: {validation: 1.0}",
            ("line 4", "dataset.split.validation is 1.0", "less than 1"),
        ),
        (SMALL + "  split: {test: -1}", ("line 4", "dataset.split.test is -1", "at least 0")),
        (
            SMALL + "  split: {validation: 0.5, test: 0.5}",
            ("line 4", "dataset.split", "0.5", "below 1"),
        ),
        (
            SMALL + "architecture: {hidden: 4}",
            ("line 4", "architecture.hidden is 4", "list, such as [4]"),
        ),
        (
            SMALL + "folds: 3\nmembers: 2",
            ("members is 2; it must be a list of members, such as [{name: deep}",),
        ),
        (
            SMALL + "architecture: {hidden: [0]}",
            ("line 4", "architecture.hidden.0 is 0", "at least 1"),
        ),
        (
            SMALL + "architecture: {hidden: [4.5]}",
            ("line 4", "architecture.hidden.0 is 4.5", "whole number"),
        ),
        (
            SMALL + "architecture: {activation: 3}",
            ("line 4", "architecture.activation is 3", "relu", "kind"),
        ),
        (
            SMALL + "architecture:\n  layers: [7]",
            ("line 5", "architecture.layers.0 is 7", "dense", "kind"),
        ),
        (
            SMALL + "architecture:\n  layers: [{units: 7}]",
            ("line 5", "architecture.layers.0 needs", "kind", "dense"),
        ),
        (
            SMALL + "architecture:\n  hidden: [3]\n  layers: [{kind: dense, units: 2}]",
            ("line 6", "architecture.layers", "hidden", "keep one"),
        ),
        (
            SMALL
            + "architecture:\n  layers:\n"
            + "    - {kind: dense, units: 2,\n       initializer: explicit}",
            ("line 7", "architecture.layers.0.initializer.values is missing"),
        ),
        (SMALL + "training: 7", ("line 4", "training is 7", "mapping")),
        (SMALL + "training: {epochs: -1}", ("line 4", "training.epochs is -1", "at least 1")),
        (SMALL + "training: {epochs: 0}", ("line 4", "training.epochs is 0", "at least 1")),
        (SMALL + "training: {epochs: 2.5}", ("line 4", "training.epochs is 2.5", "whole number")),
        (SMALL + "training: {epochs: null}", ("line 4", "training.epochs is null", "whole number")),
        (
            SMALL + "training: {learning_rate: 0}",
            ("line 4", "training.learning_rate is 0", "greater than 0"),
        ),
        (
            SMALL + "training: {learning_rate: .nan}",
            ("line 4", "training.learning_rate is NaN", "finite"),
        ),
        (
            SMALL + "training: {learning_rate: .inf}",
            ("line 4", "training.learning_rate is Infinity", "finite"),
        ),
        (
            SMALL + "training: {learning_rate: '1e-3'}",
            ("line 4", "'1e-3'", "number", "remove the quotes"),
        ),
        (
            SMALL + "training: {shuffle: yes}",
            ("line 4", "training.shuffle is 'yes'", "true or false"),
        ),
        (SMALL + "training: {shuffle: 1}", ("line 4", "training.shuffle is 1", "true or false")),
        (
            SMALL + "training:\n  batch_size: 0",
            ("line 5", "training.batch_size is 0", "at least 1", "full"),
        ),
        (
            SMALL + "training: {batch_size: many}",
            ("line 4", "training.batch_size is 'many'", "whole number or full"),
        ),
        (SMALL + "training: {optimizer: 7}", ("line 4", "training.optimizer is 7", "adam", "kind")),
        (
            SMALL + "training: {optimizer: [adam]}",
            ("line 4", "training.optimizer is a list", "adam", "kind"),
        ),
        (
            SMALL + "training: {gradient_clipping: {norm: 0}}",
            ("line 4", "gradient_clipping.norm is 0", "greater"),
        ),
        (
            SMALL + "training: {early_stopping: {patience: 0}}",
            ("line 4", "early_stopping.patience is 0", "at least 1"),
        ),
        (SMALL + "training: {precision: float16}", ("line 4", "'float16'", "float32 or float64")),
        (SMALL + "training: {keep: all}", ("line 4", "training.keep is 'all'", "best or last")),
        (
            SMALL + "training: {target_loss: .nan}",
            ("line 4", "training.target_loss is NaN", "finite"),
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_its_value_and_what_is_allowed(
    text: str, parts: tuple[str, ...]
) -> None:
    assert_says(problem(text), "flowers.yaml", *parts)


@pytest.mark.parametrize("setting", ["hidden: -4", "layers: 4"])
def test_a_list_that_would_be_refused_is_not_advised(setting: str) -> None:
    text = problem(f"{SMALL}architecture: {{{setting}}}")
    assert text.endswith(f"{setting.replace(':', ' is')}; it must be a list")


def test_text_that_is_no_finite_number_is_not_told_to_lose_quotes_it_never_had() -> None:
    assert "quotes" not in problem(SMALL + "training: {learning_rate: nan}")


def test_every_problem_is_reported_at_once_in_the_order_of_the_file() -> None:
    text = """\
trainning: {}
seed: -1
dataset: {path: t.csv,
  target: {a: 3},
  featurs: [a]}
architecture:
  layers:
    - {kind: dense, units: 0}
    - {kind: drop, rate: 0.5}
    - {kind: dropout, rate: 1}
training:
  epochs: 1.5
  optimizer: {kind: adam, beta_1: 2, beta2: 0.9}
  loss: mse
"""
    found = problems(text)
    lines = [int(message.split(":")[0].removeprefix("flowers.yaml, line ")) for message in found]
    assert lines == sorted(lines)
    assert lines == [1, 2, 4, 5, 8, 9, 10, 12, 13, 13, 14]
    assert_says(
        "\n".join(found), "trainning", "seed", "dataset.target", "featurs", "beta_1", "beta2", "mse"
    )


@pytest.mark.parametrize(("place", "component"), components())
def test_each_bound_of_each_component_holds(place: str, component: type) -> None:
    words = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}
    for sides in (
        ("gt", "ge"),
        ("lt", "le"),
        (),
    ):  # every key too small, every key too large, every key nan
        bad: dict[str, float] = {}
        expected: list[str] = []
        for field in dataclasses.fields(component):
            if not sides and "allow_inf_nan" in field.metadata:
                bad[field.name] = float("nan")
                expected.append(f"{place}.{field.name} is NaN")
            for key in field.metadata.keys() & set(sides):
                bound = field.metadata[key]
                bad[field.name] = bound + {"gt": 0, "ge": -1, "lt": 0, "le": 1}[key]
                expected.append(
                    f"{place}.{field.name} is {bad[field.name]}; it must be {words[key]} {bound:g}"
                )
        if bad:
            assert_says(
                "\n".join(problems(config_with(place, {**needed(component), **bad}))), *expected
            )


@pytest.mark.parametrize(("place", "component"), components())
def test_an_unknown_key_of_a_component_is_answered_with_those_it_has(
    place: str, component: type
) -> None:
    message = problem(config_with(place, {**needed(component), "zzzz": 1}))
    assert_says(message, f"unknown key {place}.zzzz", "allowed here: kind", *hints(component))


@pytest.mark.parametrize(
    ("section", "key", "meant"),
    [
        ("", "trainning", "training"),
        ("", "Seed", "seed"),
        ("dataset", "featurs", "features"),
        ("dataset.split", "stratified", "stratify"),
        ("dataset.preprocessing", "numerical", "numeric"),
        ("dataset.reading", "seperator", "separator"),
        ("dataset", "drop_missing_target", "drop_missing_targets"),
        ("architecture", "hiden", "hidden"),
        ("architecture.output", "activations", "activation"),
        ("training", "epoch", "epochs"),
        ("training", "learning-rate", "learning_rate"),
        ("training.early_stopping", "patiance", "patience"),
        ("training", "lr", "learning_rate"),
        ("", "max_iter", "training.epochs"),
        ("", "random_state", "seed"),
        ("training.gradient_clipping", "norms", "norm"),
    ],
)
def test_an_unknown_key_of_a_section_is_answered_with_a_near_miss(
    section: str, key: str, meant: str
) -> None:
    path = f"{section}.{key}".removeprefix(".")
    message = problem(SMALL, f"{path}=1")
    assert_says(
        message,
        f"--set {path}=1",
        f"unknown key {path}",
        "allowed here:",
        f"did you mean '{meant}'?",
    )


@pytest.mark.parametrize(
    ("place", "word", "meant"),
    [
        ("training.optimizer", "adan", "adam"),
        ("training.optimizer", "RMSprop", "rmsprop"),
        ("training.loss", "squared_eror", "squared_error"),
        ("training.schedule", "cosin", "cosine"),
        ("architecture.activation", "reluu", "relu"),
        ("architecture.output.activation", "softmx", "softmax"),
        ("architecture.output.initializer", "he_norml", "he_normal"),
        ("task", "regresion", "regression"),
        ("training.batch_size", "Full", "full"),
        ("training.precision", "float-32", "float32"),
        ("dataset.preprocessing.numeric", "minmax", "min_max"),
        ("dataset.preprocessing.numeric", "quantil", "quantile"),
        ("dataset.preprocessing.categorical", "onehot", "one_hot"),
        ("dataset.preprocessing.columns.petal", "robustt", "robust"),
        ("dataset.roles.petal", "categorial", "categorical"),
        ("dataset.storage", "disc", "disk"),
        ("dataset.class_weight", "balance", "balanced"),
    ],
)
def test_a_misspelt_word_is_answered_with_a_near_miss(place: str, word: str, meant: str) -> None:
    message = problem(SMALL, f"{place}={word}")
    assert_says(
        message, f"--set {place}={word}", f"{place} is '{word}'", meant, f"did you mean '{meant}'?"
    )


@pytest.mark.parametrize("place", PLACES)
def test_an_unknown_kind_is_answered_with_every_kind(place: str) -> None:
    message = problem(config_with(place, {"kind": "zzzz"}))
    assert_says(message, f"{place} is 'zzzz'", *map(str, map(kind_of, get_args(PLACES[place]))))


# --set


def test_settings_win_over_the_file_and_later_ones_over_earlier_ones() -> None:
    text = SMALL + "training: {epochs: 7, optimizer: adam}\n"
    config = loaded(text, "training.epochs=8", "training.epochs=9", "training.l2=1e-2", "seed=3")
    assert (config.training.epochs, config.training.l2, config.seed) == (9, 0.01, 3)
    assert loaded(text, "training.optimizer=rmsprop").training.optimizer.kind == "rmsprop"
    assert loaded(text, "training={epochs: 2}").training.epochs == 2


def test_a_setting_reaches_inside_a_bare_word_and_inside_a_default() -> None:
    text = SMALL + "training: {optimizer: nadam}\n"
    inside = loaded(text, "training.optimizer.beta_1=0.8").training.optimizer
    assert (inside.kind, inside.beta_1) == ("nadam", 0.8)  # type: ignore[union-attr]
    default = loaded(SMALL, "training.optimizer.beta_1=0.8").training.optimizer
    assert (default.kind, default.beta_1) == ("adam", 0.8)  # type: ignore[union-attr]
    layers = SMALL + "architecture: {layers: [{kind: dense, units: 2}]}\n"
    set_to_5 = loaded(layers, "architecture.layers.0.units=5")
    assert set_to_5.architecture.layers[0].units == 5  # type: ignore


def test_a_problem_names_the_setting_it_came_from_and_only_that() -> None:
    text = SMALL + "seed: -1\ntraining: {epochs: 0}\n"
    assert_says(
        problem(text.replace("seed: -1\n", ""), "training.epochs=-5"), "--set training.epochs=-5"
    )
    found = problems(text, "training.batch_size=0")
    assert any(message.startswith("flowers.yaml, line 4: seed") for message in found)
    assert any(message.startswith("flowers.yaml, line 5: training.epochs") for message in found)


def test_a_batch_size_from_a_setting_is_blamed_on_the_setting() -> None:
    assert_says(
        problem(SMALL + "training: {epochs: 3}\n", "training.batch_size=0"),
        "--set training.batch_size=0",
    )


# The way back


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configs_come_back_the_same(path: Path) -> None:
    config = load_config(read_file(path)).config
    assert round_trip(config) == config
    assert as_data(round_trip(config)) == as_data(config)


def test_a_written_config_holds_every_default_and_each_kind_first() -> None:
    data = as_data(loaded())
    assert {*data, "extends"} == {field.name for field in dataclasses.fields(Config)}
    assert set(data["dataset"]) == {field.name for field in dataclasses.fields(Dataset)}
    assert next(iter(data["training"]["optimizer"])) == "kind"
    assert data["training"]["epochs"] == 100


def test_awkward_words_and_numbers_come_back_the_same() -> None:
    data = {
        "name": "1e-3",
        "dataset": {
            "path": "a: b #c.csv",
            "target": "no",
            "features": [
                "yes",
                "1",
                "größe, cm",
                "epoch",
                "null",
                "a.b",
                " x ",
                "a\x85b",
                "0x1F",
                "2024-01-01",
            ],
            "class_weight": {"no": 0.1, "1": 1e-3, "off": 3},
        },
        "training": {"learning_rate": 1e-7, "l2": 0.1 + 0.2, "epochs": 12},
    }
    config = load_config(parse_source(yaml_text(data), "awkward.yaml")).config
    assert config.dataset.features == data["dataset"]["features"]  # type: ignore[index]
    assert config.training.l2 == 0.1 + 0.2
    assert round_trip(config) == config


def test_what_is_said_of_a_table_comes_back_the_same() -> None:
    text = """\
dataset:
  path: {train: a.csv, test: "b/*.csv"}
  target: [x, "no"]
  drop_missing_targets: true
  storage: disk
  reading: {separator: "\\t", decimal: ",", thousands: "'", missing: ["-", "999"], encoding: cp1252}
  roles: {id: ignored, zip: categorical}
  split: {group: patient, test: 40}
  preprocessing:
    numeric: robust
    categorical: {kind: embedding, size: 3}
    missing: refuse
    columns:
      size: {kind: ordinal, order: [S, M, L]}
      age: {kind: quantile, quantiles: 10}
      day: date
"""
    config = loaded(text)
    dataset, wishes = config.dataset, config.dataset.preprocessing
    assert dataset.targets == ["x", "no"]
    assert (dataset.reading.separator, dataset.reading.missing) == ("\t", ["-", "999"])
    assert {name: one.kind for name, one in wishes.columns.items()} == {
        "size": "ordinal",
        "age": "quantile",
        "day": "date",
    }
    assert (wishes.numeric.kind, wishes.categorical.kind, wishes.missing.kind) == (
        "robust",
        "embedding",
        "refuse",
    )
    assert round_trip(config) == config
    assert loaded(text, "dataset.preprocessing.columns.age=min_max").dataset.preprocessing.columns[
        "age"
    ].kind == ("min_max")
    inside = loaded(
        text,
        "dataset.preprocessing.numeric.kind=quantile",
        "dataset.preprocessing.numeric.quantiles=9",
    )
    assert inside.dataset.preprocessing.numeric == Quantile(quantiles=9)


# The loaded config


def test_a_loaded_config_names_a_keys_file_line_and_path(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("dataset: {path: t.csv, target: y}\ntraining:\n  epochs: 5\n")
    read = read_config(file, ["seed=3"])
    assert read.folder == tmp_path
    error = read.error(("training", "epochs"), "is 5")
    assert isinstance(error, ConfigError)
    assert error.problems == [f"{file}, line 3: training.epochs is 5"]
    assert read.problem(("seed",), "is 3") == "--set seed=3: seed is 3"
    changed = read.override(["training.epochs=7"])
    assert (changed.config.training.epochs, changed.config.seed) == (7, 3)
    assert (changed.folder, read.config.training.epochs) == (tmp_path, 5)
