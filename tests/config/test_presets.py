"""Presets: expanded beneath the user's keys, and only where the config leaves all to them."""

import pytest

from bpnet.config.loading import as_data, load_config
from bpnet.config.presets.choose import TableSize, preset_keys
from bpnet.config.presets.expand import expand, preset_of
from bpnet.config.source import parse_source, yaml_text

SMALLEST = "dataset: {path: t.csv, target: y}\n"
TASKS = ("classification", "regression", "multilabel")


def load(text=""):
    return load_config(parse_source(SMALLEST + text, "c.yaml"))


def size(rows=500, task="classification", columns=10, by_time=False, budget=False):
    return TableSize(rows, columns, task, by_time, budget)


@pytest.mark.parametrize(
    ("text", "preset"),
    [
        ("", "default"),
        ("seed: 3\ntask: regression\n", "default"),
        ("preset: fast\n", "fast"),
        ("preset: best\ntraining: {epochs: 5}\n", "best"),
        ("preset: null\n", None),
        ("training: {epochs: 5}\n", None),
        ("architecture: {hidden: [4]}\n", None),
        ("replicas: 2\n", None),
        ("folds: 2\n", None),
    ],
)
def test_a_config_that_says_nothing_of_the_network_has_the_default(text, preset):
    assert preset_of(load(text)) == preset


def test_the_encoding_is_part_of_what_a_config_says():
    text = "dataset: {path: t.csv, target: y, preprocessing: {numeric: robust}}\n"
    assert preset_of(load_config(parse_source(text))) is None


@pytest.mark.parametrize("name", ["fast", "default", "best"])
@pytest.mark.parametrize("task", TASKS)
def test_every_preset_is_a_valid_config_for_tables_of_any_size(name, task):
    sizes = [(rows, False) for rows in (1, 2, 20, 599, 600, 9_999, 10_000, 10**6, 10**9)]
    loaded, checked = load(f"preset: {name}\n"), []
    for rows, by_time in [*sizes, (1, True), (600, True), (10**6, True)]:
        expanded = expand(loaded, size(rows, task, by_time=by_time))
        assert preset_of(expanded) is None
        if expanded.config in checked:  # as for another size
            continue
        checked.append(expanded.config)
        # written out, it is the same config, and expands no more
        again = load_config(parse_source(yaml_text(as_data(expanded.config))))
        assert again.config == expanded.config
        assert preset_of(again) is None


def test_what_the_user_sets_stays_in_every_member():
    training = "{learning_rate: 0.5, optimizer: {kind: adamw, weight_decay: 0.7}}"
    expanded = expand(load(f"preset: default\ntraining: {training}\nfolds: 3\n"), size())
    config = expanded.config
    assert config.folds == 3
    for member in config.members:
        assert member.training.learning_rate == 0.5
        assert member.training.optimizer.kind == "adamw"
        assert member.training.optimizer.weight_decay == 0.7
        assert member.training.optimizer.beta_2 == 0.95


def test_the_users_layers_are_those_of_all_members_without_layers_of_their_own():
    expanded = expand(load("preset: default\narchitecture: {hidden: [8]}\n"), size())
    preset = preset_keys("default", size())
    for member, given in zip(expanded.config.members, preset["members"], strict=True):
        if "architecture" in given:
            assert member.architecture.hidden is None
        else:
            assert member.architecture.hidden == [8]


def test_another_optimizer_takes_the_place_of_the_presets():
    expanded = expand(load("preset: default\ntraining: {optimizer: momentum}\n"), size())
    assert {member.training.optimizer.kind for member in expanded.config.members} == {"momentum"}


def test_the_users_members_take_the_place_of_the_presets():
    expanded = expand(load("preset: default\nmembers: [{name: mine}]\n"), size())
    (member,) = expanded.config.members
    assert member.name == "mine"
    assert member.training.optimizer.kind == "adamw"


def test_a_wide_table_has_no_members_that_make_many_inputs_of_a_column():
    names = {
        one: [m["name"] for m in preset_keys("best", size(columns=one))["members"]]
        for one in (1000, 1001)
    }
    assert names == {
        1000: [
            *("plain", "linear", "piecewise", "wide", "firm_ranks"),
            *("wide_ranks", "periodic", "ranks", "narrow"),
        ],
        1001: ["plain", "linear", "wide", "firm_ranks", "wide_ranks", "ranks"],
    }


def test_fast_is_one_kind_of_network_on_folds_and_a_single_one_where_rows_are_many():
    for rows in (20, 9_999):
        keys = preset_keys("fast", size(rows))
        assert (keys["folds"], "members" in keys) == (4, False)
        assert "split" not in keys["dataset"]
    for by_time, share in ((False, 0.1), (True, 0.15)):
        keys = preset_keys("fast", size(10_000, by_time=by_time))
        assert "folds" not in keys
        assert keys["dataset"]["split"] == {"validation": share}


@pytest.mark.parametrize("rows", [300, 1000, 9_999])
def test_the_networks_of_fast_take_half_the_steps_of_a_plain_member(rows):
    steps = {}
    for name in ("fast", "default"):
        keys = preset_keys(name, size(rows))
        plain = keys if name == "fast" else keys | {"training": keys["members"][0]["training"]}
        per_epoch = rows * (keys["folds"] - 1) // keys["folds"] // keys["training"]["batch_size"]
        steps[name] = plain["training"]["epochs"] * per_epoch
    assert steps["fast"] == pytest.approx(steps["default"] / 2, rel=0.1)


def test_best_goes_on_with_further_rounds_as_long_as_a_budget_lasts():
    rounds = {
        (name, budget): preset_keys(name, size(budget=budget)).get("rounds", 1)
        for name in ("fast", "default", "best")
        for budget in (False, True)
    }
    assert rounds.pop(("best", True)) == 10
    assert set(rounds.values()) == {1}
    assert "rounds" not in preset_keys("best", size(200_000, budget=True))  # no folds


def test_networks_of_best_that_train_longer_have_twice_the_epochs():
    epochs = {m["name"]: m["training"]["epochs"] for m in preset_keys("best", size())["members"]}
    assert epochs.pop("linear") == 46
    assert {epochs.pop(name) for name in ("plain", "wide")} == {92}
    assert set(epochs.values()) == {46}


def test_folds_fall_away_where_rows_are_many():
    folds = [
        preset_keys("default", size(rows)).get("folds")
        for rows in (599, 600, 10_000, 50_000, 200_000)
    ]
    assert folds == [8, 6, 4, 3, None]
    keys = preset_keys("default", size(1_000_000))
    assert keys["dataset"]["split"]["validation"] == 20_000
    assert keys["replicas"] == 2
