"""A model's loss, predictions and scores on an evaluation set."""

from typing import TYPE_CHECKING

import numpy as np

from bpnet.data.reading.column import Floats
from bpnet.data.splitting import Indices
from bpnet.engine.randomness import Purpose, generator
from bpnet.errors import RunError
from bpnet.models.ensemble import Ensemble
from bpnet.models.threads import shared_work
from bpnet.models.training_metrics import measure_replicas
from bpnet.workflows.evaluation_set import EvaluationSet

if TYPE_CHECKING:  # imports scikit-learn, which takes a second
    from bpnet.scoring.scores import AnyScores


class ScoredModel:
    """A model with its predictions (N, K) for N rows, and the loss that training minimizes.

    Raises RunError if the loss or a prediction is not finite.
    """

    def __init__(self, model: Ensemble, rows: EvaluationSet) -> None:
        self.model, self.rows = model, rows
        losses = [
            measure_replicas(member, rows.for_member(model, k))["loss"]
            for k, member in enumerate(model.members)
        ]
        self.loss = float(np.concatenate(losses).mean())
        # on one thread, as `predict` does, since the shares of several begin in other places
        with shared_work():
            self.predicted = model.combine(model.predict_each(rows.x))
        if not np.isfinite(self.loss) or not np.isfinite(self.predicted).all():
            raise RunError(
                "the model's loss on these rows is not finite; "
                "its weights, or the table's values, are too large"
            )

    def score(self, predicted: Floats, resamples: int) -> "AnyScores":
        """Score the model's predictions or those of a baseline, on the same resamples."""
        from bpnet.scoring.scores import score_predictions  # deferred: see above

        target = self.model.description.target
        return score_predictions(
            target,
            self.rows.values,
            predicted,
            self.generator(1),
            resamples,
            self.model.thresholds,
            self.groups,
        )

    @property
    def groups(self) -> Indices | None:
        """The numbers (N,) of the groups that the bootstrap draws whole."""
        return None if self.rows.groups is None else self.rows.groups.numbers

    def generator(self, number: int) -> np.random.Generator:
        """Return the generator of a series of resamples.

        1 is for scores, 2 for the comparison, 3 for the scores of a threshold, 4 for its choice.
        """
        return generator(self.model.description.seeds[0], Purpose.RESAMPLING, number)
