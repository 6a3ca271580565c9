"""The training of a cross-validation, pass by pass, and what it saves."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import NamedTuple

from bpnet.errors import DivergedError, InterruptedRunError
from bpnet.integrations.trackers.tracker import Series
from bpnet.messages import counted, shell_path
from bpnet.models.ensemble import Ensemble
from bpnet.models.model import Model
from bpnet.models.training_metrics import infinite_from_start, measure_replicas
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.open import OpenedDataset
from bpnet.runs import files
from bpnet.runs.directory import RunPaths
from bpnet.runs.metrics_log import MetricsLog
from bpnet.runs.predictions import FoldPredictions, write_predictions
from bpnet.runs.run_file import RunFile, Status
from bpnet.scoring.estimates import Estimate, FoldResult, estimate_metrics, metrics_document
from bpnet.workflows.calibrate import calibrate
from bpnet.workflows.cv_baselines import (
    BaselineFold,
    CVBaselines,
    baselines_document,
    score_baselines,
)
from bpnet.workflows.cv_pass import FoldPass
from bpnet.workflows.cv_plan import PlannedFold, encode_pass
from bpnet.workflows.model_folder import save_model_folder
from bpnet.workflows.out_of_fold import predict_fold
from bpnet.workflows.passes import PassesSession
from bpnet.workflows.run_place import Place
from bpnet.workflows.session import FoldWatcher, divergence_cause
from bpnet.workflows.side_by_side import Elsewhere, side_by_side


class TrainedFold(NamedTuple):
    """A fold whose network has trained, and its predictions for the fold's test rows."""

    result: FoldResult
    member: Model
    predictions: FoldPredictions


@dataclass
class TrainedFolds:
    """The folds that have trained so far."""

    folds: list[TrainedFold] = field(default_factory=list)
    left_out: list[dict[str, int]] = field(default_factory=list)
    """Repetition and number of each fold whose network diverged."""
    from_start: bool = True
    """True if no network that diverged had a finite loss with its first weights."""

    @property
    def results(self) -> list[FoldResult]:
        """The results of the folds."""
        return [fold.result for fold in self.folds]


