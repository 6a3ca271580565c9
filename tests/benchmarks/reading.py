"""Time of bpnet's two CSV readers on the same large table: the careful one and pandas' parser.

    python tests/benchmarks/reading.py [ROWS]

ROWS rows (default 100,000) of 20 numbers, read and turned into floats five times by each, in turn.
"""

import statistics
import sys
import time

import numpy as np

from bpnet.data.reading import Table, delimited
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import bytes_opener


def seconds(content: bytes, large: int) -> float:
    """Return the time to read all columns as numbers, with pandas from `large` bytes on."""
    delimited.LARGE = large
    start = time.perf_counter()
    table = Table("big.csv", [delimited.DelimitedFile("big.csv", bytes_opener(content), Reading())])
    for chunk in table.chunks(dict.fromkeys(table.columns, "number")):
        for name in table.columns:
            chunk.column(name).as_numbers()
    return time.perf_counter() - start


if __name__ == "__main__":
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    values = np.random.default_rng(0).normal(size=(rows, 20))
    lines = [
        ",".join(f"c{k}" for k in range(20)),
        *(",".join(map(repr, row)) for row in values.tolist()),
    ]
    text = "\n".join(lines).encode()
    seconds(text[: text.index(b"\n", 10_000)], 0)  # imports pandas
    pairs = [(seconds(text, sys.maxsize), seconds(text, 0)) for _ in range(5)]
    careful, fast = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(
        f"{rows} rows, {len(text) / 1e6:.0f} MB: careful {careful:.2f} s, pandas {fast:.2f} s, "
        f"ratio {ratio:.1f}"
    )
