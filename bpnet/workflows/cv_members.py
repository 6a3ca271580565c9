"""Cross-validation of an ensemble: each fold's other rows train it as `train` would."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial

from bpnet.errors import DivergedError, InterruptedRunError
from bpnet.messages import counted, shell_path
from bpnet.preparation.folds import Fold, fold_errors
from bpnet.preparation.open import OpenedDataset
from bpnet.runs import files
from bpnet.runs.directory import RunPaths
from bpnet.runs.members_log import MembersLog
from bpnet.runs.predictions import FoldPredictions, write_predictions
from bpnet.runs.run_file import RunFile, Status
from bpnet.scoring.estimates import Estimate, FoldResult, estimate_metrics, metrics_document
from bpnet.scoring.metric_values import metric_values
from bpnet.scoring.metrics import EVALUATION_METRICS
from bpnet.workflows.combine_members import combine_members
from bpnet.workflows.cv_baselines import (
    BaselineFold,
    CVBaselines,
    baselines_document,
    score_baselines,
)
from bpnet.workflows.member_session import MemberSession, Step, pass_count
from bpnet.workflows.member_training import TrainedMember
from bpnet.workflows.members_plan import MembersPlan, plan_members
from bpnet.workflows.prediction_columns import numbers
from bpnet.workflows.run_place import Place
from bpnet.workflows.session import MemberWatcher, divergence_cause
from bpnet.workflows.side_by_side import Elsewhere


def plan_folds(opened: OpenedDataset, folds: Sequence[Fold]) -> list[MembersPlan]:
    """Return the plan of each fold's ensemble; raises ConfigError, or DataError with the fold."""
    plans = []
    for fold in folds:
        with fold_errors(fold.repeat, fold.fold):
            plans.append(plan_members(opened, fold.parts))
    return plans


class MembersCVSession(MemberSession):
    """The training of an ensemble for each fold, one after another.

    The run directory keeps predictions and estimates, but no model: `train` makes it, of all rows.
    """

    def __init__(
        self,
        opened: OpenedDataset,
        folds: Sequence[Fold],
        plans: Sequence[MembersPlan],
        run: RunPaths,
        run_file: RunFile,
        place: Place,
        watcher: MemberWatcher,
    ) -> None:
        super().__init__(run, run_file, place, watcher, opened.loaded.config)
        self._opened, self._folds, self._plans = opened, folds, plans
        self._predictions: list[FoldPredictions] = []
        self.results: list[FoldResult] = []
        self.left_out: list[dict[str, int]] = []
        """Repetition and number of each fold in which every network diverged."""
        self.estimates: dict[str, Estimate] = {}
        self.with_baselines = False
        self.baselines: CVBaselines | None = None

    def train(self) -> Status:
        """Train an ensemble for each fold; all have diverged if no fold is left."""
        keys = ("repeat", "fold", "member")
        columns = self._plans[0].columns
        self._log = log = MembersLog(
            self._run.folds_csv,
            None,
            columns,
            self._run_file.start,
            keys,
            self.on_write_error,
            self._saved.sizes,
        )
        with log, self.saved_between_passes():
            self.train_steps(self._fold_steps(log), sum(map(pass_count, self._plans)))
            if self.with_baselines and self.results:
                self._score_baselines()
        return "finished" if self.results else "diverged"

    def _fold_steps(self, log: MembersLog) -> Iterator[Step]:
        """Yield the steps of all folds; after those of a fold its ensemble is scored."""
        plans = zip(self._folds, self._plans, strict=True)
        for number, (fold, plan) in enumerate(plans, start=1):
            trained: list[TrainedMember] = []
            self.begin_budget(plan.config.seconds)
            yield from self.steps(
                plan,
                log,
                trained,
                title=f"fold {number} of {len(self._folds)}",
                group=number,
                series=(f"repeat-{fold.repeat}-fold-{fold.fold}",),
                keys={"repeat": fold.repeat, "fold": fold.fold},
            )
            yield Step(partial(self._score, fold, plan, trained))

    def _score_baselines(self) -> None:
        """Fit and score the baselines; an interruption is as one between two passes."""
        pairs = zip(self._folds, self._plans, strict=True)
        fitted = {id(fold): plan.members[0] for fold, plan in pairs}
        folds = [
            BaselineFold(result, fitted[id(predictions.fold)], predictions)
            for result, predictions in zip(self.results, self._predictions, strict=True)
        ]
        self.baselines = score_baselines(self._opened.table, folds)

    def _score(
        self,
        fold: Fold,
        plan: MembersPlan,
        trained: Sequence[TrainedMember],
        _: Elsewhere | None = None,
    ) -> None:
        """Score a fold's ensemble on the rows of the fold."""
        if not trained:
            self.left_out.append({"repeat": fold.repeat, "fold": fold.fold})
            return
        combined = combine_members(plan, trained)
        assert combined.test is not None
        target, values = plan.members[0].target, plan.members[0].split.target_values.values
        every = [metric.name for metric in EVALUATION_METRICS[plan.members[0].resolved.task]]
        figures = metric_values(target, values[fold.parts["test"]], combined.test, every)
        columns = numbers(combined.ensemble, combined.test)
        self._predictions.append(FoldPredictions(fold, combined.test, columns))
        self.results.append(
            FoldResult(
                repeat=fold.repeat,
                fold=fold.fold,
                seed=plan.config.seed,
                rows={part: len(rows) for part, rows in fold.parts.items()},
                stop_reason=trained[0].stop_reason,
                best_epoch=trained[0].best_epoch,
                figures=figures,
            )
        )

    def log_sizes(self, *, flush: bool) -> dict[str, int]:
        """Return the number of bytes of each log, with all rows so far."""
        return self._log.sizes(flush=flush)

    def save(self, status: Status) -> None:
        """Write the predictions, the metrics and the end of run.json."""
        if self.results:
            fitted = self._plans[0].members[0]
            self.estimates = estimate_metrics(self.results)
            values = self._opened.target_values.values
            write_predictions(self._run.predictions, self._predictions, fitted.target, values)
            files.write_json(
                self._run.metrics_json,
                {
                    **metrics_document(self.estimates, self.results, fitted.positive),
                    **baselines_document(self.baselines),
                },
            )
        self._run_file.close(
            status,
            stop_reason=self.results[0].stop_reason if status == "finished" else status,
            folds=[asdict(result) for result in self.results],
            left_out=self.left_out,
            keeps_model=False,
        )
        self.remove_checkpoints(status)

    def raise_unless_finished(self, status: Status, learning_rate: float) -> None:
        """Raise InterruptedRunError or DivergedError if the training ended so."""
        if status == "interrupted":
            scored = counted(len(self.results), "fold")
            raise InterruptedRunError(
                f"interrupted; the scores of {scored} are in {self._run.folder}; "
                f"next: bpnet resume {shell_path(self._run.folder)}",
                self.interruption.number,
                self._run.folder,
            )
        if status == "diverged":
            cause = divergence_cause(learning_rate, from_start=self.from_start)
            raise DivergedError(f"training diverged in every fold: {cause}", self._run.folder)
