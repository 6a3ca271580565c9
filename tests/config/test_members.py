"""Members: partial configs, each completed by the config around it; messages name their lines."""

import pytest

from bpnet.config.loading import as_data, load_config
from bpnet.config.source import parse_source, yaml_text
from bpnet.engine.layers import Dense, Scale
from bpnet.engine.optimizers import Adam, AdamW
from bpnet.errors import ConfigError

CONFIG = """\
dataset:
  path: t.csv
  target: y
  preprocessing: {numeric: robust}
architecture: {hidden: [16], activation: silu}
training:
  epochs: 7
  optimizer: {kind: adamw, weight_decay: 0.1}
folds: 3
members:
- name: same
- name: other
  dataset: {preprocessing: {numeric: quantile}}
  architecture: {layers: [scale, {kind: dense, units: 4}]}
  training: {learning_rate: 0.5, optimizer: adam}
- training: {optimizer: {weight_decay: 0.3}}
"""


def load(text=CONFIG):
    return load_config(parse_source(text, "c.yaml"))


def test_a_member_has_what_it_says_and_inherits_the_rest():
    loaded = load()
    same, other, third = (loaded.of_member(k).config for k in range(3))
    assert same.architecture == loaded.config.architecture
    assert same.training == loaded.config.training
    assert other.dataset.preprocessing.numeric.kind == "quantile"
    assert [type(layer) for layer in other.architecture.layers] == [Scale, Dense]
    assert other.architecture.hidden is None
    assert (other.training.epochs, other.training.learning_rate) == (7, 0.5)
    assert other.training.optimizer == Adam()
    # settings without a kind complete the component that they inherit
    assert third.training.optimizer == AdamW(weight_decay=0.3)
    assert third.dataset.preprocessing.numeric.kind == "robust"


def test_a_config_written_out_is_read_back_the_same():
    loaded = load()
    text = yaml_text(as_data(loaded.config))
    assert load(text).config == loaded.config


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("- training: {epochs: 0}", "c.yaml, line 17: members.3.training.epochs is 0; it must be"),
        ("- training: {epoch: 5}", "line 17: unknown key members.3.training.epoch; .*epochs"),
        ("- {nam: x}", "line 17: unknown key members.3.nam; allowed here: name, dataset, .*"),
        ("- dataset: {path: u.csv}", "members.3.dataset.path; allowed here: preprocessing"),
        ("- 5", "c.yaml, line 17: members.3 is 5; it must be a mapping of keys"),
    ],
)
def test_a_mistake_is_reported_where_it_is_written(line, message):
    with pytest.raises(ConfigError, match=message):
        load(CONFIG + line + "\n")


def test_a_mistake_in_what_members_share_is_reported_once():
    with pytest.raises(ConfigError) as raised:
        load(CONFIG.replace("epochs: 7", "epochs: -7"))
    assert raised.value.problems == ["c.yaml, line 7: training.epochs is -7; it must be at least 1"]


def test_a_problem_of_a_member_names_the_line_that_wrote_the_key():
    member = load().of_member(1)
    assert member.problem(("training", "learning_rate"), "x").startswith(
        "c.yaml, line 15: members.1.training.learning_rate x"
    )
    assert member.problem(("training", "epochs"), "x") == "c.yaml, line 7: training.epochs x"


@pytest.mark.parametrize("key", ["members: [{name: a}]", "refit: true"])
def test_members_and_refit_need_folds(key):
    with pytest.raises(ConfigError, match="needs folds, such as --set folds=5"):
        load(f"dataset: {{path: t.csv, target: y}}\n{key}\n")


@pytest.mark.parametrize("members", ["[{name: a}, {}, {name: a}]", "[{}, {name: '1'}]"])
def test_two_members_of_one_name_are_refused(members):
    text = f"dataset: {{path: t.csv, target: y}}\nfolds: 3\nmembers: {members}\n"
    with pytest.raises(ConfigError, match=r"line 3: members names '[a1]' twice; give each"):
        load_config(parse_source(text, "c.yaml"))
