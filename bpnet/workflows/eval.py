"""Evaluation: a trained run's scores on its test rows, or on any table with the target.

The scores are scikit-learn's, from `bpnet.scoring`; the loss is the engine's, from
`bpnet.models.training_metrics`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bpnet.data.reading import Table, open_table
from bpnet.engine.component import Array
from bpnet.errors import DataError, RunError
from bpnet.models.ensemble import Ensemble, load_ensemble
from bpnet.preparation.sample_weights import weights_differ
from bpnet.runs import directory
from bpnet.runs.splits import DROPPED, read_splits
from bpnet.workflows.eval_baselines import BaselineScores, Compared, compare_with_baselines
from bpnet.workflows.evaluation_set import read_evaluation_set
from bpnet.workflows.scored_model import ScoredModel
from bpnet.workflows.training_table import TrainingTable, open_training_table

if TYPE_CHECKING:  # imports scikit-learn, which takes a second
    from bpnet.scoring.comparison import Comparison
    from bpnet.scoring.scores import AnyScores


@dataclass(frozen=True)
class Evaluation:
    """The scores of a run's networks on some rows, beside those of baselines.

    `verdict` has a sentence for each baseline that the network does not clearly beat, and before
    these the metrics that it is judged by, if rows are weighted.
    """

    data: str
    rows: int
    networks: int
    loss: float
    """The mean of the networks' losses, as training minimizes them, penalty included."""
    scores: "AnyScores"
    baselines: list[BaselineScores]
    comparisons: list["Comparison"]
    class_weighted: bool
    """True if classes had different weights in training: probabilities then follow the weights."""
    verdict: list[str]
    warnings: list[str]


def evaluate(
    run: Path,
    data: str | None,
    *,
    baselines: bool = True,
    replica: str = "all",
    resamples: int = 1000,
) -> Evaluation:
    """Evaluate a run, or a model folder copied out of one, on a table with the target.

    Without `data` the rows are the run's test rows. With `baselines`, simple models are fitted to
    the run's training rows, where these are available, and scored too. `replica` is all, best or
    a number from 1; `resamples` are those of the intervals.

    Raises
    ------
    RunError
        The run is damaged, or its loss is not finite.
    DataError
        The table cannot be read, or does not suit the model.
    """
    model = load_ensemble(directory.model_folder(run)).select(replica)
    warnings: list[str] = []
    training = _training_table(run, data, baselines, warnings)
    if data is None:
        assert training is not None
        subject = _test_rows(run, training)
    else:
        subject = _whole_table(run, data, model, warnings)
    rows = read_evaluation_set(model, subject.table, subject.mask, warnings)
    scored = ScoredModel(model, rows)
    scores = scored.score(scored.predicted, resamples)
    compared = Compared()
    if baselines and training is not None:
        compared = compare_with_baselines(scored, training, warnings)
    return Evaluation(
        data=subject.name,
        rows=int(subject.mask.sum()),
        networks=model.networks,
        loss=scored.loss,
        scores=scores,
        baselines=compared.baselines,
        comparisons=compared.comparisons,
        class_weighted=weights_differ(model.description.class_weight),
        verdict=compared.verdict,
        warnings=warnings,
    )


def _training_table(
    run: Path, data: str | None, baselines: bool, warnings: list[str]
) -> TrainingTable | None:
    """Open the run's table if it is needed: for its test rows, or to fit baselines.

    Without it there are no baselines, and a warning; test rows cannot do without, and raise.
    """
    is_run = (run / "run.json").is_file()
    if is_run and directory.RunPaths(run).folds_csv.is_file():
        if data is None:
            raise DataError(
                f"{run}: is a cross-validation, whose metrics are in metrics.json; "
                f"name a table: bpnet eval {run} DATA"
            )
        is_run = False
        warnings.append(
            "no baselines: the run is a cross-validation, "
            "whose networks had different rows to train on"
        )
    if data is None:
        return open_training_table(run, f"; name a table: bpnet eval {run} DATA")
    if not baselines or not is_run:
        return None
    try:
        return open_training_table(run)
    except (DataError, RunError) as error:
        warnings.append(
            f"no baselines, because the training rows are not available: {error.problems[0]}"
        )
        return None


class _Subject(NamedTuple):
    """The rows to evaluate: a table, a mask (N,) of its rows, and their name in the report."""

    table: Table
    mask: Array
    name: str


def _test_rows(run: Path, training: TrainingTable) -> _Subject:
    mask = training.mask("test")
    if not mask.any():
        raise DataError(
            f"{run}: the run held out no test rows (dataset.split); "
            f"name a table: bpnet eval {run} DATA"
        )
    return _Subject(training.table, mask, "the run's test part")


def _whole_table(run: Path, data: str, model: Ensemble, warnings: list[str]) -> _Subject:
    table = open_table(data, model.description.reading)
    warnings += table.warnings
    if directory.data_sha256(run) != table.digest:
        return _Subject(table, np.ones(len(table), bool), table.name)
    warnings.append(
        f"{table.name} is the table that the run was trained on: "
        "the rows it was trained on make its scores look better"
    )
    mask = _rows_not_dropped(run, len(table))
    if dropped := len(table) - int(mask.sum()):
        warnings.append(f"rows without a target, which the run dropped, are left out: {dropped}")
    return _Subject(table, mask, table.name)


def _rows_not_dropped(run: Path, rows: int) -> Array:
    """Return the mask (N,) of the rows of a run's own table that are in a part of its split."""
    paths = directory.RunPaths(run)
    if not paths.splits.is_file() or paths.folds_csv.is_file():  # or splits.csv has the folds
        return np.ones(rows, bool)
    return np.asarray(read_splits(paths.splits, rows) != DROPPED)
