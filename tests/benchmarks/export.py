"""Throughput of an exported model in onnxruntime beside that of bpnet, on the same cells.

    python tests/benchmarks/export.py [--rows 100000] [--repeats 5] [--folder DIR]

Two models are trained on 5,000 rows of 20 columns, 16 of numbers and 4 of text, a quarter of them
with missing values: a network of 64 and 64 units, and the preset `default`. Then cells in memory
are predicted in batches of 1, of 100 and of ROWS rows, by `bpnet` (the encoding and the networks,
without reading and writing a table) and by onnxruntime, in turn (A B A B …) REPEATS times, on one
core. The table shows the median of the rows per second.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measuring import generate, machine, scratch, show, train

from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading import open_table
from bpnet.data.reading.chunk import Chunk, ColumnChunk
from bpnet.data.reading.column import Column, column_from_texts
from bpnet.integrations.export.cells import Feature, features_of
from bpnet.integrations.export.runtime import OnnxSession
from bpnet.models.ensemble import Ensemble
from bpnet.models.run_model import open_run_model
from bpnet.workflows.export import export

TRAINING_ROWS = 5_000
LEAST_SECONDS = 0.2
CONFIGS = {
    "64-64": "architecture:\n  hidden: [64, 64]\ntraining:\n  epochs: 3\n",
    "default": "preset: default\ntraining:\n  epochs: 3\n",
}
HEADER = ["model", "rows at once", "bpnet, rows/s", "onnxruntime, rows/s", "ratio"]


def cells_of(features: list[Feature], chunk: Chunk, rows: int) -> dict[str, np.ndarray]:
    """Return the cells of `rows` rows, those of the chunk again and again."""
    return {feature.name: np.resize(feature.cells(chunk), rows) for feature in features}


def as_chunk(cells: dict[str, np.ndarray]) -> Chunk:
    """Return cells as a chunk of a table."""
    columns: dict[str, Column] = {}
    for name, values in cells.items():
        if values.dtype == object:
            columns[name] = column_from_texts(values.tolist(), NumberFormat())
        else:
            columns[name] = Column(NumberFormat(), numbers=values)
    return ColumnChunk("benchmark", 0, columns)


def rate(predict: Callable[[], object], rows: int) -> float:
    """Return the rows per second of a call that predicts `rows` rows."""
    calls, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < LEAST_SECONDS or not calls:
        predict()
        calls += 1
    return rows * calls / spent


def measure(
    model: Ensemble, session: OnnxSession, cells: dict[str, np.ndarray], repeats: int
) -> tuple[float, float]:
    """Return the median rows per second of bpnet and of onnxruntime."""
    rows = len(next(iter(cells.values())))

    def by_bpnet() -> object:
        return model.combine(model.predict_each(model.encode(as_chunk(cells))[0]))

    def by_onnxruntime() -> object:
        return session.run(cells)

    by_bpnet(), by_onnxruntime()
    rates = [
        [rate(predict, rows) for predict in (by_bpnet, by_onnxruntime)] for _ in range(repeats)
    ]
    first, second = zip(*rates, strict=True)
    return statistics.median(first), statistics.median(second)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    print(machine())
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    lines = []
    with scratch(options.folder, 1e8) as folder:
        generate(folder / "train.csv", TRAINING_ROWS)
        for name, config in CONFIGS.items():
            path = folder / f"m{name}.yaml"
            path.write_text(f"dataset:\n  path: train.csv\n  target: target\n{config}")
            run, _ = train(path, folder / "runs")
            file = folder / f"{name}.onnx"
            result = export(run, file)
            print(f"{name}: {result.size / 1e6:.1f} MB, agrees to {result.largest:.0e}")
            model, session = open_run_model(run).model, OnnxSession(file.read_bytes(), threads=1)
            table = open_table(str(folder / "train.csv"), model.description.reading)
            chunk = next(iter(table.chunks(model.wanted)))
            for rows in (1, 100, options.rows):
                cells = cells_of(features_of(model), chunk, rows)
                ours, theirs = measure(model, session, cells, options.repeats)
                lines.append(
                    [name, f"{rows:,}", f"{ours:,.0f}", f"{theirs:,.0f}", f"{theirs / ours:.2f}"]
                )
    show(HEADER, lines)


if __name__ == "__main__":
    main()
