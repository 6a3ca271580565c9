"""The baselines of a cross-validation: fitted to each fold's training rows, scored on its rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bpnet.data.encoding.encoder import Encoder
from bpnet.data.encoding.plain_inputs import read_plain_inputs
from bpnet.data.reading import Table
from bpnet.data.reading.column import Floats
from bpnet.data.splitting import Indices
from bpnet.data.targets import Classes, Quantities
from bpnet.engine.component import Array
from bpnet.preparation.fit import FittedDataset
from bpnet.preparation.row_store import MOST_IN_MEMORY
from bpnet.preparation.sample_weights import weights_differ
from bpnet.runs.predictions import FoldPredictions
from bpnet.scoring.estimates import Estimate, FoldResult, estimate_metrics
from bpnet.scoring.metric_values import metric_values
from bpnet.scoring.metrics import EVALUATION_METRICS
from bpnet.scoring.units import squarable_unit
from bpnet.workflows.eval_baselines import judged_by, one_hot_bytes, one_hot_codes

if TYPE_CHECKING:  # imports scikit-learn, which takes a second
    from bpnet.scoring.baselines import Baseline
    from bpnet.scoring.comparison import Comparison, Truth

_MAX_TRAINING_ROWS, _FEWEST_TRAINING_ROWS = 200_000, 1000
"""Training rows of all folds together that baselines are fitted to, and of each fold."""
_EVALUATIONS = 5
"""The boosted trees of all folds together take as long as those of so many evaluations at most."""


class BaselineFold(NamedTuple):
    """A fold that has a network: its result, the dataset of its rows, and the predictions."""

    result: FoldResult
    fitted: FittedDataset
    predictions: FoldPredictions


@dataclass(frozen=True)
class CVBaselines:
    """The baselines' estimates and their metrics fold by fold, beside the networks'."""

    estimates: dict[str, dict[str, Estimate]] = field(default_factory=dict)
    """Of each baseline, by name, those of its metrics."""
    folds: dict[str, list[dict[str, float | None]]] = field(default_factory=dict)
    """Of each baseline the metrics in each fold."""
    comparisons: list["Comparison"] = field(default_factory=list)
    verdict: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Return what metrics.json holds of them."""
        return {
            name: {
                "test": {metric: one.mean for metric, one in estimates.items()},
                "deviation": {metric: one.deviation for metric, one in estimates.items()},
                "interval": {metric: [one.low, one.high] for metric, one in estimates.items()},
                "folds": self.folds[name],
            }
            for name, estimates in self.estimates.items()
        }


def baselines_document(baselines: CVBaselines | None) -> dict[str, Any]:
    """Return the part of metrics.json about baselines, if they were asked for."""
    return {} if baselines is None else {"baselines": baselines.document()}


