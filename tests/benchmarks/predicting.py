"""Cost of predicting on a large CSV: `bpnet predict` against a script of pandas and scikit-learn.

    python tests/benchmarks/predicting.py [--rows 1000000] [--large-rows 5000000] [--repeats 3]
                                          [--presets] [--folder DIR]

Both networks have hidden layers of 64 and 64 units and are trained, for only a few epochs, on
100,000 rows of 20 columns: 16 of numbers and 4 of text, a quarter of them with missing values. Then
each, a process of its own, reads a CSV without the target and writes it with the predicted label
and the probabilities of both classes, in turn (A B A B …) REPEATS times; only bpnet does the same
with LARGE_ROWS rows.

Goals with 1,000,000 rows: the ratio of the median times at least 2.5, bpnet's peak memory below
600 MB, and its peak with 5,000,000 rows at most 10 % above that. The script's times of reading,
transforming, predicting and writing are printed below the table. The first line says if pyarrow is
installed, because pandas then uses it, which changes the script's times.

With --presets, the preset `default` is trained on 5,000 rows instead, and its first network and the
whole model predict ROWS rows in turn. Goal: the model takes at most 4 times as long.
"""

import argparse
import importlib.util
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from measuring import BPNET, Cost, cost, generate, machine, scratch, show, train

TRAINING_ROWS = 100_000
PRESET_ROWS = 5_000
BYTES = 600
"""Disk space for each row: of the table and of both tables with predictions."""

CONFIG = """
dataset:
  path: train.csv
  target: target
architecture:
  hidden: [64, 64]
  activation: relu
training:
  epochs: 3
  batch_size: 256
"""

FIT = """
import sys
import warnings
import joblib
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.simplefilter("ignore")  # three epochs do not converge, nor need they
table = pd.read_csv(sys.argv[1])
numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
categories = make_pipeline(
    SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
)
columns = make_column_transformer(
    (numbers, make_column_selector(dtype_include="number")),
    (categories, make_column_selector(dtype_exclude="number")),
)  # sparse, as its default is here: it takes less time and memory than dense
model = make_pipeline(columns, MLPClassifier((64, 64), batch_size=256, max_iter=3, random_state=0))
joblib.dump(model.fit(table.drop(columns="target"), table["target"]), sys.argv[2])
"""

PREDICT = """
import json
import sys
import time

times = [time.perf_counter()]
import joblib
import pandas as pd

model = joblib.load(sys.argv[1])
times.append(time.perf_counter())
table = pd.read_csv(sys.argv[2])
times.append(time.perf_counter())
inputs = model[:-1].transform(table)
times.append(time.perf_counter())
probabilities = model[-1].predict_proba(inputs)
times.append(time.perf_counter())
table["predicted_target"] = model.classes_[probabilities.argmax(axis=1)]
for k, name in enumerate(model.classes_):
    table[f"probability_{name}"] = probabilities[:, k]
table.to_csv(sys.argv[3], index=False)
times.append(time.perf_counter())
parts = ["imports", "read", "transform", "predict", "write"]
print(json.dumps({part: b - a for part, a, b in zip(parts, times, times[1:])}))
"""


def predicted(command: Sequence[str], output: Path, rows: int) -> Cost:
    """Run a process that must write `rows` predicted rows to `output`, which is then deleted."""
    spent = cost(command)
    with output.open("rb") as file:
        lines = sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
    if lines != rows + 1:
        sys.exit(f"{command[0]} wrote {lines} lines to {output}; they must be {rows + 1}")
    output.unlink()
    return spent


def row(name: str, rows: int, costs: Sequence[Cost]) -> list[str]:
    """Return a row of the printed table."""
    seconds = [spent.seconds for spent in costs]
    spread = f"{min(seconds):.1f} to {max(seconds):.1f}"
    cpu = f"{statistics.median(spent.cpu_seconds for spent in costs):.2f} s"
    peak = f"{max(spent.peak for spent in costs) / 1e6:.0f} MB"
    return [name, f"{rows:,}", f"{statistics.median(seconds):.2f} s", spread, cpu, peak]


