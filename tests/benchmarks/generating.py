"""A table of any size for the benchmarks: numbers, categories, missing values, and a target.

    python tests/benchmarks/generating.py FILE [--rows 100000] [--columns 20] [--seed 0]
                                          [--target classes]

Of every five columns four hold numbers (normal, log-normal and whole ones in turn, to 6 significant
digits) and the fifth text, of 3, 10, 30 and 100 categories in turn, the first of which are the most
frequent. In every fourth column 2 % of the cells are blank. The target depends on all columns; it
is "no" or "yes" (--target classes), a number (number), or left out (none).

The table depends only on the seed, and is the beginning of a longer one with the same seed and
columns. It is written in blocks of 65,536 rows. For speed a column's cells are drawn from 65,536
texts that are formatted once.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BLOCK = 65_536
"""Rows of a block, and number of texts that a column's cells are drawn from."""

LEVELS = (3, 10, 30, 100)
GAPS = 0.02
TARGETS = ("classes", "number", "none")


@dataclass(frozen=True)
class Column:
    """The `texts` (BLOCK,) that a column's cells are drawn from, and their `effects` (BLOCK,).

    An effect is what a text adds to the score that the target is made from.
    """

    name: str
    texts: np.ndarray
    effects: np.ndarray


def make_column(k: int, columns: int, seed: int, end: bytes) -> Column:
    """Draw column k, counted from 0; `end` follows each cell."""
    random = np.random.default_rng([seed, 1, k])
    if k % 5 == 4:
        levels = LEVELS[k // 5 % len(LEVELS)]
        share = 1 / np.arange(1, levels + 1)
        level = random.choice(levels, size=BLOCK, p=share / share.sum())
        name, cells = f"category_{k + 1:02d}", [f"level{number:02d}" for number in level]
        effects = random.normal(size=levels)[level]
    else:
        z = random.normal(size=BLOCK)
        center, spread = random.normal(scale=10), random.lognormal()
        values = [center + spread * z, np.exp(1 + z), np.rint(1000 + 300 * z)][k % 3]
        name, cells = f"number_{k + 1:02d}", [f"{value:.6g}" for value in values]
        effects = random.normal() * z
    if k % 4 == 1:
        gaps = int(GAPS * BLOCK)
        cells[:gaps], effects[:gaps] = [""] * gaps, 0.0
    texts = np.array([cell.encode() + end for cell in cells])
    return Column(name, texts, (effects / np.sqrt(columns)).astype(np.float32))


def target_cells(score: np.ndarray, target: str, random: np.random.Generator) -> np.ndarray:
    """Return the target's cells for the sums of effects (rows,), with noise."""
    if target == "classes":
        yes = random.random(len(score)) < 1 / (1 + np.exp(-3 * score))
        return np.array([b"no\n", b"yes\n"])[yes.astype(int)]
    tenths = np.rint(1000 + 300 * score + 50 * random.normal(size=len(score))).astype(int)
    possible = np.array([b"%.1f\n" % (number / 10) for number in range(2001)])
    return possible[tenths.clip(0, 2000)]


def blocks(rows: int, columns: int, seed: int, target: str) -> Iterator[bytes]:
    """Yield the table as pieces of CSV, the header first."""
    with_target = target != "none"
    made = [
        make_column(k, columns, seed, b"," if with_target or k < columns - 1 else b"\n")
        for k in range(columns)
    ]
    names = [column.name for column in made] + ["target"] * with_target
    yield ",".join(names).encode() + b"\n"
    row = np.dtype(
        [(column.name, column.texts.dtype) for column in made] + [("target", "S8")] * with_target
    )
    for block in range(-(-rows // BLOCK)):
        random = np.random.default_rng([seed, 2, block])
        drawn = random.integers(0, BLOCK, size=(columns, BLOCK), dtype=np.uint16)
        cells = np.zeros(BLOCK, row)
        score = np.zeros(BLOCK, np.float32)
        for column, codes in zip(made, drawn, strict=True):
            cells[column.name] = column.texts[codes]
            score += column.effects[codes]
        if with_target:
            cells["target"] = target_cells(score, target, random)
        # a text shorter than its place is filled up with zeros
        yield cells[: rows - block * BLOCK].tobytes().translate(None, b"\0")


def write_table(
    path: Path, rows: int, columns: int = 20, seed: int = 0, target: str = "classes"
) -> None:
    """Write a table with `columns` feature columns, followed by the target."""
    with path.open("wb") as file:
        file.writelines(blocks(rows, columns, seed, target))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--rows", type=int, default=100_000, help="rows beside the header")
    parser.add_argument("--columns", type=int, default=20, help="feature columns")
    parser.add_argument("--seed", type=int, default=0, help="the table follows from it")
    parser.add_argument(
        "--target", choices=TARGETS, default="classes", help="what the target holds"
    )
    given = parser.parse_args()
    start = time.perf_counter()
    write_table(given.file, given.rows, given.columns, given.seed, given.target)
    size, seconds = given.file.stat().st_size / 1e6, time.perf_counter() - start
    print(
        f"{given.file}: {given.rows} rows, {size:.0f} MB in {seconds:.1f} s, "
        f"{size / seconds:.0f} MB/s"
    )
