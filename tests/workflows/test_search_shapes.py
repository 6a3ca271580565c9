"""The shapes that a search tries: which keys decide about them, and what cannot be told apart."""

from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT

from bpnet.config.inheritance import read_source
from bpnet.config.search import Dimension
from bpnet.config.search_space import LEAST_DROPOUT, EvenSampler, Space, with_values
from bpnet.config.source import parse_source
from bpnet.integrations.optuna import LearningSampler
from bpnet.runs.trial_log import Trial
from bpnet.workflows.search_importance import confounded_keys
from bpnet.workflows.search_plan import plan_search

DROPOUT, UNITS = "architecture.dropout", "architecture.hidden.0"
RATE, ACTIVATION = "training.learning_rate", "architecture.activation"


@pytest.mark.parametrize(
    ("key", "values", "decides"),
    [
        (DROPOUT, "{low: 0.0, high: 0.5}", False),
        (DROPOUT, "{low: 0, high: 0.5, step: 0.1}", False),
        (DROPOUT, "[0, 0.2]", False),
        ("training.l2", "{low: 0, high: 0.1}", False),
        (RATE, "{low: 0.01, high: 0.1}", False),
        (UNITS, "{low: 4, high: 8}", True),
        (ACTIVATION, "[relu, tanh]", True),
        ("training.batch_size", "[16, 32]", True),
    ],
)
def test_what_has_an_end_at_0_does_not_decide(
    tmp_path: Path, key: str, values: str, decides: bool
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        f"dataset: {{path: {ROOT}/datasets/iris.csv, target: species}}\n"
        "architecture: {hidden: [4]}\n"
        f"search: {{sampler: sobol, space: {{{key}: {values}}}}}\n"
    )
    plan, _, _ = plan_search(read_source(path))
    assert plan.space.shape == ((key,) if decides else ())


@pytest.mark.parametrize(("drawn", "rate"), [(0, LEAST_DROPOUT), (0.0, LEAST_DROPOUT), (0.2, 0.2)])
def test_no_dropout_is_a_layer_that_drops_hardly_anything(drawn: float, rate: float) -> None:
    source = parse_source("dataset: {path: a.csv, target: b}\narchitecture: {hidden: [4]}\n")
    assert with_values(source, {DROPOUT: drawn}).data["architecture"]["dropout"] == rate


def test_shapes_are_tried_beside_those_that_were_good() -> None:
    pytest.importorskip("optuna")
    sizes, activations = [16, 28, 49, 85, 147, 256], ["relu", "tanh", "gelu"]
    space = Space(
        {
            UNITS: Dimension(choices=sizes),
            ACTIVATION: Dimension(choices=activations),
            RATE: Dimension(low=0.001, high=0.1, log=True),
        },
        (UNITS, ACTIVATION),
    )
    trials: list[Trial] = []
    shapes = []
    for number in range(8):
        sampler: Any = EvenSampler(space, 0, sobol=True)
        if number >= 2:
            sampler = LearningSampler(space, maximizes=False, seed=0, evenly=2)
            sampler.begin(1 + number // 2, trials)
        shape = sampler.shape(number)
        shapes.append(tuple(shape.values()))
        for _ in range(16):
            values = {**shape, RATE: 0.01}
            n = len(trials) + 1
            score = 0.1 + sizes.index(shape[UNITS]) + n / 1000
            trials.append(Trial(n, 1, values, "finished", score, [], 9, 9, 1.0, "w"))
    assert len(set(shapes)) >= 5
    assert len({units for units, _ in shapes}) >= 4
    assert {activation for _, activation in shapes} == set(activations)


@pytest.mark.parametrize("when", [None, {ACTIVATION: "relu"}])
def test_draws_do_not_hang_on_which_process_drew_before(when: dict[str, str] | None) -> None:
    pytest.importorskip("optuna")
    space = Space(
        {
            ACTIVATION: Dimension(choices=["relu", "tanh"]),
            RATE: Dimension(low=0.001, high=0.1, log=True, when=when),
        },
        (ACTIVATION,),
    )
    stays = LearningSampler(space, maximizes=False, seed=0, evenly=1)
    trials: list[Trial] = []
    for generation in range(2, 6):
        others = LearningSampler(space, maximizes=False, seed=0, evenly=1)
        drawn = []
        for sampler in (stays, others):
            sampler.begin(generation, trials)
            shapes = [sampler.shape(number) for number in (0, 1)]
            drawn.append([sampler.draw(k, shape) for shape in shapes for k in range(6)])
        assert drawn[0] == drawn[1]
        for values in drawn[0]:
            n = len(trials) + 1
            score = values.get(RATE, 0.05)
            state: Any = "finished" if n % 3 else "stopped"
            trials.append(Trial(n, generation, values, state, score, [(1, score)], 9, 9, 1.0, "w"))


@pytest.mark.parametrize("passes", [1, 2, 3, 8])
def test_each_value_of_each_key_is_tried_whatever_was_good(passes: int) -> None:
    pytest.importorskip("optuna")
    keys = ["a", "b", "c", "d"]
    space = Space({key: Dimension(choices=[0, 1]) for key in keys}, tuple(keys))
    first = EvenSampler(space, 5, sobol=True)
    sampler = LearningSampler(space, maximizes=False, seed=5, evenly=passes)
    sampler.begin(2, [])
    later = [number for number in range(passes, passes + 16) if number % 2]
    shapes = [sampler.shape(number) for number in later]
    for key in keys:
        assert [shape[key] for shape in shapes].count(0) in (3, 4, 5)
    # they go on where the first generation has ended
    assert shapes == [first.shape(passes + k) for k in range(len(later))]


@pytest.mark.parametrize(
    ("trials", "groups"),
    [
        ([(1, "x", 5), (2, "y", 5), (2, "y", 6)], [["a", "b"]]),
        ([(1, "x", 5), (2, "x", 6), (3, "y", 6), (3, "y", 5)], [["a", "b"]]),
        ([(1, "x", 5), (1, "y", 5), (2, "x", 6), (2, "y", 6)], [["a", "c"]]),
        ([(1, "x", 5), (1, "y", 6), (2, "x", 6), (2, "y", 5)], []),
        ([(1, "x", 5), (1, "y", 6)], [["a"], ["b", "c"]]),
    ],
)
def test_keys_that_change_together_are_told(
    trials: list[tuple[Any, ...]], groups: list[list[str]]
) -> None:
    values = [dict(zip("abc", one, strict=True)) for one in trials]
    assert confounded_keys(values, ["a", "b", "c"]) == groups