def measure(folder: Path, rows: int, large_rows: int, repeats: int) -> None:
    """Train both, let both predict in turn, and print time and memory."""
    table, large, output = folder / "rows.csv", folder / "large.csv", folder / "predicted.csv"
    generate(folder / "train.csv", TRAINING_ROWS)
    generate(table, rows, "--target", "none")
    config, pipeline = folder / "network.yaml", folder / "pipeline.joblib"
    config.write_text(CONFIG)
    run, _ = train(config, folder)
    cost([sys.executable, "-c", FIT, str(folder / "train.csv"), str(pipeline)])

    theirs = [sys.executable, "-c", PREDICT, str(pipeline), str(table), str(output)]
    a, b = [], []
    for _ in range(repeats):
        a.append(
            predicted([BPNET, "predict", str(run), str(table), "-o", str(output)], output, rows)
        )
        b.append(predicted(theirs, output, rows))
    table.unlink()
    generate(large, large_rows, "--target", "none")
    command = [BPNET, "predict", str(run), str(large), "-o", str(output)]
    alone = [predicted(command, output, large_rows) for _ in range(repeats)]

    pyarrow = "with" if importlib.util.find_spec("pyarrow") else "without"
    print(f"\n{machine()}, {pyarrow} pyarrow\n")
    ours, script = row("bpnet predict", rows, a), row("pandas and scikit-learn", rows, b)
    show(
        ["", "rows", "median", "range", "CPU", "peak"],
        [ours, script, row("bpnet predict", large_rows, alone)],
    )
    times = [json.loads(spent.output) for spent in b]
    split = ", ".join(
        f"{part} {statistics.median(time[part] for time in times):.2f} s" for part in times[0]
    )
    ratio = statistics.median(spent.seconds for spent in b) / statistics.median(
        spent.seconds for spent in a
    )
    # two threads overlap a little differently each time and peaks differ by a tenth: take medians
    peak, large_peak = (statistics.median(spent.peak for spent in costs) for costs in (a, alone))
    print(f"\nscript: {split}")
    print(f"ratio of the medians {ratio:.2f}, goal at least 2.5")
    largest = max(spent.peak for spent in [*a, *alone])
    print(f"largest peak of bpnet {largest / 1e6:.0f} MB, goal below 600 MB")
    print(
        f"median peak with {large_rows:,} rows / with {rows:,} {large_peak / peak:.2f}, "
        "goal at most 1.10"
    )


def measure_presets(folder: Path, rows: int, repeats: int) -> None:
    """Train the default, let one network and all predict in turn, and print time and memory."""
    table, output = folder / "rows.csv", folder / "predicted.csv"
    generate(folder / "train.csv", PRESET_ROWS)
    generate(table, rows, "--target", "none")
    config = folder / "default.yaml"
    config.write_text("dataset: {path: train.csv, target: target}\npreset: default\n")
    run, _ = train(config, folder)
    command = [BPNET, "predict", str(run), str(table), "-o", str(output)]
    networks = {"one network": [*command, "--replica", "1"], "default": command}
    costs: dict[str, list[Cost]] = {name: [] for name in networks}
    for _ in range(repeats):
        for name, words in networks.items():
            costs[name].append(predicted(words, output, rows))
    print(f"\n{machine()}\n")
    show(
        ["", "rows", "median", "range", "CPU", "peak"],
        [row(name, rows, spent) for name, spent in costs.items()],
    )
    one, several = costs.values()
    for unit in ("seconds", "cpu_seconds"):
        ratio = statistics.median(getattr(spent, unit) for spent in several) / statistics.median(
            getattr(spent, unit) for spent in one
        )
        print(f"ratio of the median {unit} {ratio:.2f}, goal at most 4")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows that both predict")
    parser.add_argument(
        "--large-rows", type=int, default=5_000_000, help="rows that bpnet then predicts alone"
    )
    parser.add_argument("--repeats", type=int, default=3, help="how often both predict")
    parser.add_argument(
        "--folder", type=Path, help="where a folder is made for the tables, and deleted in the end"
    )
    parser.add_argument(
        "--presets", action="store_true", help="one network and all of the preset default instead"
    )
    given = parser.parse_args()
    if given.presets:
        with scratch(given.folder, BYTES * given.rows) as made:
            measure_presets(made, given.rows, given.repeats)
        sys.exit()
    with scratch(given.folder, BYTES * (TRAINING_ROWS + given.rows + given.large_rows)) as made:
        measure(made, given.rows, given.large_rows, given.repeats)