class CVSession(PassesSession):
    """The training of all folds, one pass after another."""

    def __init__(
        self,
        passes: Sequence[Sequence[PlannedFold]],
        first: list[EncodedDataset],
        opened: OpenedDataset,
        run: RunPaths,
        run_file: RunFile,
        place: Place,
        watcher: FoldWatcher,
    ) -> None:
        super().__init__(run, watcher, opened.loaded.config, run_file, place.saved)
        self._begin_pass = watcher.begin_pass
        self._passes, self._opened = passes, opened
        self._run, self._run_file, self._scratch = run, run_file, place.scratch
        self._ready = [first]
        """The encoded folds of the first pass, until they train."""
        self.trained = TrainedFolds()
        self.estimates: dict[str, Estimate] = {}
        self.with_baselines = False
        self.baselines: CVBaselines | None = None

    def train(self) -> Status:
        """Train every pass, whose epochs go to folds.csv; all have diverged if no fold is left."""
        first = self._passes[0][0]
        validated = bool(len(first.fold.parts["validation"]))
        names = first.fitted.resolved.metric_columns(validated=validated)
        columns = ["epoch", "repeat", "fold", *names, "learning_rate", "gradient_norm"]
        path, sizes = self._run.folds_csv, self._saved.sizes
        self._log = MetricsLog(
            path, columns, size=sizes.get(path.name), on_error=self.on_write_error
        )
        with self._log, self.saved_between_passes():
            passes = side_by_side(
                self._fold_passes(),
                lambda one: self.task_of(_key(one[0]), one[1]),
                len(self._passes),
            )
            with closing(passes):
                for (number, training), elsewhere in passes:
                    self._train_pass(number, training, elsewhere)
            # passes group folds by shape, not by number
            self.trained.folds.sort(key=lambda fold: (fold.result.repeat, fold.result.fold))
            if self.with_baselines and self.trained.folds:
                self._score_baselines()
        return "finished" if self.trained.folds else "diverged"

    def _score_baselines(self) -> None:
        """Fit and score the baselines; an interruption is as one between two passes."""
        fitted = {id(one.fold): one.fitted for group in self._passes for one in group}
        folds = [
            BaselineFold(one.result, fitted[id(one.predictions.fold)], one.predictions)
            for one in self.trained.folds
        ]
        self.baselines = score_baselines(self._opened.table, folds)

    def _fold_passes(self) -> Iterator[tuple[int, FoldPass]]:
        """Yield the passes with their numbers, each as soon as its rows are encoded."""
        for number, group in enumerate(self._passes, start=1):
            prepared = self._ready.pop() if self._ready else encode_pass(group, self._scratch)
            training = FoldPass(group, prepared, self._log)
            del prepared  # which the next one needs no more
            yield number, training

    def _train_pass(self, number: int, training: FoldPass, elsewhere: Elsewhere | None) -> None:
        """Train the folds of a pass; an interrupted pass leaves its networks, too."""
        group, prepared = training.folds, training.prepared
        if len(self._passes) > 1:  # the means of one fold are that fold's own curves
            several = len(group) > 1
            training.series = Series(f"pass-{number}") if several else training.network_series()[0]
        self._begin_pass(
            self._run.folder,
            prepared[0],
            training.model.network.theta.shape[1],
            number,
            [len(one) for one in self._passes],
        )
        self.begin_budget(prepared[0].config.seconds)
        self.train_pass(_key(number), training, lambda: self._collect_networks(training), elsewhere)
        self._log.flush()

    def log_sizes(self, *, flush: bool) -> dict[str, int]:
        """Return the number of bytes of each log, with all rows so far."""
        return {self._run.folds_csv.name: self._log.size(flush=flush)}

    def _collect_networks(self, training: FoldPass) -> None:
        """Collect the networks of a pass, with their predictions and how they ended."""
        last, ended = training.last, "budget" if training.out_of_time else "interrupted"
        assert last is not None
        members = [
            replace(training.model.select([k]), description=description)
            for k, description in enumerate(training.descriptions)
        ]
        for k, (planned, prepared, member) in enumerate(
            zip(training.folds, training.prepared, members, strict=True)
        ):
            fold = planned.fold
            if last.diverged[k]:
                self.trained.left_out.append({"repeat": fold.repeat, "fold": fold.fold})
                self.trained.from_start &= infinite_from_start(member, prepared.rows["train"])
                self._watcher.warn(
                    f"fold {fold.fold} of repetition {fold.repeat} diverged and is left out"
                )
                continue
            calibrated, _ = calibrate(member, prepared, prepared.config.calibration)
            predictions, metrics = predict_fold(fold, calibrated, prepared)
            result = FoldResult(
                repeat=fold.repeat,
                fold=fold.fold,
                seed=planned.seed,
                rows={part: len(rows) for part, rows in fold.parts.items()},
                stop_reason=last.stops[k] if last.stops else ended,
                best_epoch=int(last.kept_epoch[k]),
                figures=metrics,
            )
            rows = prepared.rows.get("validation", prepared.rows["train"])
            losses = measure_replicas(member, rows)["loss"].tolist()
            member = calibrated.members[0].with_losses(losses)
            self.trained.folds.append(TrainedFold(result, member, predictions))

    def save(self, status: Status) -> None:
        """Write the model, the predictions, the metrics and the end of run.json."""
        # passes group folds by shape, not by number
        self.trained.folds.sort(key=lambda fold: (fold.result.repeat, fold.result.fold))
        if self.trained.folds:
            self._save_folds(self.trained.folds)
        results = self.trained.results
        self._run_file.close(
            status,
            stop_reason=results[0].stop_reason if status == "finished" else status,
            folds=[asdict(result) for result in results],
            left_out=self.trained.left_out,
        )
        self.remove_checkpoints(status)

    def _save_folds(self, folds: Sequence[TrainedFold]) -> None:
        description = folds[0].member.description
        write_predictions(
            self._run.predictions,
            [fold.predictions for fold in folds],
            description.target,
            self._opened.target_values.values,
        )
        results = [fold.result for fold in folds]
        self.estimates = estimate_metrics(results)
        save_model_folder(
            Ensemble([fold.member for fold in folds]),
            self._run,
            self._opened.table,
            {},
            {"cross_validation": {name: one.mean for name, one in self.estimates.items()}},
        )
        files.write_json(
            self._run.metrics_json,
            {
                **metrics_document(self.estimates, results, self._passes[0][0].fitted.positive),
                **baselines_document(self.baselines),
            },
        )

    def raise_unless_finished(self, status: Status, learning_rate: float) -> None:
        """Raise InterruptedRunError or DivergedError if the training ended so."""
        if status == "interrupted":
            count = len(self.trained.folds)
            saved = f"the networks of {counted(count, 'fold')} are saved in {self._run.folder}"
            raise InterruptedRunError(
                f"interrupted; {saved if count else 'no fold had been trained'}; "
                f"next: bpnet resume {shell_path(self._run.folder)}",
                self.interruption.number,
                self._run.folder,
            )
        if status == "diverged":
            cause = divergence_cause(learning_rate, from_start=self.trained.from_start)
            raise DivergedError(f"training diverged in every fold: {cause}", self._run.folder)


def _key(number: int) -> str:
    """Return the key of a pass."""
    return f"{number:06d}"
