"""A row's prediction is the same text alone, in its table, in a slice, and as JSON Lines."""

import json
import random

import numpy as np
import pytest
from mixed_tables import FEATURES, mixed_rows, write_mixed
from workflow_runs import predicted, train_text

from bpnet.models.saved_ensemble import load_ensemble

CONFIG = """\
dataset: {{path: t.csv, target: {target}, {dataset}}}
architecture: {{layers: [{layers}]}}
training: {{epochs: 4, learning_rate: 0.02, batch_size: 16, {training}}}
"""
DENSE = "{kind: dense, units: 24, activation: relu}"
RUNS = {
    "classes": ("risk", "", DENSE, "", ""),
    "two-classes-float64": ("grade", "drop_missing_targets: true", DENSE, "precision: float64", ""),
    "embedding-and-norms": (
        "risk",
        "preprocessing: {categorical: embedding}",
        f"{DENSE}, {{kind: batch_normalization, activation: tanh}},"
        " {kind: dense, units: 13}, {kind: layer_normalization, activation: gelu}",
        "",
        "replicas: 3",
    ),
    "labels": ("[sick, glad]", "", DENSE, "", "replicas: 9"),
    "quantities-with-intervals": ("[cost, weight]", "", DENSE, "loss: huber", "folds: 4"),
    "one-quantity": ("cost", "", DENSE, "", "folds: 12"),
    "blended-classes": (
        "risk",
        "",
        DENSE,
        "",
        "folds: 3\nmembers: [{name: a}, {name: b, architecture: {layers: []}}]",
    ),
    "blended-quantities": (
        "cost",
        "",
        DENSE,
        "",
        "folds: 3\nmembers: [{name: a}, {name: b, dataset: {preprocessing: {numeric: quantile}}}]",
    ),
}


@pytest.fixture(scope="module", params=RUNS)
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    target, dataset, layers, training, rest = RUNS[request.param]
    targets = target.strip("[]").split(", ")
    write_mixed(folder / "t.csv", [*FEATURES, *targets])
    text = CONFIG.format(target=target, dataset=dataset, layers=layers, training=training)
    return train_text(folder, text + rest).run


def test_a_row_has_the_same_text_wherever_it_is(run, tmp_path):
    rows = mixed_rows() * 3  # more than fit a piece
    random.Random(3).shuffle(rows)
    rows = [{name: row[name] for name in rows[0] if name in FEATURES} for row in rows]
    levels = [0.5] if "quantit" in run.parents[1].name else []

    def lines(part):
        table = write_mixed(tmp_path / "part.csv", None, part)
        columns = predicted(run, table, levels=levels)
        return list(zip(*(map(json.dumps, values) for values in columns.values()), strict=True))

    together = lines(rows)
    assert lines(rows[::-1]) == together[::-1]
    assert lines(rows[:100]) + lines(rows[100:]) == together
    for k in (0, 1, 17, len(rows) - 1):
        assert lines(rows[k : k + 1]) == together[k : k + 1]
    as_lines = tmp_path / "rows.jsonl"
    as_lines.write_text("".join(json.dumps(row) + "\n" for row in rows[5:9]))
    columns = predicted(run, as_lines, levels=levels)
    texts = list(zip(*(map(json.dumps, values) for values in columns.values()), strict=True))
    assert texts == together[5:9]


def test_networks_apart_from_their_replicas_do_so_too(run):
    model = load_ensemble(run / "model")
    chosen = model.select("1")
    assert all(member.network.rows_apart for member in chosen.members)
    x = [np.random.default_rng(1).normal(size=(50, m.network.inputs)) for m in chosen.members]
    x = [np.abs(np.rint(rows)).astype(model.description.precision) % 2 for rows in x]
    whole = chosen.combine(chosen.predict_each(x))
    alone = [chosen.combine(chosen.predict_each([r[k : k + 1] for r in x])) for k in range(50)]
    np.testing.assert_array_equal(np.concatenate(alone), whole)
