"""The threshold of an evaluation: chosen on rows that no network trained on, or given."""

import csv
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bpnet.data.decisions import Thresholds
from bpnet.data.reading.column import Floats
from bpnet.data.targets import Classes
from bpnet.engine.component import Array
from bpnet.errors import DataError, RunError, UsageError
from bpnet.messages import closest_match
from bpnet.models.ensemble import Ensemble
from bpnet.models.saved_ensemble import save_thresholds
from bpnet.paths import is_file
from bpnet.runs import directory
from bpnet.runs.directory import RunPaths
from bpnet.runs.files import open_text, short_lines
from bpnet.runs.lock import RunLock
from bpnet.workflows.evaluation_set import read_evaluation_set
from bpnet.workflows.scored_model import ScoredModel
from bpnet.workflows.training_table import TrainingTable, open_training_table

if TYPE_CHECKING:  # imports scikit-learn, which takes a second
    from bpnet.scoring.thresholds import Cost, Criterion, Decision, ThresholdScores

BEST = "best-"
_CHOICES = "a number from 0 to 1, best-f1, best-matthews or best-cost"


@dataclass(frozen=True)
class ThresholdOptions:
    """What `bpnet eval` is asked for: a number or best-CRITERION, costs, and to keep it."""

    threshold: str | None = None
    cost: str | None = None
    save: bool = False

    @property
    def asked(self) -> bool:
        """True if any of it is asked for."""
        return self != NO_THRESHOLD


NO_THRESHOLD = ThresholdOptions()


@dataclass(frozen=True)
class HeldOut:
    """Rows that no network trained on: true (N, L) and probabilities (N, L) of what is decided."""

    part: str
    true: Array
    p: Floats


@dataclass(frozen=True)
class DecidedScores:
    """The threshold of a class or a label, its scores, and those of other thresholds.

    `choices` are scores of the rows that it was chosen on; `decision` those of the rows that are
    evaluated.
    """

    name: str
    threshold: float
    before: float
    choices: list["ThresholdScores"]
    decision: "Decision"


@dataclass(frozen=True)
class ThresholdReport:
    """The thresholds of an evaluation."""

    criterion: "Criterion | None"
    """What the thresholds were chosen by; None if they were given."""
    compared_by: "Criterion"
    """The score whose gain is reported."""
    cost: "Cost | None"
    chosen_on: str | None
    """The part whose rows `choices` are about; None if none were held out."""
    chosen_rows: int
    each: list[DecidedScores]
    saved: str | None = None
    """The file that keeps them, if it does now."""


@dataclass(frozen=True)
class Asked:
    """What is asked for: a criterion, a number, or neither, which leaves the model's thresholds."""

    criterion: "Criterion | None"
    number: float | None
    cost: "Cost | None"

    def thresholds(
        self, model: Ensemble, held_out: HeldOut | None, warnings: list[str]
    ) -> Thresholds:
        """Return the thresholds, chosen on the held-out rows or given."""
        if self.number is not None:
            return [self.number] * len(model.decided)
        if self.criterion is None:
            return model.thresholds
        assert held_out is not None
        return _choose(held_out, model.decided, self.criterion, self.cost, warnings)


def read_threshold_options(options: ThresholdOptions, replica: str) -> Asked | None:
    """Return what is asked for, None if nothing is; raises UsageError."""
    text = options.threshold
    if options.save and text is None:
        raise UsageError(f"--save keeps a threshold; name it: --threshold with {_CHOICES}")
    if options.save and replica != "all":
        raise UsageError(
            f"--save keeps a threshold for all networks together; leave out --replica {replica}"
        )
    if text is None and options.cost is None:
        return None
    from bpnet.scoring.thresholds import CRITERIA  # deferred: see above

    cost = None if options.cost is None else _read_cost(options.cost)
    if text is None:
        return Asked(None, None, cost)
    for criterion in CRITERIA:
        if text.lower() == BEST + criterion:
            if criterion == "cost" and cost is None:
                raise UsageError(
                    "--threshold best-cost needs the costs of a missed row and of a false alarm, "
                    "such as --cost fn=10,fp=1"
                )
            return Asked(criterion, None, cost)
    with suppress(ValueError):
        if 0 <= float(text) <= 1:
            return Asked(None, float(text), cost)
    near = closest_match(text, [BEST + criterion for criterion in CRITERIA])
    hint = f"; did you mean {near}?" if near else ""
    raise UsageError(f"--threshold {text!r}: must be {_CHOICES}{hint}")


