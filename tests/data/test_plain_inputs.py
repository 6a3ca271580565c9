"""Plain inputs are the cells: numbers with gaps, and categories by their place."""

import numpy as np
from workflow_runs import train_text, write_csv

from bpnet.data.encoding.plain_inputs import read_plain_inputs
from bpnet.data.reading import open_table
from bpnet.data.reading.settings import Reading
from bpnet.models.run_model import open_run_model

CONFIG = """\
dataset:
  path: t.csv
  target: y
  preprocessing:
    columns: {c: {kind: embedding, rare: 1}, d: {kind: ordinal}}
architecture: {hidden: [3]}
training: {epochs: 1}
"""


def test_cells_are_as_they_are(tmp_path):
    rows = [
        [k * 1.5 if k % 10 else "", "uvw"[k % 3], "pqr"[k % 3], ["no", "yes", "NA"][k % 3], k % 7]
        for k in range(60)
    ]
    write_csv(tmp_path / "t.csv", ["a", "c", "d", "e", "y"], rows)
    run = train_text(tmp_path, CONFIG, "task=regression").run
    encoder = open_run_model(run).model.description.encoder
    write_csv(tmp_path / "t.csv", ["a", "c", "d", "e", "y"], [*rows, [1, "new", "r", "yes", 1]])
    table = open_table(str(tmp_path / "t.csv"), Reading())
    mask = np.ones(61, bool)
    mask[5] = False
    values, categorical = read_plain_inputs(encoder, table, mask)
    assert (encoder.features, categorical.tolist()) == (list("acde"), [False, True, True, False])
    expected = np.array(
        [[k * 1.5 if k % 10 else np.nan, k % 3, k % 3, [0, 1, np.nan][k % 3]] for k in range(60)]
    )
    np.testing.assert_array_equal(values, [*np.delete(expected, 5, 0), [1, np.nan, 2, 1]])