def score_baselines(table: Table, folds: Sequence[BaselineFold]) -> CVBaselines:
    """Fit and score the baselines of each fold, with the weights of its rows."""
    # deferred: imports scikit-learn
    from bpnet.scoring.boosted_trees import BOOSTED_TREES
    from bpnet.scoring.comparison import verdict
    from bpnet.scoring.fold_comparison import ComparedFold, compare_folds

    compared, notes = [], dict[str, None]()
    most = max(_MAX_TRAINING_ROWS // len(folds), _FEWEST_TRAINING_ROWS)
    for fold in folds:
        rows = fold.fitted.split.parts["train"]
        if one_hot_bytes(fold.fitted.encoder, len(rows)) > MOST_IN_MEMORY:
            return CVBaselines(notes=[f"no baselines: {len(rows):,} rows are too many for them"])
        if len(rows) > most:
            notes[f"baselines are fitted to {most:,} training rows of each fold, evenly spaced"] = (
                None
            )
            rows = rows[np.linspace(0, len(rows) - 1, most).astype(np.intp)]
        truth, unit = _truth(fold)
        baselines = _fitted(table, fold, rows, unit, min(1.0, _EVALUATIONS / len(folds)))
        if all(one.name != BOOSTED_TREES for one in baselines):
            notes["no boosted trees: they would take too long for this table"] = None
        notes |= dict.fromkeys(f"{one.name}: {one.note}" for one in baselines if one.note)
        network = fold.predictions.predicted
        compared.append(ComparedFold(fold.result, truth, network / unit, baselines))
    comparisons = compare_folds(compared)
    names = list(dict.fromkeys(one.baseline for one in comparisons))
    scored = {
        name: [_scored(fold, one, name) for fold, one in zip(folds, compared, strict=True)]
        for name in names
    }
    sentences = verdict(comparisons, len(folds), "fold")
    if any(fold.truth.weights is not None for fold in compared):
        config, fitted = folds[0].fitted.config, folds[0].fitted
        sentences.insert(
            0,
            judged_by(
                classes=weights_differ(fitted.class_weight),
                rows=config.dataset.sample_weight is not None,
            ),
        )
    return CVBaselines(
        {name: estimate_metrics(results) for name, results in scored.items()},
        {name: [result.figures for result in results] for name, results in scored.items()},
        comparisons,
        sentences,
        list(notes),
    )


def _scored(fold: BaselineFold, compared: Any, name: str) -> FoldResult:
    """Return the fold's result with the metrics of a baseline."""
    baseline = next(one for one in compared.baselines if one.name == name)
    fitted = fold.fitted
    rows = fold.predictions.fold.parts["test"]
    true = fitted.split.target_values.values[rows]
    unit = _unit(fold)
    every = [metric.name for metric in EVALUATION_METRICS[fitted.resolved.task]]
    figures = metric_values(fitted.target, true, baseline.predicted * unit, every)
    return replace(fold.result, figures=figures)


def _unit(fold: BaselineFold) -> float:
    """Return the unit in which the fold's quantities can be squared."""
    if not isinstance(fold.fitted.target, Quantities):
        return 1.0
    rows = fold.predictions.fold.parts["test"]
    return squarable_unit(fold.fitted.split.target_values.values[rows])


def _truth(fold: BaselineFold) -> "tuple[Truth, float]":
    from bpnet.scoring.comparison import Truth  # deferred: see above

    fitted, tested = fold.fitted, fold.predictions.fold.parts["test"]
    values, weights, unit = fitted.split.target_values.values[tested], fitted.weights(), _unit(fold)
    if weights is not None:
        weights = weights[tested]
        weights = None if np.ptp(weights) == 0 else weights / weights.mean()
    task, target = fitted.resolved.task, fitted.target
    if isinstance(target, Classes):
        positive = target.positive_number if len(target.classes) == 2 else 0
        return Truth(task, values, weights, target.classes, positive), unit
    return Truth(task, values if unit == 1 else values / unit, weights), unit


def _fitted(
    table: Table, fold: BaselineFold, rows: Indices, unit: float, share: float
) -> "list[Baseline]":
    """Return the baselines, fitted to some training rows, which predict the rows of the fold."""
    # deferred: imports scikit-learn
    from bpnet.scoring.baselines import fit_baselines
    from bpnet.scoring.boosted_trees import fit_boosted_trees

    fitted = fold.fitted
    encoder, tested = fitted.encoder, fold.predictions.fold.parts["test"]
    weights = fitted.weights()
    y, w = fitted.split.target_values.values[rows], None if weights is None else weights[rows]
    y = y if unit == 1 else y / unit
    task, classes = fitted.resolved.task, len(fitted.split.target_values.classes) or None
    masks = [np.isin(np.arange(len(table)), each) for each in (rows, tested)]
    x = [one_hot_codes(encoder, _encoded(encoder, table, mask)) for mask in masks]
    baselines = fit_baselines(
        task, x[0], y, w, x[1], classes, class_weighted=weights_differ(fitted.class_weight)
    )
    plain = [read_plain_inputs(encoder, table, mask) for mask in masks]
    trees = fit_boosted_trees(
        task,
        plain[0].values,
        y,
        w,
        plain[1].values,
        plain[0].categorical,
        classes,
        seed=fold.result.seed,
        share=share,
    )
    return baselines if trees is None else [*baselines, trees]


def _encoded(encoder: Encoder, table: Table, mask: Array) -> Floats:
    """Return the inputs (N, I) of the rows of a mask."""
    chunks = table.selected(encoder.column_types, mask)
    return np.concatenate([encoder.encode(chunk, "float64")[0] for chunk, _ in chunks])
