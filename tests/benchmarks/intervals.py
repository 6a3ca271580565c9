"""Coverage of `bpnet predict --interval`, on made tables of four kinds of noise and on any others.

    python tests/benchmarks/intervals.py [--rows 4000] [--seeds 3] [--tables FILE.csv:TARGET …]
                                         [--settings plain folds default …] [--config FILE]
                                         [--folder DIR]

Each table is split at random by each seed, into 30 % test rows and the training rows and validation
rows of `bpnet train`; a made table is drawn anew for each seed. --settings are those below,
--config gives others in a file. Printed are the shares of the test rows of all seeds that lie in
the intervals of three levels, and the mean width of the 90 % interval in standard deviations of the
target: of all test rows, and of the tenths of them with the narrowest and the widest intervals,
with their own coverage.

Goal with at least 1,000 training rows: within 2 points of the level, beside what chance does to so
few test rows, and to the held-out rows that the intervals are made of (2 standard errors of the
90 % interval's share, which are printed).
"""

import argparse
import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from measuring import BPNET, cost, scratch, show, train

LEVELS = (0.8, 0.9, 0.95)
CONFIG = "dataset: {{path: {path}, target: {target}, split: {{test: 0.3, seed: {seed}}}}}\n"
SETTINGS = {
    "plain": "preset: null\n",
    "replicas": "replicas: 3\n",
    "folds": "folds: 5\n",
    "repeated": "folds: 5\nreplicas: 2\n",
    "refit": "folds: 5\nrefit: true\n",
    "fast": "preset: fast\n",
    "default": "preset: default\n",
    "best": "preset: best\n",
}
"""The settings by name: the config without the dataset."""
NOISE = {
    "equal": lambda x, f: 0.5 + 0 * f,
    "grows with y": lambda x, f: 0.3 * np.abs(f),
    "grows with an input": lambda x, f: 0.1 + np.abs(x[:, 4]),
    "heavy tails": lambda x, f: 0.5 + 0 * f,
}
"""The deviation of the noise of each made table, by its inputs (N, 5) and noiseless target (N,)."""


def made_table(noise: str, rows: int, seed: int) -> str:
    """Return a table of five numbers and a target as CSV."""
    rng = np.random.default_rng([*noise.encode(), seed])
    x = rng.uniform(-1, 1, (rows, 5))
    f = 4 + 2 * np.sin(3 * x[:, 0]) + 2 * x[:, 1] * x[:, 2] + x[:, 3]
    drawn = rng.standard_t(3, rows) if noise == "heavy tails" else rng.normal(size=rows)
    y = f + NOISE[noise](x, f) * drawn
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["a", "b", "c", "d", "e", "y"])
    writer.writerows([[f"{value:.6g}" for value in row] for row in np.column_stack([x, y])])
    return text.getvalue()


def measure(config: Path, table: Path, target: str, runs: Path) -> tuple[np.ndarray, int]:
    """Train, and return the ends, predictions and true values (N, 2 L + 2) of the test rows.

    And the number of rows that were held out of training, which the intervals are made of.
    """
    run, _ = train(config, runs)
    levels = [word for level in LEVELS for word in ("--interval", str(level))]
    written = cost([BPNET, "predict", str(run), str(table), "--keep", target, *levels]).output
    rows = list(csv.DictReader(io.StringIO(written)))
    parts = list(csv.DictReader(io.StringIO((run / "splits.csv").read_text())))
    ends = [f"{end}_{100 * level:g}_{target}" for level in LEVELS for end in ("lower", "upper")]
    names = [*ends, f"predicted_{target}", target]
    tested = [row for row, part in zip(rows, parts, strict=True) if part["part"] == "test"]
    counts = Counter(part["part"] for part in parts)
    held_out = counts["validation"] or counts["train"]  # of folds each training row
    return np.array([[float(row[name]) for name in names] for row in tested]), held_out


def figures(found: np.ndarray, held_out: int) -> list[str]:
    """Return the coverage of each level, and the width of the 90 % interval."""
    truth = found[:, -1]
    inside = [
        (found[:, 2 * k] <= truth) & (truth <= found[:, 2 * k + 1]) for k in range(len(LEVELS))
    ]
    width = (found[:, 3] - found[:, 2]) / truth.std()
    order = np.argsort(width)
    tenth = len(order) // 10
    ninety = inside[1]
    tenths = [
        f"{width[part].mean():.2f} ({ninety[part].mean():.2f})"
        for part in (order[:tenth], order[-tenth:])
    ]
    chance = 2 * np.sqrt(0.09 / len(truth) + 0.09 / held_out)
    return [
        str(len(truth)),
        *(f"{share.mean():.3f}" for share in inside),
        f"± {chance:.3f}",
        f"{width.mean():.2f}",
        *tenths,
    ]


def tables(arguments: argparse.Namespace, folder: Path) -> Iterator[tuple[str, list[Path], str]]:
    """Yield the name, the file for each seed, and the target of each table."""
    for noise in NOISE if arguments.rows else ():
        paths = []
        for seed in range(arguments.seeds):
            paths.append(folder / f"{noise.replace(' ', '-')}-{seed}.csv")
            paths[-1].write_text(made_table(noise, arguments.rows, seed))
        yield noise, paths, "y"
    for word in arguments.tables:
        file, _, target = word.rpartition(":")
        yield Path(file).stem, [Path(file).resolve()] * arguments.seeds, target


def main(words: Sequence[str] | None = None) -> None:
    """Measure the tables of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=4000, help="of the made tables; 0: none")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tables", nargs="*", default=[], metavar="FILE:TARGET")
    parser.add_argument("--settings", nargs="*", default=["plain", "folds"], choices=SETTINGS)
    parser.add_argument("--config", type=Path, help="other settings, without the dataset")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args(words)
    settings = {name: SETTINGS[name] for name in arguments.settings}
    if arguments.config:
        settings[arguments.config.stem] = arguments.config.read_text()
    lines = []
    with scratch(arguments.folder, 100e6) as folder:
        for (name, paths, target), (setting, more) in product(
            list(tables(arguments, folder)), settings.items()
        ):
            each, held_out = [], 0
            for seed, path in enumerate(paths):
                config = folder / f"{path.stem}-{setting}-{seed}.yaml"
                config.write_text(CONFIG.format(path=path, target=target, seed=seed) + more)
                found, rows = measure(config, path, target, folder / "runs")
                each.append(found)
                held_out += rows
            lines.append([f"{name}, {setting}", *figures(np.concatenate(each), held_out)])
    levels = [f"{level:g}" for level in LEVELS]
    show(["", "test rows", *levels, "chance", "width", "narrowest", "widest"], lines)


if __name__ == "__main__":
    main()
