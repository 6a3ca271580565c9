"""Out-of-fold predictions: each row's by a network that has not seen it, and their metrics."""

from bpnet.engine.randomness import Purpose, generator
from bpnet.models.ensemble import Ensemble
from bpnet.models.training_metrics import measure_replicas
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.folds import Fold
from bpnet.runs.predictions import FoldPredictions
from bpnet.workflows.prediction_columns import numbers


def predict_fold(
    fold: Fold, ensemble: Ensemble, prepared: EncodedDataset
) -> tuple[FoldPredictions, dict[str, float | None]]:
    """Return a fold's predictions for its test rows, and the metrics of its network there.

    The loss is that of the network before it is calibrated.
    """
    from bpnet.scoring.scores import score_predictions  # deferred: scikit-learn takes a second

    rows, member = prepared.rows["test"].picked(slice(None)), ensemble.members[0]
    predicted = ensemble.combine(ensemble.predict_each([rows.x]))
    true = prepared.split.target_values.values[prepared.parts["test"]]
    rng = generator(member.description.seeds[0], Purpose.RESAMPLING)
    scores = score_predictions(member.description.target, true, predicted, rng, resamples=2)
    metrics: dict[str, float | None] = {"loss": float(measure_replicas(member, rows)["loss"][0])}
    metrics |= {score.name: score.value for score in scores.figures}
    return FoldPredictions(fold, predicted, numbers(ensemble, predicted)), metrics