def check_decides(model: Ensemble, option: str) -> None:
    """Raise UsageError unless the model predicts by a threshold."""
    if model.decided:
        return
    description = model.description
    predicted: str = description.target.kind
    if description.classes:
        predicted = f"one of {len(description.classes)} classes, the most probable one"
    raise UsageError(
        f"{option}: a threshold is for two classes or for labels; this run predicts {predicted}"
    )


class SavedModel:
    """The model of a run that keeps a threshold: locked, so that no training replaces it."""

    def __init__(self, path: Path) -> None:
        run = directory.run_of(path)
        self.folder = run.model if run is not None else path
        self._lock = RunLock(run.folder) if run is not None else None

    def __enter__(self) -> "SavedModel":
        if self._lock is not None:
            self._lock.acquire()
        if not is_file(self.folder / "model.json"):
            self.__exit__()
            raise RunError(
                f"{self.folder}: has no model to keep a threshold in before the training has "
                "ended; evaluate without --save"
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.release()

    def keep(self, model: Ensemble, report: ThresholdReport | None) -> ThresholdReport:
        """Keep the thresholds of the model; return the report with the file that has them."""
        assert report is not None
        save_thresholds(self.folder, model.thresholds)
        return replace(report, saved=str(self.folder / "model.json"))


def held_out_rows(
    run: Path, model: Ensemble, training: TrainingTable | None, asked: Asked, replica: str
) -> HeldOut | None:
    """Return the rows that no network trained on: out of fold, else the validation rows.

    It is None if there are none. Raises RunError, DataError or UsageError if a threshold must be
    chosen on them.
    """
    try:
        return _held_out_rows(run, model, training, replica)
    except (RunError, DataError, UsageError):
        if asked.criterion is not None:
            raise
        return None


def _held_out_rows(
    run: Path, model: Ensemble, training: TrainingTable | None, replica: str
) -> HeldOut:
    number = "give a number: --threshold 0.3"
    paths = directory.run_of(run)
    if paths is None:
        raise DataError(
            f"{run}: is a model without its run, so no held-out rows are known to choose a "
            f"threshold on; {number}"
        )
    if is_file(paths.predictions):
        if replica != "all":
            raise UsageError(
                f"--replica {replica}: out-of-fold rows are predicted by all networks together, "
                f"so no threshold can be chosen for one of them; {number}"
            )
        return _out_of_fold(paths, model)
    if training is None:
        training = open_training_table(run, f"; or {number}")
    mask = training.mask("validation")
    if not mask.any():
        raise DataError(
            f"{run}: the run has neither validation rows nor folds to choose a threshold on; "
            f"{number}"
        )
    scored = ScoredModel(model, read_evaluation_set(model, training.table, mask, []))
    return HeldOut("validation", *_decided_columns(model, scored.rows.values, scored.predicted))


def _decided_columns(model: Ensemble, values: Array, predicted: Floats) -> tuple[Array, Floats]:
    """Return the mask (N, L) and probabilities (N, L) of the positive class, or of the labels."""
    target = model.description.target
    if isinstance(target, Classes):
        positive = target.positive_number
        return (values == positive)[:, None], predicted[:, [positive]].astype(np.float64)
    return values > 0, predicted.astype(np.float64)


def _choose(
    held_out: HeldOut,
    names: Sequence[str],
    criterion: "Criterion",
    cost: "Cost | None",
    warnings: list[str],
) -> list[float]:
    """Return the best threshold for each class or label, ½, with a warning, where rows are alike.

    Raises DataError if that is so for all of them.
    """
    from bpnet.scoring.thresholds import best_threshold  # deferred: see above

    varies = [0 < held_out.true[:, k].sum() < len(held_out.true) for k in range(len(names))]
    alike = [name for name, both in zip(names, varies, strict=True) if not both]
    words = f"the {held_out.part.replace('_', '-')} rows"
    if len(alike) == len(names):
        raise DataError(
            f"{words} either all are '{names[0]}' or none is, so that no threshold can be chosen; "
            "give a number: --threshold 0.3"
        )
    if alike:
        shown = ", ".join(f"'{name}'" for name in alike[:5])
        warnings.append(f"the threshold of {shown} stays 0.5, since {words} have it all, or none")
    return [
        best_threshold(held_out.true[:, k], held_out.p[:, k], criterion, cost) if both else 0.5
        for k, both in enumerate(varies)
    ]


def report_thresholds(
    scored: ScoredModel,
    held_out: HeldOut | None,
    before: Thresholds,
    asked: Asked,
    resamples: int,
) -> ThresholdReport:
    """Return the scores of the model's thresholds, beside those of the ones before."""
    from bpnet.scoring.thresholds import SHOWN, score_decision, scores_at  # deferred: see above

    model, cost = scored.model, asked.cost
    names = model.decided
    true, p = _decided_columns(model, scored.rows.values, scored.predicted)
    usual = [0.5] * len(names)
    old, new = before or usual, model.thresholds or usual
    compared_by: Criterion = asked.criterion or ("cost" if cost else "f1")
    each = []
    for k, name in enumerate(names):
        choices: list[ThresholdScores] = []
        if held_out is not None:
            shown = sorted({*SHOWN, new[k], old[k]})
            choices = scores_at(held_out.true[:, k], held_out.p[:, k], shown, cost)
        decision = score_decision(
            true[:, k],
            p[:, k],
            new[k],
            old[k],
            compared_by,
            cost,
            scored.generator(3),
            resamples,
        )
        each.append(DecidedScores(name, new[k], old[k], choices, decision))
    return ThresholdReport(
        criterion=asked.criterion,
        compared_by=compared_by,
        cost=cost,
        chosen_on=held_out.part if held_out else None,
        chosen_rows=len(held_out.true) if held_out else 0,
        each=each,
    )


def _read_cost(text: str) -> "Cost":
    from bpnet.scoring.thresholds import Cost  # deferred: see above

    values: dict[str, float] = {}
    with suppress(ValueError):
        for part in text.split(","):
            name, _, value = part.partition("=")
            values[name.strip().lower()] = float(value)
    sound = all(math.isfinite(value) and value >= 0 for value in values.values())
    if (
        set(values) != {"fn", "fp"}
        or len(text.split(",")) != 2
        or not sound
        or not any(values.values())
    ):
        raise UsageError(
            f"--cost {text!r}: must be the cost of a missed row and of a false alarm, "
            "numbers of at least 0, such as fn=10,fp=1"
        )
    return Cost(**values)


def _out_of_fold(paths: RunPaths, model: Ensemble) -> HeldOut:
    """Return the rows of predictions.csv; raises RunError if it is not that of the model."""
    target, names = model.description.target, model.decided
    classes = model.description.classes
    outputs = len(classes or names)
    width, position = len(target.names), classes.index(names[0]) if classes else 0
    true, p = [], []
    with open_text(paths.predictions) as file:
        lines = csv.reader(short_lines(file, paths.predictions))
        header = next(lines, [])
        for number, cells in enumerate(lines, start=2):
            try:
                if len(cells) != len(header) or len(cells) != 3 + 2 * width + outputs:
                    raise ValueError
                truth, shares = cells[3 : 3 + width], list(map(float, cells[-outputs:]))
                if classes:
                    true.append([classes.index(truth[0]) == position])
                    p.append([shares[position]])
                else:
                    true.append([float(cell) > 0 for cell in truth])
                    p.append(shares)
                if not all(0 <= share <= 1 for share in shares):
                    raise ValueError
            except ValueError:
                raise RunError(
                    f"{paths.predictions}, line {number}: is not what the run has written; "
                    "restore it from a copy, or train again"
                ) from None
    if not true:
        raise RunError(f"{paths.predictions}: has no rows; restore it from a copy")
    return HeldOut("out_of_fold", np.array(true), np.array(p))
