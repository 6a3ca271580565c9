"""Tables of unusual shape, made from a seed, with rows apart to score a model on.

What each can teach is known: nothing (`noise`), a linear rule, or effects of categories.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Columns = dict[str, Any]
"""Columns by name, each with as many cells."""


@dataclass(frozen=True)
class OddTable:
    """A table to train on, rows to score on, and the keys of `dataset` beside path and target."""

    train: Columns
    test: Columns
    target: Any = "y"
    dataset: dict[str, Any] = field(default_factory=dict)
    learnable: bool = True


Maker = Callable[[np.random.Generator, int], Columns]


def _apart(make: Maker, rows: int, test: int = 1000, **keys: Any) -> Callable[[int], OddTable]:
    """Return a maker of a table from a seed: its rows, and others from the same distribution."""

    def made(seed: int) -> OddTable:
        columns = make(np.random.default_rng(seed), rows + test)
        cut = {
            name: (np.asarray(cells)[:rows], np.asarray(cells)[rows:])
            for name, cells in columns.items()
        }
        return OddTable(
            {name: a for name, (a, _) in cut.items()},
            {name: b for name, (_, b) in cut.items()},
            **keys,
        )

    return made


def _named(x: np.ndarray, **others: Any) -> Columns:
    return {f"x{k + 1}": column for k, column in enumerate(x.T)} | others


def _words(codes: np.ndarray) -> np.ndarray:
    return np.array([f"class {code}" for code in codes])


def _linear(rng: np.random.Generator, rows: int) -> Columns:
    x = rng.normal(size=(rows, 4))
    return _named(x, y=x @ [1, -1, 0.5, 0] + rng.normal(0, 0.3, rows))


def _two_classes(rng: np.random.Generator, rows: int) -> Columns:
    x = rng.normal(size=(rows, 4))
    return _named(x, y=np.where(x @ [2, -1, 1, 0] + rng.logistic(size=rows) > 0, "yes", "no"))


def _wide(rng: np.random.Generator, rows: int) -> Columns:
    """Many columns that share 5 causes, as spectra or genes do; two causes make the class."""
    causes = rng.normal(size=(rows, 5))
    x = causes @ rng.normal(size=(5, 10_000)) + rng.normal(0, 2, (rows, 10_000))
    score = causes[:, 0] - causes[:, 1]
    return _named(x.round(3), y=np.where(score > 0, "yes", "no"))


def _rare(rng: np.random.Generator, rows: int) -> Columns:
    x = rng.normal(size=(rows, 6))
    score = x @ [1.5, 1.5, -1, 0, 0, 0] + rng.logistic(size=rows) * 0.7
    return _named(x, y=np.where(score > np.quantile(score, 1 - 1 / 500), "fraud", "fine"))


def _many_classes(rng: np.random.Generator, rows: int) -> Columns:
    code = rng.permutation(np.arange(rows) % 200)
    centres = np.random.default_rng(1).normal(0, 1.5, (200, 8))
    return _named(centres[code] + rng.normal(size=(rows, 8)), y=_words(code))


def _noise_classes(rng: np.random.Generator, rows: int) -> Columns:
    return _named(rng.normal(size=(rows, 10)), y=_words(rng.integers(0, 3, rows)))


def _noise(rng: np.random.Generator, rows: int) -> Columns:
    return _named(rng.normal(size=(rows, 10)), y=rng.normal(5, 2, rows))


def _heavy(rng: np.random.Generator, rows: int) -> Columns:
    """Features and target with heavy tails: the logarithm of the target is a linear rule."""
    z = rng.normal(size=(rows, 4))
    x = np.c_[np.exp(3 * z[:, :2]), np.tan(np.pi * (rng.random((rows, 1)) - 0.5)), z[:, 3:]]
    return _named(x, y=np.exp(1.5 * (z[:, 0] - z[:, 1]) + rng.normal(0, 0.5, rows)))


def _cauchy_target(rng: np.random.Generator, rows: int) -> Columns:
    x = rng.normal(size=(rows, 3))
    return _named(x, y=3 * x[:, 0] + np.tan(np.pi * (rng.random(rows) - 0.5)))


def _lognormal_target(rng: np.random.Generator, rows: int) -> Columns:
    x = rng.normal(size=(rows, 3))
    return _named(x, y=np.exp(3 * (x @ [0.7, -0.5, 0] + rng.normal(0, 0.5, rows))))


def _mostly_zero(rng: np.random.Generator, rows: int) -> Columns:
    x = np.where(rng.random((rows, 8)) < 0.9, 0, np.exp(rng.normal(size=(rows, 8))))
    score = (x > 0) @ [2, -2, 1, 1, 0, 0, 0, 0] + x[:, 0] + rng.logistic(size=rows) * 0.5
    return _named(x.round(2), y=np.where(score > 0.3, "yes", "no"))


def _ratings(rng: np.random.Generator, rows: int) -> Columns:
    """Ratings of items by users: an effect of each, and tastes that meet in two dimensions."""
    made = np.random.default_rng(7)
    users, items = 1000, 1500
    user = np.minimum(rng.geometric(1 / 300, rows) - 1, users - 1)
    item = np.minimum(rng.geometric(1 / 400, rows) - 1, items - 1)
    of_user, of_item = made.normal(0, 0.5, users), made.normal(0, 0.7, items)
    tastes, kinds = made.normal(0, 0.6, (users, 2)), made.normal(0, 0.6, (items, 2))
    y = 3.5 + of_user[user] + of_item[item] + (tastes[user] * kinds[item]).sum(axis=1)
    return {
        "user": [f"u{k}" for k in user],
        "item": [f"i{k}" for k in item],
        "age": (20 + user % 40).astype(int),
        "y": (y + rng.normal(0, 0.5, rows)).round(2),
    }


def _dated(rng: np.random.Generator, rows: int) -> Columns:
    """Three years of days in order: a season, a slow trend, and a feature."""
    day = np.sort(rng.integers(0, 3 * 365, rows))
    x = rng.normal(size=rows)
    y = 10 * np.cos(2 * np.pi * day / 365.25) + 2 * x + rng.normal(size=rows)
    dates = np.datetime64("2020-01-01") + day.astype("timedelta64[D]")
    return {"date": dates.astype(str), "x": x, "y": y}


def _counted(rng: np.random.Generator, rows: int) -> Columns:
    x = rng.normal(size=(rows, 2))
    return {"period": np.arange(rows) // 5, **_named(x, y=x @ [1, 2] + rng.normal(0, 0.3, rows))}


def _grouped(rows: int, test: int = 1000) -> Callable[[int], OddTable]:
    """Eight groups, one of which has two thirds of the rows; test rows are of 200 new groups."""

    def made(seed: int) -> OddTable:
        rng = np.random.default_rng(seed)
        effects = rng.normal(size=208)
        shares = [0.65, 0.1, 0.1, 0.05, 0.04, 0.03, 0.02, 0.01]

        def columns(group: np.ndarray) -> Columns:
            x = rng.normal(size=(len(group), 3))
            score = x @ [1.5, -1, 0] + effects[group] + rng.logistic(size=len(group))
            site = [f"s{k}" for k in group]
            return {"site": site, **_named(x, y=np.where(score > 0, "yes", "no"))}

        return OddTable(
            columns(rng.choice(8, rows, p=shares)),
            columns(8 + np.arange(test) % 200),
            dataset={"split": {"group": "site"}},
        )

    return made


def _labels(rng: np.random.Generator, rows: int) -> Columns:
    x = rng.normal(size=(rows, 5))
    rare = np.zeros(rows, int)
    rare[[3, rows // 5]] = 1
    labels = {
        "a": (x[:, 0] > 0).astype(int),
        "b": (x[:, 1] + x[:, 2] + rng.logistic(size=rows) > 1).astype(int),
        "c": rare,
    }
    return _named(x, **labels)


def _quantities(rng: np.random.Generator, rows: int) -> Columns:
    x = rng.normal(size=(rows, 4))
    return _named(
        x,
        y=1000 * x[:, 0] + rng.normal(0, 200, rows),
        z=np.sin(x[:, 1]) + 0.1 * rng.normal(size=rows),
        w=rng.normal(size=rows),
    )


def _weighted(rng: np.random.Generator, rows: int) -> Columns:
    columns = _two_classes(rng, rows)
    return columns | {"w": rng.integers(0, 4, rows)}


def _holes(rng: np.random.Generator, rows: int) -> Columns:
    x = rng.normal(size=(rows, 5))
    y = x @ [1, -1, 1, 0, 0] + rng.normal(0, 0.3, rows)
    cells = np.where(rng.random(x.shape) < 0.3, "", x.round(4).astype(str))
    cells[:, 4] = np.where(rng.random(rows) < 0.99, "", cells[:, 4])
    return _named(
        cells, kind=np.where(rng.random(rows) < 0.5, "", rng.choice(["p", "q"], rows)), y=y
    )


def _constants(rng: np.random.Generator, rows: int) -> Columns:
    columns = _two_classes(rng, rows)
    return columns | {"one": np.ones(rows, int), "word": np.full(rows, "same")}


def _one_feature(rng: np.random.Generator, rows: int) -> Columns:
    x = rng.uniform(-3, 3, rows)
    return {"x": x, "y": np.sin(x) + rng.normal(0, 0.1, rows)}


def _duplicates(rng: np.random.Generator, rows: int) -> Columns:
    columns = _two_classes(rng, 40)
    return {name: np.resize(np.asarray(cells), rows) for name, cells in columns.items()}


def _two_numbers(rng: np.random.Generator, rows: int) -> Columns:
    columns = _two_classes(rng, rows)
    return columns | {"y": np.where(columns["y"] == "yes", 20.5, 10.5)}


ODD_TABLES: dict[str, Callable[[int], OddTable]] = {
    "rows 8": _apart(_two_classes, 8),
    "rows 8, numbers": _apart(_linear, 8),
    "rows 12": _apart(_two_classes, 12),
    "rows 20": _apart(_two_classes, 20),
    "rows 20, numbers": _apart(_linear, 20),
    "columns 10000": _apart(_wide, 150, 300),
    "1 in 500": _apart(_rare, 5000, 5000),
    "classes 200": _apart(_many_classes, 4000),
    "noise, classes": _apart(_noise_classes, 400, learnable=False),
    "noise": _apart(_noise, 400, learnable=False),
    "heavy tails": _apart(_heavy, 800),
    "cauchy target": _apart(_cauchy_target, 800),
    "lognormal target": _apart(_lognormal_target, 800),
    "mostly zero": _apart(_mostly_zero, 1500),
    "ratings": _apart(_ratings, 8000, 4000),
    "dates": _apart(_dated, 900, 300, dataset={"split": {"time": "date"}}),
    "periods": _apart(_counted, 400, 200, dataset={"split": {"time": "period"}}),
    "groups": _grouped(600),
    "labels": _apart(_labels, 500, target=["a", "b", "c"]),
    "quantities": _apart(_quantities, 500, target=["y", "z", "w"]),
    "weights": _apart(_weighted, 500, dataset={"sample_weight": "w"}),
    "class weights": _apart(_rare, 2000, dataset={"class_weight": "balanced"}),
    "holes": _apart(_holes, 500),
    "constants": _apart(_constants, 300),
    "one feature": _apart(_one_feature, 300),
    "duplicates": _apart(_duplicates, 400),
    "two numbers": _apart(_two_numbers, 300),
}
