"""The positive class: the rarer of two, or the one that the config names."""

import json
from pathlib import Path

import pytest
from workflow_runs import Watcher, train_text, write_csv

from bpnet.config.loading import load_config
from bpnet.config.overrides import apply_overrides
from bpnet.config.source import parse_source
from bpnet.data.targets import Classes
from bpnet.errors import DataError
from bpnet.models.saved_ensemble import load_ensemble
from bpnet.workflows.cv import cross_validate

CONFIG = """\
dataset: {path: t.csv, target: y, split: {validation: 0, test: 0.2}}
architecture: {hidden: []}
training: {epochs: 1}
"""


def target_of(folder: Path) -> Classes:
    target = load_ensemble(folder / "model").description.target
    assert isinstance(target, Classes)
    return target


def table(folder: Path, labels: list[str]) -> None:
    write_csv(folder / "t.csv", ["x", "y"], [[k % 7 + k / 9, y] for k, y in enumerate(labels)])


@pytest.mark.parametrize(
    ("labels", "settings", "positive", "number"),
    [
        (["ok", "ok", "ok", "fraud"] * 10, [], "fraud", 0),
        (["ok", "fraud", "fraud", "fraud"] * 10, [], "ok", 1),
        (["ok", "fraud"] * 20, [], "ok", 1),  # a tie: the last in order
        (["ok", "fraud", "fraud", "fraud"] * 10, ["dataset.positive=fraud"], "fraud", 0),
        (["0", "1", "1"] * 10, ["dataset.positive=1"], "1", 1),
        (["0", "1", "1"] * 10, ["dataset.positive=1.0"], "1", 1),
        (["0", "1", "1"] * 10, ["dataset.positive=true"], "1", 1),
        (["no", "yes", "yes"] * 10, ["dataset.positive='YES'"], "yes", 1),
    ],
)
def test_the_positive_class_is_in_the_model_and_does_not_change_the_order_of_classes(
    labels, settings, positive, number, tmp_path
):
    table(tmp_path, labels)
    run = train_text(tmp_path, CONFIG, *settings).run
    target = target_of(run)
    assert (target.positive, target.positive_number) == (positive, number)
    assert target.classes == sorted(set(labels))
    # the config that the run leaves has it too, and trains the same
    assert f"positive: {positive}" in (run / "config.yaml").read_text().replace("'", "")


def test_three_classes_have_none(tmp_path):
    table(tmp_path, ["a", "b", "c"] * 10)
    assert target_of(train_text(tmp_path, CONFIG).run).positive is None


def test_a_class_that_does_not_exist_is_refused(tmp_path):
    table(tmp_path, ["ok", "ok", "fraud"] * 10)
    with pytest.raises(DataError) as caught:
        train_text(tmp_path, CONFIG, "dataset.positive=fraudd")
    assert str(caught.value) == (
        "--set dataset.positive=fraudd: dataset.positive is 'fraudd', which is not a class of "
        "'y'; the classes are 'fraud', 'ok'; did you mean 'fraud'?"
    )


def test_all_folds_have_the_same(tmp_path):
    # in half of the folds the rarer class of the training rows is the other one
    table(tmp_path, ["ok"] * 11 + ["fraud"] * 10)
    source = apply_overrides(
        parse_source(CONFIG, "case.yaml", tmp_path), ["dataset.split.stratify=false"]
    )
    result = cross_validate(
        load_config(source),
        folds=3,
        repeats=2,
        runs=tmp_path / "runs",
        name=None,
        command=["bpnet"],
        watcher=FoldsWatcher(),
    )
    members = load_ensemble(result.run / "model").members
    assert {member.description.target.positive for member in members} == {"fraud"}


def test_a_model_without_the_key_has_the_second_class(tmp_path):
    table(tmp_path, ["ok", "ok", "fraud"] * 10)
    run = train_text(tmp_path, CONFIG).run
    path = run / "model" / "model.json"
    description = json.loads(path.read_text())
    del description["target"]["positive"]
    path.write_text(json.dumps(description))
    assert target_of(run).positive_number == 1


class FoldsWatcher(Watcher):
    """A watcher of a cross-validation."""

    def begin_pass(self, *_: object) -> None:
        pass
