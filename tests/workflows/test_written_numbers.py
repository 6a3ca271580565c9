"""Numbers written in any way train the same network, and are predicted and scored alike."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from workflow_runs import Watcher, predicted, read_json, train_text, weights_of, write_csv, written

from bpnet.errors import DataError
from bpnet.workflows.eval import evaluate

CONFIG = """
dataset:
  path: t.csv
  target: price
  sample_weight: weight
  split: {time: order}
  roles: {order: numeric}
architecture: {hidden: [4]}
training: {epochs: 2, precision: float64}
"""
COLUMNS = ["size", "rooms", "weight", "order", "price"]


def values() -> np.ndarray:
    """Rows (60, 5) of sizes, rooms, weights, times and prices, with fractions and thousands."""
    rng = np.random.default_rng(5)
    size = rng.integers(200, 20_000, 60) + 0.25
    order = rng.permutation(np.arange(900, 3900, 50))
    return np.column_stack(
        [size, rng.integers(1, 9, 60), rng.integers(1, 4, 60) / 2, order, 12.5 * size - 40_000]
    )


def swapped(text: str) -> str:
    return text.translate(str.maketrans(",.", ".,"))


WAYS: dict[str, Callable[[float], str]] = {
    "thousands": lambda v: f"{v:,}",
    "German": lambda v: swapped(f"{v:,}"),
    "French": lambda v: swapped(f"{v:,}").replace(".", "\u202f"),
    "Swiss": lambda v: f"{v:,}".replace(",", "’"),
    "dollars": lambda v: f"${v:,}".replace("$-", "-$"),
    "euros": lambda v: f"{swapped(f'{v:,}')}\u00a0€",
    "accounting": lambda v: f"({-v:,})" if v < 0 else f"{v:,}",
    "percent": lambda v: f"{v} %",
    "minus": lambda v: f"{v}".replace("-", "\u2212"),
    "scientific": lambda v: f"{v:+.17e}",
}


def write(path: Path, way: Callable[[float], str]) -> None:
    write_csv(path, COLUMNS, [[way(value) for value in row] for row in values().tolist()])


@pytest.fixture(scope="module")
def plain_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plain")
    write(folder / "t.csv", str)
    return train_text(folder, CONFIG).run


@pytest.mark.parametrize("name", WAYS)
def test_numbers_written_in_any_way_train_the_same_network(name, plain_run, tmp_path):
    write(tmp_path / "t.csv", WAYS[name])
    watcher = Watcher()
    run = train_text(tmp_path, CONFIG, watcher=watcher).run
    assert watcher.prepared.warnings == []
    for key, weights in weights_of(plain_run).items():
        np.testing.assert_array_equal(weights_of(run)[key], weights)
    plain = plain_run.parents[1] / "t.csv"
    for table in (tmp_path / "t.csv", plain):
        assert (
            predicted(run, table)["predicted_price"]
            == predicted(plain_run, plain)["predicted_price"]
        )
        metrics = evaluate(run, str(table), all_rows=True, resamples=5).scores.figures
        assert metrics == evaluate(plain_run, None, all_rows=True, resamples=5).scores.figures


def test_new_tables_are_read_by_the_format_of_the_model(tmp_path):
    rows = [[f"{0.2 + k * 0.0375:.4f}".replace(".", ","), k * k % 41, 2 * k] for k in range(40)]
    write_csv(tmp_path / "t.csv", ["weight", "length", "y"], rows)
    run = train_text(
        tmp_path, "dataset: {path: t.csv, target: y}\ntask: regression\ntraining: {epochs: 1}\n"
    ).run
    encoder = read_json(run / "model" / "model.json")["encoder"]
    assert encoder["columns"][0]["number_format"]["decimal"] == ","

    def prediction(*weights: str) -> list[float]:
        write_csv(tmp_path / "new.csv", ["weight", "length"], [[cell, "3"] for cell in weights])
        return predicted(run, tmp_path / "new.csv")["predicted_y"]

    expected = prediction("0,25", "1,125", "1,5")
    assert prediction("0.25", "1.125", "1.5") == expected
    # a row by itself is not computed to the last bit as within others
    assert prediction("1,125") == pytest.approx(expected[1:2], rel=1e-6)
    with pytest.raises(
        DataError, match="'25%' has a percent sign, unlike the training rows; write it as there"
    ):
        prediction("25%")
    with pytest.raises(DataError, match=r"'1\.5' is not written like '0,25'"):
        prediction("0,25", "1.5", "2.5")
    # as a German spreadsheet writes 1125
    doubt = r"'1\.125' may be 1.125 or 1125; add --set dataset.reading.decimal=. for the one"
    with pytest.raises(DataError, match=doubt):
        prediction("1.125")
    settled = predicted(run, tmp_path / "new.csv", reading=["dataset.reading.decimal=."])
    assert settled["predicted_y"] == pytest.approx(expected[1:2], rel=1e-6)


def test_percentages_without_their_sign_are_noticed(tmp_path):
    rows = [[f"{k % 17}%", k * k % 41, 2 * k] for k in range(40)]
    write_csv(tmp_path / "t.csv", ["rate", "length", "y"], rows)
    run = train_text(
        tmp_path, "dataset: {path: t.csv, target: y}\ntask: regression\ntraining: {epochs: 1}\n"
    ).run

    def notes(*cells: object) -> list[str]:
        path = tmp_path / "new.jsonl"
        path.write_text("".join(json.dumps({"rate": cell, "length": 3}) + "\n" for cell in cells))
        return written(run, path)[1].flags.notes

    assert notes("25%", "2.5 %") == []
    assert notes(None, None) == []
    note = (
        "column 'rate': its numbers have no percent sign, unlike those of the training: '0.25' is "
        "read as 0.25 %; if they are shares, multiply them by 100"
    )
    assert notes(0.25, 0.5) == notes("0.25", "0.5") == [note]


def test_a_target_of_percentages_without_their_sign_is_noticed(tmp_path):
    rows = [[k * k % 41, f"{k % 17 + 0.5}%"] for k in range(40)]
    write_csv(tmp_path / "t.csv", ["length", "rate"], rows)
    text = "dataset: {path: t.csv, target: rate}\ntraining: {epochs: 1}\n"
    run = train_text(tmp_path, text).run
    assert evaluate(run, str(tmp_path / "t.csv"), all_rows=True).warnings[1:] == []
    write_csv(tmp_path / "new.csv", ["length", "rate"], [[k + 0.5, 0.25] for k in range(9)])
    (note,) = evaluate(run, str(tmp_path / "new.csv")).warnings
    assert "'0.25' is read as 0.25 %" in note


def test_a_target_with_ambiguous_marks_is_read_with_a_warning(tmp_path):
    rows = [[k * k % 41, f"{100 + k},500"] for k in range(40)]
    write_csv(tmp_path / "t.csv", ["x", "y"], rows)
    config = "dataset: {path: t.csv, target: y}\ntraining: {epochs: 1}\n"
    for settings, warnings, mean in (
        ([], 1, 120_000),
        (["dataset.reading.thousands=,"], 0, 120_000),
        (["dataset.reading.decimal=,"], 0, 120),
    ):
        watcher = Watcher()
        run = train_text(tmp_path, config, *settings, watcher=watcher).run
        assert len(watcher.prepared.warnings) == warnings
        assert all(
            "column 'y': '100,500' is read as 100500" in text for text in watcher.prepared.warnings
        )
        (scale,) = read_json(run / "model" / "model.json")["target"]["scales"]
        assert scale["subtract"] == pytest.approx(mean, rel=0.05)
