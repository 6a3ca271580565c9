"""The baselines of an evaluation: simple models fitted to the run's training rows."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bpnet.data.encoding import Encoder
from bpnet.data.encoding.plain_inputs import read_plain_inputs
from bpnet.data.reading.column import Floats
from bpnet.data.targets import Classes, Quantities
from bpnet.engine.component import Array
from bpnet.preparation.row_store import MOST_IN_MEMORY
from bpnet.preparation.sample_weights import weights_differ
from bpnet.workflows.evaluation_set import read_evaluation_set
from bpnet.workflows.scored_model import ScoredModel
from bpnet.workflows.training_table import TrainingTable

if TYPE_CHECKING:  # imports scikit-learn, which takes a second
    from bpnet.scoring.comparison import Comparison, Truth
    from bpnet.scoring.thresholds import Cost

_MAX_TRAINING_ROWS = 50_000
NOT_BY_ACCURACY = (
    "accuracy is not judged, since a threshold other than 0.5 was not chosen for it; by what wrong "
    "predictions cost, bpnet eval judges with --cost fn=COST,fp=COST"
)
"""What is said where a threshold decides, and no cost is known."""


@dataclass(frozen=True)
class BaselineScores:
    """A baseline's metrics on the rows of the evaluation, and a note about its fit."""

    name: str
    figures: dict[str, float | None]
    note: str | None


@dataclass(frozen=True)
class Compared:
    """The scores of the baselines, and how the network compares with each.

    `verdict` says by what the network is judged, if rows are weighted, and has a sentence for each
    baseline that it does not clearly beat.
    """

    baselines: list[BaselineScores] = field(default_factory=list)
    comparisons: list["Comparison"] = field(default_factory=list)
    verdict: list[str] = field(default_factory=list)


def compare_with_baselines(
    scored: ScoredModel,
    training: TrainingTable,
    warnings: list[str],
    cost: "Cost | None" = None,
) -> Compared:
    """Compare a model with baselines, fitted to the same rows with the same weights.

    It is judged by the `cost` of wrong decisions, if there is one.
    Where one-hot columns of the rows would be too large there are no baselines, and many training
    rows are thinned out; where boosted trees would take too long there are none. Each adds a
    warning to the list.
    """
    encoder, rows = scored.model.description.encoder, len(scored.rows.values)
    if one_hot_bytes(encoder, rows) > MOST_IN_MEMORY:
        warnings.append(f"no baselines: {rows} rows are too many to compare on")
        return Compared()
    mask = training.mask("train")
    numbers = np.flatnonzero(mask)
    if len(numbers) > _MAX_TRAINING_ROWS:
        warnings.append(
            f"the baselines are fitted to {_MAX_TRAINING_ROWS:,} of {len(numbers):,} "
            "training rows, evenly spaced"
        )
        spaced = np.linspace(0, len(numbers) - 1, _MAX_TRAINING_ROWS).astype(np.intp)
        mask = np.zeros(len(mask), bool)
        mask[numbers[spaced]] = True
    return _fit_and_score(scored, training, mask, warnings, cost)


def _fit_and_score(
    scored: ScoredModel,
    training: TrainingTable,
    mask: Array,
    warnings: list[str],
    cost: "Cost | None",
) -> Compared:
    # deferred: imports scikit-learn
    from bpnet.scoring.baselines import fit_baselines
    from bpnet.scoring.boosted_trees import fit_boosted_trees
    from bpnet.scoring.comparison import compare, verdict
    from bpnet.scoring.units import squarable_unit

    model, rows = scored.model, scored.rows
    description = model.description
    train = read_evaluation_set(model, training.table, mask, [])
    unit = 1.0
    if isinstance(description.target, Quantities):
        unit = squarable_unit(rows.values)
    y = train.values if unit == 1 else train.values / unit
    classes = len(description.classes) if description.classes else None
    fitted = fit_baselines(
        description.task,
        one_hot_codes(description.encoder, train.x[0]),
        y,
        train.weights,
        one_hot_codes(description.encoder, rows.x[0]),
        classes,
        class_weighted=weights_differ(description.class_weight),
        by_threshold=model.thresholds is not None,
    )
    plain = [read_plain_inputs(description.encoder, one.table, one.mask) for one in (train, rows)]
    trees = fit_boosted_trees(
        description.task,
        plain[0].values,
        y,
        train.weights,
        plain[1].values,
        plain[0].categorical,
        classes,
        seed=description.seeds[0],
    )
    if trees is None:
        warnings.append("no boosted trees: they would take too long for this table")
    else:
        fitted.append(trees)
    scores = []
    for baseline in fitted:
        metrics = scored.score(baseline.predicted * unit, resamples=2).figures
        values = {metric.name: metric.value for metric in metrics}
        scores.append(BaselineScores(baseline.name, values, baseline.note))
    truth = _truth(scored)._replace(cost=cost)
    if unit != 1:
        truth = truth._replace(values=truth.values / unit)
    comparisons = compare(truth, scored.predicted / unit, fitted, scored.generator(2))
    sentences = verdict(comparisons, len(rows.values))
    if truth.thresholds is not None and cost is None:
        sentences.insert(0, NOT_BY_ACCURACY)
    if truth.weights is not None:
        sentences.insert(
            0,
            judged_by(
                classes=weights_differ(description.class_weight),
                rows=rows.sample_weights is not None,
            )
            + ("; in cost per row they count alike" if cost is not None else ""),
        )
    return Compared(scores, comparisons, sentences)


def _truth(scored: ScoredModel) -> "Truth":
    """Return what the predictions are compared with, weighted as training weighs the rows."""
    from bpnet.scoring.comparison import Truth  # deferred: see above

    target, weights = scored.model.description.target, scored.rows.weights
    if weights is not None:
        weights = None if np.ptp(weights) == 0 else weights / weights.mean()
    task, thresholds = scored.model.description.task, scored.model.thresholds
    groups = scored.groups
    if isinstance(target, Classes):
        positive = target.positive_number if len(target.classes) == 2 else 0
        classes = target.classes
        return Truth(task, scored.rows.values, weights, classes, positive, thresholds, groups)
    return Truth(task, scored.rows.values, weights, thresholds=thresholds, groups=groups)


def judged_by(*, classes: bool, rows: bool) -> str:
    """Return a sentence on the metrics, where classes, rows or both have weights in training."""
    keys = ["dataset.class_weight"] if classes else []
    keys += ["dataset.sample_weight"] if rows else []
    return (
        "judged by the weighted metrics, in which rows weigh as in training "
        f"({' and '.join(keys)}), as the network and the baselines were fitted"
    )


def one_hot_codes(encoder: Encoder, x: Array) -> Floats:
    """Return the inputs (N, I) with one-hot columns in place of category numbers.

    Only an embedding layer can read the numbers.
    """
    wide = [np.delete(x, [position for position, _ in encoder.embedded], axis=1).astype(np.float64)]
    for position, column in encoder.embedded:
        wide.append(np.zeros((len(x), column.code_count)))
        wide[-1][np.arange(len(x)), x[:, position].astype(np.intp)] = 1
    return np.hstack(wide)


def one_hot_bytes(encoder: Encoder, rows: int) -> int:
    """Return the bytes that the rows, or the baselines' training rows if more, take at once."""
    width = encoder.width + sum(column.code_count for _, column in encoder.embedded)
    return 8 * width * max(rows, _MAX_TRAINING_ROWS if encoder.embedded else 0)
