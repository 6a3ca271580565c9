"""Small tables made from a seed, for tests of the doctor: what can be learned in each is known."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Table = dict[str, Any]
"""Columns by name; the target is `y`."""
Maker = Callable[[np.random.Generator, int], Table]


def named(x: np.ndarray, y: Any) -> Table:
    return {f"x{k + 1}": column for k, column in enumerate(x.T)} | {"y": y}


def words(codes: np.ndarray, names: str = "abcdefghijklmnopqrstuvwxyz") -> list[str]:
    return [f"class {names[code]}" for code in codes]


def checkers(rng: np.random.Generator, rows: int) -> Table:
    """The sign of a product: XOR with all numbers between."""
    x = rng.uniform(-1, 1, (rows, 2))
    return named(x, words((x[:, 0] * x[:, 1] > 0).astype(int)))


def circles(rng: np.random.Generator, rows: int) -> Table:
    inner = rng.random(rows) < 0.5
    radius = np.where(inner, 0.5, 1.2) + rng.normal(0, 0.1, rows)
    angle = rng.uniform(0, 2 * np.pi, rows)
    return named(np.c_[radius * np.cos(angle), radius * np.sin(angle)], words(inner.astype(int)))


def spirals(rng: np.random.Generator, rows: int) -> Table:
    arm = rng.integers(0, 2, rows)
    turn = np.sqrt(rng.uniform(0.02, 1, rows)) * 2.2 * np.pi
    angle = turn + np.pi * arm
    x = np.c_[turn * np.cos(angle), turn * np.sin(angle)] / 7 + rng.normal(0, 0.02, (rows, 2))
    return named(x, words(arm))


def moons(rng: np.random.Generator, rows: int) -> Table:
    half = rng.integers(0, 2, rows)
    angle = rng.uniform(0, np.pi, rows)
    x = np.c_[
        np.where(half, 1 - np.cos(angle), np.cos(angle)),
        np.where(half, 0.5 - np.sin(angle), np.sin(angle)),
    ]
    return named(x + rng.normal(0, 0.12, x.shape), words(half))


def blobs(classes: int, inputs: int = 4, distance: float = 2.5) -> Maker:
    def make(rng: np.random.Generator, rows: int) -> Table:
        code = np.arange(rows) % classes
        centres = rng.normal(0, distance, (classes, inputs))
        return named(centres[code] + rng.normal(size=(rows, inputs)), words(code))

    return make


def linear(inputs: int = 5, noise: float = 0.3, scale: float = 1.0, offset: float = 0.0) -> Maker:
    """A sum of the inputs with noise: R² is 1 / (1 + noise²)."""

    def make(rng: np.random.Generator, rows: int) -> Table:
        x = rng.normal(size=(rows, inputs))
        slopes = rng.normal(size=inputs)
        y = x @ (slopes / np.linalg.norm(slopes)) + rng.normal(0, noise, rows)
        return named(x, scale * y + offset)

    return make


def wave(noise: float = 0.1) -> Maker:
    def make(rng: np.random.Generator, rows: int) -> Table:
        x = rng.uniform(-1, 1, (rows, 3))
        y = np.sin(3 * x[:, 0]) + x[:, 1] ** 2 * 2 - x[:, 2] * x[:, 0]
        return named(x, y + rng.normal(0, noise, rows))

    return make


def bowl(rng: np.random.Generator, rows: int) -> Table:
    """A sum of squares, of which no linear function knows anything."""
    x = rng.normal(size=(rows, 3))
    return named(x, (x**2).sum(axis=1) + rng.normal(0, 0.1, rows))


def noise(inputs: int = 5, classes: int = 0) -> Maker:
    """A target that has nothing to do with the inputs."""

    def make(rng: np.random.Generator, rows: int) -> Table:
        x = rng.normal(size=(rows, inputs))
        y = words(rng.integers(0, classes, rows)) if classes else rng.normal(size=rows)
        return named(x, y)

    return make


def rare(share: float) -> Maker:
    """Two classes, of which one is rare but apart."""

    def make(rng: np.random.Generator, rows: int) -> Table:
        x = rng.normal(size=(rows, 4))
        score = x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(0, 0.1, rows)
        return named(x, words((score > np.quantile(score, 1 - share)).astype(int)))

    return make


def wide(inputs: int = 60, noise: float = 0.5) -> Maker:
    """More inputs than a small table can tell apart; three of them matter."""

    def make(rng: np.random.Generator, rows: int) -> Table:
        x = rng.normal(size=(rows, inputs))
        return named(x, x[:, 0] + x[:, 1] - x[:, 2] + rng.normal(0, noise, rows))

    return make


def tailed(rng: np.random.Generator, rows: int) -> Table:
    """Inputs with heavy tails, and a target that follows their logarithms."""
    x = rng.standard_t(2, (rows, 4))
    return named(x, np.sign(x[:, 0]) * np.log1p(abs(x[:, 0])) + np.tanh(x[:, 1]))


def thousands(rng: np.random.Generator, rows: int) -> Table:
    """Inputs in thousands, of which two classes are made."""
    x = rng.uniform(2000, 9000, (rows, 3))
    return named(x, words((x[:, 0] + x[:, 1] > x[:, 2] + 5500).astype(int)))


def cities(categories: int = 12, noise: float = 0.2) -> Maker:
    """Two columns of categories and a number, which add up."""

    def make(rng: np.random.Generator, rows: int) -> Table:
        city, shop = rng.integers(0, categories, rows), rng.integers(0, 5, rows)
        level, size = rng.normal(size=categories), rng.normal(size=rows)
        y = level[city] + 0.5 * (shop - 2) + size + rng.normal(0, noise, rows)
        return {"city": [f"city {k}" for k in city], "shop": words(shop), "size": size, "y": y}

    return make


def flipped(make: Maker, share: float) -> Maker:
    """Classes of which some rows have another's name."""

    def flip(rng: np.random.Generator, rows: int) -> Table:
        table = make(rng, rows)
        wrong = rng.random(rows) < share
        others = rng.permutation(table["y"])
        mixed = zip(table["y"], others, wrong, strict=True)
        return table | {"y": [other if bad else name for name, other, bad in mixed]}

    return flip


def write(make: Maker, rows: int, seed: int, path: Path) -> None:
    table = make(np.random.default_rng(seed), rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(
            [f"{cell:.8g}" if isinstance(cell, float) else cell for cell in row]
            for row in zip(*table.values(), strict=True)
        )
