"""A table is the same table in every format: roles, splits, encoded rows and predictions."""

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from table_files import Values, write_all
from workflow_runs import predicted, train_text

from bpnet.config.loading import load_config
from bpnet.config.source import parse_source
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.prepare import prepare

ROWS = 120
TARGETS: dict[str, list[object]] = {
    "classes": ["thé", "café crème", "eau"],
    "yes or no": [True, False],
    "codes": [1, 2, 3],
    "quantity": [],
}


def values(seed: int, target: str) -> Values:
    """Return a table with a column of every kind, of which some have missing values."""
    rng = np.random.default_rng(seed)

    def drawn(choices: list[object]) -> list[object]:
        return [choices[k] for k in rng.integers(len(choices), size=ROWS)]

    def with_gaps(cells: list[object]) -> list[object]:
        gaps = rng.random(ROWS) < 0.1
        return [None if gap else cell for cell, gap in zip(cells, gaps, strict=True)]

    first, choices = date(2019, 1, 1), TARGETS[target]
    cities = ["Oslo", "São Paulo", "New York, NY", 'the "old" town', "Ísafjörður"]
    minutes = rng.integers(0, 10**6, ROWS)
    days = [first + timedelta(int(k)) for k in rng.integers(0, 900, ROWS)]
    return {
        "amount": with_gaps(np.round(rng.normal(50, 20, ROWS), 2).tolist()),
        "count": rng.integers(-5, 400, ROWS).tolist(),
        "halves": with_gaps((rng.integers(0, 30, ROWS) / 2 + 0.25).tolist()),
        "large": (rng.integers(1, 99, ROWS) * 10**6).tolist(),
        "rated": with_gaps(rng.integers(1, 6, ROWS).tolist()),
        "paid": with_gaps(drawn([True, False])),
        "day": with_gaps(days),
        "moment": [datetime(2020, 2, 28, 23) + timedelta(minutes=int(k)) for k in minutes],
        "grade": with_gaps(drawn([1.0, 2.0, 3.0])),
        "glad": drawn(["yes", "no"]),
        "city": with_gaps(drawn(cities)),
        "code": drawn(["007", "7b", "010", "1-2"]),
        "blank": [None] * ROWS,
        "y": drawn(choices) if choices else np.round(rng.normal(0, 3, ROWS), 3).tolist(),
    }


def prepared(path: Path, settings: str = "") -> EncodedDataset:
    config = f"dataset: {{path: {path.name}, target: y{settings}}}\ntraining: {{epochs: 3}}\n"
    return prepare(load_config(parse_source(config, "c.yaml", path.parent)))


def assert_same(one: EncodedDataset, other: EncodedDataset, name: str) -> None:
    roles, found = (
        {column: each.role for column, each in data.split.column_roles.detected.items()}
        for data in (one, other)
    )
    assert found == roles, name
    assert other.split.target_values.task == one.split.target_values.task, name
    assert other.split.target_values.classes == one.split.target_values.classes, name
    for part, rows in one.split.parts.items():
        np.testing.assert_array_equal(other.split.parts[part], rows, name)
        np.testing.assert_array_equal(other.rows[part].x, one.rows[part].x, name)
        np.testing.assert_array_equal(other.rows[part].y, one.rows[part].y, name)


@pytest.mark.parametrize("target", TARGETS)
def test_roles_splits_and_rows_are_those_of_the_table(tmp_path: Path, target: str) -> None:
    first, *others = write_all(values(1, target), tmp_path)
    one = prepared(first)
    roles = {column: each.role for column, each in one.split.column_roles.detected.items()}
    assert roles == {
        **dict.fromkeys(("amount", "count", "halves", "large", "rated", "grade"), "numeric"),
        **dict.fromkeys(("paid", "glad"), "boolean"),
        **dict.fromkeys(("day", "moment"), "date"),
        "city": "categorical",
        "code": "categorical",
        "blank": "ignored",
    }
    for path in others:
        assert_same(one, prepared(path), path.name)


@pytest.mark.parametrize(
    "settings",
    [
        ", split: {group: rated}",
        ", split: {group: city}",
        ", split: {time: day}, features: [amount, day]",
        ", split: {time: moment}",
        ", roles: {rated: categorical, grade: categorical, paid: categorical}",
        ", class_weight: {1: 2, 2: 1, 3: 0.5}",
    ],
    ids=["groups of numbers", "groups of text", "days", "moments", "categories", "class weights"],
)
def test_what_the_config_names_is_the_same_in_every_format(tmp_path: Path, settings: str) -> None:
    table = {**values(2, "codes")}
    for name in ("rated", "city", "day"):
        table[name] = [table[name][0] or 1 if cell is None else cell for cell in table[name]]
    first, *others = write_all(table, tmp_path)
    one = prepared(first, settings)
    for path in others:
        assert_same(one, prepared(path, settings), path.name)


@pytest.mark.parametrize("target", ["classes", "yes or no", "quantity"])
def test_predictions_are_those_of_the_table(tmp_path: Path, target: str) -> None:
    first, *others = write_all(values(3, target), tmp_path)
    config = f"dataset: {{path: {first.name}, target: y}}\ntraining: {{epochs: 3}}\n"
    run = train_text(tmp_path, config).run
    expected = predicted(run, first, keep=[])
    for path in others:
        assert predicted(run, path, keep=[]) == expected, path.name
