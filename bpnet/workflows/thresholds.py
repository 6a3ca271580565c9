"""The threshold of an evaluation: chosen on rows that no network trained on, or given."""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bpnet.data.decisions import Thresholds
from bpnet.errors import DataError, RunError, UsageError
from bpnet.messages import closest_match, shell_quoted
from bpnet.models.ensemble import Ensemble
from bpnet.models.threshold_choice import ThresholdChoice
from bpnet.paths import is_file
from bpnet.runs import directory
from bpnet.runs.lock import RunLock
from bpnet.workflows.given_thresholds import GivenThresholds, read_given
from bpnet.workflows.model_folder import keep_thresholds
from bpnet.workflows.scored_model import ScoredModel
from bpnet.workflows.threshold_rows import ThresholdRows, decided_columns, threshold_rows
from bpnet.workflows.training_table import TrainingTable

if TYPE_CHECKING:  # imports scikit-learn, which takes a second
    from bpnet.scoring.thresholds import Cost, Criterion, Decision, ThresholdScores

BEST = "best-"
_FEWEST_RESAMPLES = 200
"""Resamples of each label, of which there may be many."""
_CHOICES = (
    "a number from 0 to 1, best-f1, best-matthews or best-cost, or NAME=NUMBER of each label, "
    "separated by commas"
)


@dataclass(frozen=True)
class ThresholdOptions:
    """What `bpnet eval` is asked for: numbers or best-CRITERION, costs, and to keep them."""

    threshold: str | None = None
    cost: str | None = None
    save: bool = False

    @property
    def asked(self) -> bool:
        """True if any of it is asked for."""
        return self != NO_THRESHOLD

    @property
    def typed(self) -> str:
        """The options as they are typed, each after a blank."""
        words = ""
        for name, text in (("--threshold", self.threshold), ("--cost", self.cost)):
            words += "" if text is None else f" {name} {shell_quoted(text)}"
        return words + (" --save" if self.save else "")


NO_THRESHOLD = ThresholdOptions()


@dataclass(frozen=True)
class DecidedScores:
    """The threshold of a class or a label, its scores, and those of other thresholds.

    `choices` are scores of the rows that it was chosen on; `decision` those of the rows that are
    evaluated.
    """

    name: str
    threshold: float
    low: float | None
    """The limits of the thresholds that 95 % of the resamples of these rows choose, if it was
    chosen."""
    high: float | None
    before: float
    choices: list["ThresholdScores"]
    decision: "Decision"

    @property
    def doubtful(self) -> bool:
        """True if it was chosen, and resamples choose ½, too."""
        if self.low is None or self.high is None or self.threshold == 0.5:
            return False
        return self.low <= 0.5 <= self.high


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
class ThresholdRequest:
    """What is asked for: a criterion, numbers, or neither, which leaves the model's thresholds."""

    criterion: "Criterion | None"
    given: GivenThresholds | None
    cost: "Cost | None"

    def held_out(
        self,
        run: Path,
        model: Ensemble,
        training: TrainingTable | None,
        replica: str,
        warnings: list[str],
    ) -> ThresholdRows | None:
        """Return the rows that no network trained on; None if there are none, and none needed."""
        try:
            return threshold_rows(run, model, training, replica, warnings)
        except (RunError, DataError, UsageError):
            if self.criterion is not None:
                raise
            return None

    def decided(
        self, model: Ensemble, held_out: ThresholdRows | None, warnings: list[str]
    ) -> Ensemble:
        """Return the model with thresholds that are chosen on the held-out rows, or given."""
        if self.given is not None:
            return self.given.decided(model)
        if self.criterion is None:
            return model
        assert held_out is not None
        best = _choose(held_out, model.decided, self.criterion, self.cost, warnings)
        choice = ThresholdChoice(
            criterion=self.criterion,
            part=held_out.part,
            rows=len(held_out.true),
            **(asdict(self.cost) if self.cost and self.criterion == "cost" else {}),
        )
        choices = [None if each is None else choice for each in best]
        return model.with_thresholds([0.5 if each is None else each for each in best], choices)


def read_threshold_options(options: ThresholdOptions, replica: str) -> ThresholdRequest | None:
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
        return ThresholdRequest(None, None, cost)
    for criterion in CRITERIA:
        if text.lower() == BEST + criterion:
            if criterion == "cost" and cost is None:
                raise UsageError(
                    "--threshold best-cost needs the costs of a missed row and of a false alarm, "
                    "such as --cost fn=10,fp=1"
                )
            return ThresholdRequest(criterion, None, cost)
    if (given := read_given(text)) is not None:
        return ThresholdRequest(None, given, cost)
    near = closest_match(text, [BEST + criterion for criterion in CRITERIA])
    hint = f"; did you mean {near}?" if near else ""
    raise UsageError(f"--threshold {text!r}: must be {_CHOICES}{hint}")


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
        keep_thresholds(self.folder, model)
        return replace(report, saved=str(self.folder / "model.json"))


def _choose(
    held_out: ThresholdRows,
    names: Sequence[str],
    criterion: "Criterion",
    cost: "Cost | None",
    warnings: list[str],
) -> list[float | None]:
    """Return the best threshold of each class or label; None, with a warning, where rows are alike.

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
        best_threshold(held_out.true[:, k], held_out.p[:, k], criterion, cost) if both else None
        for k, both in enumerate(varies)
    ]


def report_thresholds(
    scored: ScoredModel,
    held_out: ThresholdRows | None,
    before: Thresholds,
    asked: ThresholdRequest,
    resamples: int,
) -> ThresholdReport:
    """Return the scores of the model's thresholds, beside those of the ones before."""
    from bpnet.scoring.thresholds import (  # deferred: see above
        SHOWN,
        resampled_thresholds,
        score_decision,
        scores_at,
    )

    model, cost = scored.model, asked.cost
    names = model.decided
    true, p = decided_columns(model, scored.rows.values, scored.predicted)
    usual = [0.5] * len(names)
    old, new = before or usual, model.thresholds or usual
    compared_by: Criterion = asked.criterion or ("cost" if cost else "f1")
    each = []
    for k, name in enumerate(names):
        choices: list[ThresholdScores] = []
        limits: tuple[float | None, float | None] = (None, None)
        if held_out is not None and asked.criterion is not None:
            limits = resampled_thresholds(
                held_out.true[:, k],
                held_out.p[:, k],
                asked.criterion,
                cost,
                scored.generator(4),
                max(resamples // len(names), min(resamples, _FEWEST_RESAMPLES)),
                held_out.groups,
            )
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
            scored.groups,
        )
        each.append(DecidedScores(name, new[k], *limits, old[k], choices, decision))
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
