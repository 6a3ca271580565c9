"""The ablations of quality.py: a model with one ingredient changed at a time.

A change is `KEY=VALUE`, or several with a semicolon between them, or an edit of the preset that is
written out for the table (quality_edits.py).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from measuring import show
from quality_edits import is_edit
from quality_fits import Model
from quality_results import Results

INGREDIENTS = (
    "without plain",
    "without periodic",
    "without piecewise",
    "without linear",
    "numeric: robust_clip -> standardize",
    "frequent_values: {} ->",
    "categorical: auto -> {kind: auto, rare: 2, size: 16, hot: 1.66}",
    "categorical: auto -> {kind: auto, rare: 2, size: 16, binary: plus_minus}",
    "rare: 2 -> 1",
    "layers: scale ->",
    "learning_rate_factors.scale: 6 -> 1",
    "learning_rate_factors.bias: 0.1 -> 1",
    "learning_rate_factors.weight: fan_in -> 0.1",
    "initializer: data -> he_normal",
    "bias_initializer: data -> zeros",
    "output.initializer: zeros ->",
    "training.schedule: flat_cosine -> constant",
    "training.schedule: flat_cosine -> cosine",
    "training.schedule: flat_cosine -> {kind: log_cosine, cycles: 4}",
    "dropout.rate: 0.1 -> 0",
    "dropout.schedule: flat_cosine -> constant",
    "weight_decay: 0.1 -> 0",
    "decay_schedule: flat_cosine -> constant",
    "label_smoothing: 0.1 -> 0",
    "beta_2: 0.95 -> 0.999",
    "training.last_batch=spread",
    "early_stopping: {patience_factor: 2.35, patience_share: 0.04} -> {patience: 10}",
    "early_stopping: {patience_factor: 2.35, patience_share: 0.04} ->",
    "calibration=none",
    "equal blend weights",
    "an epoch for each network",
)
"""What the preset `default` is made of, each with what could be in its place."""


def variants(model: Model, changes: Sequence[str], seeds: Sequence[int] = (0,)) -> list[Model]:
    """Return the model as it is, and with each of the changes, for each seed."""
    each = [model, *(_changed(model, change) for change in changes)]
    return [_seeded(one, seed) for seed in seeds for one in each]


def _changed(model: Model, change: str) -> Model:
    name = f"{model.name}, {change}"
    if is_edit(change):
        return replace(model, name=name, edit=change)
    assignments = tuple(part.strip() for part in change.split(";"))
    return replace(model, name=name, assignments=(*model.assignments, *assignments))


def _seeded(model: Model, seed: int) -> Model:
    if not seed:
        return model
    name = f"{model.name}, seed {seed}"
    return replace(model, name=name, assignments=(*model.assignments, f"seed={seed}"))


def report_ablations(
    model: Model,
    changes: Sequence[str],
    seeds: Sequence[int],
    tables: Sequence[str],
    results: Results,
    way: str,
) -> None:
    """Print what each change does to the losses, held out and on test rows, and to the time.

    Log ratios to the model as it is: of log losses, or of 1 - R², paired by table, split
    and seed; the mean over the tables that the change concerns, with its standard error. A change
    for the worse is above 0. What is worth keeping is decided by the rows held out, which come from
    training rows alone.
    """
    rows = []
    for change in changes:
        each = {t: log_ratios(model, change, seeds, t, results, way) for t in tables}
        kept = np.array([ratios for ratios in each.values() if ratios is not None])
        if not len(kept):
            rows.append([change, "0", *[""] * 3])
            continue
        held_out, test, seconds = kept.T
        cells = [with_error(held_out), with_error(test), f"{np.exp(seconds.mean()):.2f}"]
        rows.append([change, str(len(kept)), *cells])
    print(model.name)
    show(["change", "tables", "loss held out", "test loss", "time"], rows)


def log_ratios(
    model: Model, change: str, seeds: Sequence[int], table: str, results: Results, way: str
) -> np.ndarray | None:
    """Return the mean log ratios (3,) of a table: loss held out, test loss, and seconds.

    It is None if the change changes nothing there.
    """
    found = []
    for seed in seeds:
        same, other = variants(model, [change], [seed])
        before, after = results.fits(table, same.name, way), results.fits(table, other.name, way)
        found += [
            np.log(_measures(after[split]) / _measures(before[split]))
            for split in sorted(before.keys() & after.keys())
        ]
    if not found or not np.any(np.array(found)[:, :2]):
        return None
    return np.mean(found, axis=0)


def _measures(values: dict[str, float]) -> np.ndarray:
    """Return the losses (3,) held out and of test rows, 1 - R² of a regression, and the seconds."""
    losses = [values.get("held_out_loss", np.nan), values.get("log_loss", np.nan)]
    if "r2" in values:
        losses = [1 - values["held_out_score"], 1 - values["r2"]]
    return np.array([*losses, values["fit_cpu"]])


def with_error(ratios: np.ndarray) -> str:
    """Return the mean of values of tables, and its standard error if there are several."""
    mean = f"{ratios.mean():+.3f}"
    if len(ratios) == 1:
        return mean
    return f"{mean} ± {ratios.std(ddof=1) / np.sqrt(len(ratios)):.3f}"
