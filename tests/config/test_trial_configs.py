"""The configs of trials: those with other numbers in their places are as `load_config` reads them.

So there is one meaning of a draw, whichever way its config is made.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpnet.config.loading import LoadedConfig, load_config
from bpnet.config.search import Dimension
from bpnet.config.search_space import Space, in_order, with_values
from bpnet.config.source import Source, parse_source
from bpnet.config.trial_configs import TrialConfigs
from bpnet.errors import ConfigError

RATE, DROPOUT = "training.learning_rate", "architecture.dropout"
OPTIMIZER, SCHEDULE = "training.optimizer", "training.schedule"
HIDDEN = "architecture: {hidden: [8, 8], dropout: 0.1}"
LISTED = "architecture: {layers: [{kind: dense, units: 4}, dropout, {kind: dense, units: 4}]}"
SPACES: list[tuple[str, dict[str, Any]]] = [
    (HIDDEN, {RATE: {"low": 1e-4, "high": 1, "log": True}, DROPOUT: {"low": 0, "high": 0.5}}),
    (LISTED, {DROPOUT: {"low": 0, "high": 0.5}, "training.l2": {"low": 0, "high": 1, "step": 0.5}}),
    (LISTED, {"architecture.layers.1.rate": {"low": 0, "high": 0.9}, RATE: [0.1, 0.2]}),
    (
        "",
        {
            OPTIMIZER: {"choices": ["momentum", "adamw", {"kind": "adam", "beta_1": 0.8}]},
            f"{OPTIMIZER}.weight_decay": {
                "low": 0.01,
                "high": 1,
                "log": True,
                "when": {OPTIMIZER: "adamw"},
            },
            f"{OPTIMIZER}.beta_1": {"low": 0.8, "high": 0.99, "when": {OPTIMIZER: "adamw"}},
        },
    ),
    (
        "training: {schedule: cosine}",
        {
            f"{SCHEDULE}.warmup_epochs": {"low": 0, "high": 5, "integer": True},
            "training.batch_size": {"low": 8, "high": 64, "integer": True},
            "architecture.hidden.0": {"low": 1, "high": 64, "integer": True},
        },
    ),
    (
        "architecture: {hidden: [3]}",
        {
            "architecture.hidden.0": {"low": 1, "high": 64, "integer": True},
            "training.gradient_clipping.norm": {"low": 1, "high": 8, "integer": True},
            "training.optimizer.epsilon": {"low": 1e-9, "high": 1e-7, "log": True},
            "training.epochs": {"low": 1, "high": 9, "integer": True},
        },
    ),
]


def configs_of(text: str, dimensions: dict[str, Any]) -> TrialConfigs:
    base = parse_source(f"dataset: {{path: a.csv, target: b}}\n{text}\n")
    ranges = {
        key: Dimension(choices=one) if isinstance(one, list) else Dimension(**one)
        for key, one in dimensions.items()
    }
    return TrialConfigs(base, Space(in_order(ranges)))


def outcome(make: Callable[..., LoadedConfig], *arguments: Any) -> Any:
    """Return a config, or the problems for which it is refused."""
    try:
        return repr(make(*arguments).config)
    except ConfigError as error:
        return error.problems


@pytest.mark.parametrize("number", range(len(SPACES)))
@settings(max_examples=10)
@given(st.data())
def test_it_is_the_config_that_is_read(number: int, data: st.DataObject) -> None:
    configs = configs_of(*SPACES[number])
    shares = st.fixed_dictionaries(dict.fromkeys(configs.space.dimensions, st.floats(0, 1)))
    for one in data.draw(st.lists(shares, min_size=2, max_size=4)):
        values = configs.space.from_shares(one, {})
        read = outcome(load_config, with_values(configs.base, values))
        assert outcome(configs.loaded, values) == read


def test_numbers_are_put_into_a_config_that_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def load(source: Source) -> LoadedConfig:
        read.append(source)
        return load_config(source)

    monkeypatch.setattr("bpnet.config.trial_configs.load_config", load)
    configs = configs_of(*SPACES[3])
    for optimizer in ("adamw", "momentum", "adamw", "momentum", "adamw"):
        shares = {"adamw": 0.5, "momentum": 0.1}
        values = configs.space.from_shares(
            dict.fromkeys(configs.space.dimensions, shares[optimizer]), {}
        )
        assert configs.loaded(values).config.training.optimizer.kind == optimizer
    assert len(read) == 2


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        (RATE, 0.1, -0.1),
        (RATE, 0.1, float("inf")),
        (f"{OPTIMIZER}.beta_1", 0.9, 1.0),
        ("training.epochs", 3, 3.5),
        ("training.epochs", 3, 0),
        (DROPOUT, 0.5, 1.0),
    ],
)
def test_what_a_config_refuses_is_refused_likewise(key: str, good: Any, bad: Any) -> None:
    configs = configs_of(HIDDEN, {key: {"low": -1, "high": 9}})
    assert configs.loaded({key: good})
    with pytest.raises(ConfigError) as read:
        load_config(with_values(configs.base, {key: bad}))
    with pytest.raises(ConfigError) as put:
        configs.loaded({key: bad})
    assert put.value.problems == read.value.problems
