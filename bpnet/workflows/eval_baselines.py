"""The baselines of an evaluation: simple models fitted to the run's training rows."""

from dataclasses import dataclass

import numpy as np

from bpnet.data.encoding import Encoder
from bpnet.data.reading.column import Floats
from bpnet.engine.component import Array
from bpnet.preparation.row_store import MOST_IN_MEMORY
from bpnet.workflows.evaluation_set import read_evaluation_set
from bpnet.workflows.scored_model import ScoredModel
from bpnet.workflows.training_table import TrainingTable

_MAX_TRAINING_ROWS = 50_000


@dataclass(frozen=True)
class BaselineScores:
    """A baseline's metrics on the rows of the evaluation, and a note about its fit."""

    name: str
    figures: dict[str, float | None]
    note: str | None


def compare_with_baselines(
    scored: ScoredModel, training: TrainingTable, warnings: list[str]
) -> tuple[list[BaselineScores], list[str]]:
    """Return the baselines' scores, and a sentence for each that the model does not clearly beat.

    Where one-hot columns of the rows would be too large there are no baselines, and many training
    rows are thinned out; both add a warning to the list.
    """
    encoder, rows = scored.model.description.encoder, len(scored.rows.values)
    if _one_hot_bytes(encoder, rows) > MOST_IN_MEMORY:
        warnings.append(f"no baselines: {rows} rows are too many to compare on")
        return [], []
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
    return _fit_and_score(scored, training, mask)


def _fit_and_score(
    scored: ScoredModel, training: TrainingTable, mask: Array
) -> tuple[list[BaselineScores], list[str]]:
    from bpnet.scoring.baselines import (  # deferred: imports scikit-learn
        describe_comparison,
        fit_baselines,
    )

    model, rows = scored.model, scored.rows
    description = model.description
    train = read_evaluation_set(model, training.table, mask, [])
    fitted = fit_baselines(
        description.task,
        one_hot_codes(description.encoder, train.x[0]),
        train.values,
        train.sample_weights,  # without class weights, which would hide the majority class
        one_hot_codes(description.encoder, rows.x[0]),
        len(description.classes) if description.classes else None,
    )
    scores = []
    for baseline in fitted:
        metrics = scored.score(baseline.predicted, resamples=2).figures
        values = {metric.name: metric.value for metric in metrics}
        scores.append(BaselineScores(baseline.name, values, baseline.note))
    sentences = describe_comparison(
        description.task, rows.values, scored.predicted, fitted, scored.generator(2)
    )
    return scores, sentences


def one_hot_codes(encoder: Encoder, x: Array) -> Floats:
    """Return the inputs (N, I) with one-hot columns in place of category numbers.

    Only an embedding layer can read the numbers.
    """
    wide = [np.delete(x, [position for position, _ in encoder.embedded], axis=1).astype(np.float64)]
    for position, column in encoder.embedded:
        wide.append(np.zeros((len(x), column.code_count)))
        wide[-1][np.arange(len(x)), x[:, position].astype(np.intp)] = 1
    return np.hstack(wide)


def _one_hot_bytes(encoder: Encoder, rows: int) -> int:
    """Return the bytes that the rows, or the baselines' training rows if more, take at once."""
    width = encoder.width + sum(column.code_count for _, column in encoder.embedded)
    return 8 * width * max(rows, _MAX_TRAINING_ROWS if encoder.embedded else 0)
