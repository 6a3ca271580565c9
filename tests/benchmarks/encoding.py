"""Time to encode numbers, by each scaling and encoding: python tests/benchmarks/encoding.py.

20 columns of a block of 100,000 rows are encoded as float32; the time is of the process, for 20
million numbers.
"""

import time
from typing import get_args

import numpy as np

from bpnet.data.encoding.added_inputs import fit_added_inputs
from bpnet.data.encoding.column_stats import NumericStats, TableTotals
from bpnet.data.encoding.columns import NumericColumn
from bpnet.data.encoding.scalers import fit_scaler
from bpnet.data.encoding.settings import (
    AnyNumeric,
    Periodic,
    PiecewiseLinear,
    scaling_named,
)

ROWS, COLUMNS, BLOCKS = 100_000, 20, 10
TOTALS = TableTotals(rows=ROWS * BLOCKS, varying=COLUMNS, seed=0)


def fitted(setting: AnyNumeric, values: np.ndarray) -> NumericColumn:
    """Return a column that is fitted to its values (N,)."""
    stats = NumericStats()
    stats.add(values, np.ones(len(values), bool))
    added = None
    if isinstance(setting, Periodic | PiecewiseLinear):
        added = fit_added_inputs(setting, stats, "a", TOTALS)
        setting = scaling_named(setting.scale)
    return NumericColumn(
        name="a",
        scale=fit_scaler(setting, stats, "a", COLUMNS),
        fill=None,
        lowest=stats.lowest,
        highest=stats.highest,
        added=added,
    )


def seconds(setting: AnyNumeric, values: np.ndarray) -> tuple[int, float]:
    """Return the inputs of all columns, and the seconds for all blocks."""
    columns = [fitted(setting, one) for one in values]
    width = len(columns[0].inputs)
    start = time.process_time()
    for _ in range(BLOCKS):
        x = np.empty((ROWS, width * COLUMNS), np.float32, order="F")
        with np.errstate(all="ignore"):
            for k, (column, one) in enumerate(zip(columns, values, strict=True)):
                x[:, k * width] = column.scale.apply(one)
                if column.added:
                    column.added.write(one, x[:, k * width + 1 : (k + 1) * width])
    return width * COLUMNS, time.process_time() - start


def main() -> None:
    """Print a line for each scaling and encoding."""
    values = np.random.default_rng(0).lognormal(size=(COLUMNS, ROWS))
    for kind in get_args(AnyNumeric):
        inputs, taken = seconds(kind(), values)
        print(f"{kind.kind:16}  {inputs:3} inputs  {taken:5.2f} s", flush=True)


if __name__ == "__main__":
    main()
