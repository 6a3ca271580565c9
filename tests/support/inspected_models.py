"""Networks of four columns that were never trained, asked about rows that are drawn."""

from dataclasses import replace

import numpy as np
from untrained_models import PLAIN, describe

from bpnet.data.encoding import Encoder
from bpnet.data.encoding.columns import NumericColumn
from bpnet.data.targets import AnyTarget, Classes, Labels
from bpnet.inspection.cells import Cells
from bpnet.inspection.predictor import InspectedRows, Predictor
from bpnet.models.ensemble import Ensemble
from bpnet.models.model import Model
from bpnet.scoring.row_losses import RowLosses

NAMES = ["a", "b", "c", "d"]


def model(target: AnyTarget, seed: int, *, ignored: tuple[int, ...] = ()) -> Model:
    """Return a network of four columns with drawn weights, of which it ignores some."""
    columns = [
        NumericColumn(name=name, scale=PLAIN, fill=0.0, lowest=-1.0, highest=1.0) for name in NAMES
    ]
    description = replace(describe(target, [seed]), encoder=Encoder(columns=columns))
    network = description.network()
    network.parameters.views["layers.0.weight"][:, :, list(ignored)] = 0
    return Model(description, network)


def values(target: AnyTarget, rows: int, rng: np.random.Generator) -> np.ndarray:
    if isinstance(target, Classes):
        return rng.integers(0, len(target.classes), rows)
    if isinstance(target, Labels):
        return rng.integers(0, 2, (rows, len(target.names)))
    return 100 + 5 * rng.normal(size=(rows, len(target.names)))


def predictor(
    target: AnyTarget,
    rows: int,
    seed: int,
    *,
    ignored: tuple[int, ...] = (),
    constant: tuple[int, ...] = (),
    weights: np.ndarray | None = None,
) -> Predictor:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, len(NAMES)))
    x[:, list(constant)] = 0.5
    cells = {name: Cells("number", x[:, k]) for k, name in enumerate(NAMES)}
    losses = RowLosses(target, values(target, rows, rng), weights)
    inspected = InspectedRows(np.arange(rows), [x], cells, losses)
    return Predictor(Ensemble([model(target, seed, ignored=ignored)]), inspected)
