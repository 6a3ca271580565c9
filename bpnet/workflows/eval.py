"""Evaluation: a trained run's scores on its test rows, or on any table with the target.

The scores are scikit-learn's, from `bpnet.scoring`; the loss is the engine's, from
`bpnet.models.training_metrics`.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bpnet.config.reading_overrides import override_reading
from bpnet.data.encoding.row_flags import FlagSummary
from bpnet.data.reading import Table
from bpnet.engine.losses import AnyLoss, CrossEntropy
from bpnet.errors import UsageError
from bpnet.messages import shell_path
from bpnet.models.run_model import open_run_model
from bpnet.preparation.sample_weights import weights_differ
from bpnet.workflows.error_rows import ErrorRows, find_error_rows
from bpnet.workflows.eval_baselines import BaselineScores, Compared, compare_with_baselines
from bpnet.workflows.evaluation_set import read_evaluation_set
from bpnet.workflows.given_thresholds import check_decides
from bpnet.workflows.row_groups import DrawnGroups, group_column
from bpnet.workflows.scored_model import ScoredModel
from bpnet.workflows.scored_rows import choose_rows
from bpnet.workflows.thresholds import (
    NO_THRESHOLD,
    SavedModel,
    ThresholdOptions,
    ThresholdReport,
    read_threshold_options,
    report_thresholds,
)

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
    smoothing: float
    """The label smoothing in it."""
    scores: "AnyScores"
    baselines: list[BaselineScores]
    comparisons: list["Comparison"]
    class_weighted: bool
    """True if classes had different weights in training: probabilities then follow the weights."""
    verdict: list[str]
    flags: FlagSummary
    """The rows that `bpnet predict` would flag."""
    warnings: list[str]
    threshold: ThresholdReport | None = None
    """The threshold that the scores are by and how it was chosen, if one was asked for."""
    errors: ErrorRows | None = None
    """The surest errors, if they were asked for."""
    thresholds: dict[str, float] | None = None
    """The threshold of the positive class, or of each label, if it is not ½."""
    groups: DrawnGroups | None = None
    """The groups of rows that intervals draw whole, if they do."""


def evaluate(
    run: Path,
    data: str | Table | None,
    *,
    all_rows: bool = False,
    baselines: bool = True,
    replica: str = "all",
    reading: Sequence[str] = (),
    resamples: int = 1000,
    threshold: ThresholdOptions = NO_THRESHOLD,
    errors: int = 0,
) -> Evaluation:
    """Evaluate a run, or a model folder copied out of one, on a table with the target.

    Without `data` the rows are the run's test rows, and of the run's own table, too, unless
    `all_rows` are wanted. With `baselines`, simple models are fitted to the run's training rows,
    where these are available, and scored too. `replica` is all, best or a number from 1; `reading`
    are `dataset.reading.KEY=VALUE`, for `data` that is not a table yet; `resamples` are those of
    the intervals. A `threshold` that is asked for decides here, and with `save` the model keeps it.
    `errors` is the number of the surest errors to list.

    Raises
    ------
    RunError
        The run is damaged, or its loss is not finite.
    DataError
        The table cannot be read, or does not suit the model.
    UsageError, ConfigError
        The settings of reading are not valid, or there is no table that they are for.
    """
    if data is None and reading:
        raise UsageError(
            f"--set is for a table that is named: bpnet eval {shell_path(run)} DATA; "
            "the run's own table is read as in training"
        )
    asked = read_threshold_options(threshold, replica)
    with SavedModel(run) if threshold.save else nullcontext() as saved:
        opened = open_run_model(run)
        model, warnings = opened.model.select(replica), list(opened.notes)
        if asked is not None:
            check_decides(model, "--cost" if threshold.threshold is None else "--threshold")
        chosen = choose_rows(
            run,
            data,
            override_reading(model.description.reading, reading),
            all_rows=all_rows,
            baselines=baselines,
            model=opened.model,
            options=threshold.typed,
            warnings=warnings,
        )
        before, held_out = model.thresholds, None
        if asked is not None:
            held_out = asked.held_out(run, model, chosen.training, replica, warnings)
            model = asked.decided(model, held_out, warnings)
        rows = read_evaluation_set(model, chosen.table, chosen.mask, warnings, group_column(run))
        scored = ScoredModel(model, rows)
        report = None
        if asked is not None:
            report = report_thresholds(scored, held_out, before, asked, resamples)
        if saved is not None:
            report = saved.keep(model, report)
    scores = scored.score(scored.predicted, resamples)
    compared = Compared()
    if baselines and chosen.training is not None:
        cost = asked.cost if asked is not None else None
        compared = compare_with_baselines(scored, chosen.training, warnings, cost)
    return Evaluation(
        data=chosen.name,
        rows=len(rows.values),
        networks=model.networks,
        loss=scored.loss,
        smoothing=max(_smoothing(member.description.loss) for member in model.members),
        scores=scores,
        baselines=compared.baselines,
        comparisons=compared.comparisons,
        class_weighted=weights_differ(model.description.class_weight),
        verdict=compared.verdict,
        flags=rows.flags,
        warnings=warnings,
        threshold=report,
        errors=find_error_rows(scored, errors) if errors else None,
        thresholds=model.named_thresholds or None,
        groups=None if rows.groups is None else rows.groups.drawn,
    )


def _smoothing(loss: AnyLoss) -> float:
    return loss.label_smoothing if isinstance(loss, CrossEntropy) else 0.0
