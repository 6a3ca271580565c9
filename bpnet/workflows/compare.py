"""The comparison of runs: their scores on the same rows, and the settings in which they differ."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bpnet.config.task import Task
from bpnet.data.decisions import thresholds_of
from bpnet.data.reading.column import Floats
from bpnet.data.targets import AnyTarget, Classes, Labels
from bpnet.errors import DataError, RunError, UsageError
from bpnet.messages import quoted_list
from bpnet.models.run_model import RunModel, open_run_model
from bpnet.models.saved_ensemble import read_thresholds
from bpnet.runs import directory
from bpnet.runs.config_values import Value
from bpnet.runs.curve import LossCurve, read_curve
from bpnet.runs.directory import RunPaths
from bpnet.runs.entry import SCORED_PARTS, RunEntry, read_entry
from bpnet.runs.query import differing_keys
from bpnet.scoring.metric_values import metric_values
from bpnet.scoring.metrics import EVALUATION_METRICS, WEIGHTED
from bpnet.scoring.paired import PairedMetric, compare_paired
from bpnet.workflows.held_out import TEST, HeldOut, held_out_predictions
from bpnet.workflows.row_groups import DrawnGroups


@dataclass(frozen=True)
class ComparedRun:
    """A run of the comparison, and its scores."""

    name: str
    """Its path, as it was given."""
    status: str
    part: str | None
    """The rows that the scores are of: test, out_of_fold, validation or train."""
    rows: int | None
    metrics: dict[str, float | None]
    paired: bool
    """True if it is compared on the same rows as the others that are."""
    reason: str | None
    """Why it is not."""
    curve: LossCurve | None
    thresholds: dict[str, float] = field(default_factory=dict)
    """The thresholds, by class or label, that its scores are by, if they are not ½."""


@dataclass(frozen=True)
class RunsComparison:
    """Runs side by side."""

    task: Task
    targets: list[str]
    positive: str | None
    """The class, of two, whose average precision it is."""
    runs: list[ComparedRun]
    metrics: list[PairedMetric]
    """The metrics of the paired runs, whose numbers count these only, in order."""
    paired: list[int]
    """The numbers of the paired runs."""
    rows: int
    """The number of rows on which they are compared."""
    settings: dict[str, list[Value]]
    """The values of each key of the configs that differs, the most telling first."""
    weighted: list[str]
    """The keys by which rows weigh in the training of a run."""
    weights_agree: bool
    """True if the paired runs weigh rows alike, so that there are weighted metrics."""
    groups: DrawnGroups | None
    """The groups of rows that are drawn whole, if a paired run's split keeps them together."""
    warnings: list[str]


def compare_runs_of(
    paths: Sequence[Path], open_model: Callable[[Path], RunModel] = open_run_model
) -> RunsComparison:
    """Compare runs on the rows that all of them have held out.

    Runs with other rows, or without predictions, are shown with their scores, unpaired. The model
    of each is opened by a function, which may have it already.

    Raises
    ------
    UsageError
        There is only one run, or one is given twice.
    RunError
        A path is not a run, or the runs have different tasks or targets.
    """
    _check_paths(paths)
    warnings: list[str] = []
    entries = [read_entry(directory.open_run(path).folder) for path in paths]
    predictions: list[HeldOut | None] = []
    reasons: list[str | None] = []
    for path in paths:
        try:
            predictions.append(held_out_predictions(path, warnings, open_model))
            reasons.append(None)
        except (RunError, DataError) as error:
            predictions.append(None)
            problem = error.problems[0].removeprefix(f"{path}: ")
            reasons.append(f"{problem}{_scored_otherwise(path)}")
    task, target, names_of_target = _common_target(paths, entries, predictions)
    paired = _paired(predictions)
    for k, held_out in enumerate(predictions):
        if held_out is not None and k not in paired:
            others = [one for j in paired if (one := predictions[j]) is not None]
            reasons[k] = _other_rows(held_out, others[0] if others else None)
    same = [held_out for k in paired if (held_out := predictions[k]) is not None]
    compared = _compare_rows(same) if len(same) > 1 else _ComparedRows()
    names = [metric.name for metric in EVALUATION_METRICS[task]]
    runs = []
    for k, (path, entry, held_out) in enumerate(zip(paths, entries, predictions, strict=True)):
        part, count, metrics = _scores(entry, held_out, names)
        is_paired = len(paired) > 1 and k in paired
        if is_paired:
            place = paired.index(k)
            metrics |= {one.name: one.values[place] for one in compared.weighted}
        reason = None if is_paired else reasons[k]
        curve = read_curve(RunPaths(entry.folder))
        runs.append(
            ComparedRun(
                str(path),
                entry.status,
                part,
                count,
                metrics,
                is_paired,
                reason,
                curve,
                held_out.thresholds if held_out is not None else {},
            )
        )
    return RunsComparison(
        task=task,
        targets=names_of_target,
        positive=_positive(target),
        runs=runs,
        metrics=compared.metrics,
        paired=paired if len(paired) > 1 else [],
        rows=compared.rows,
        settings={
            key: [entry.config.get(key) for entry in entries]
            for key in differing_keys(entries, of_table=True)
        },
        weighted=[
            key
            for key in ("dataset.class_weight", "dataset.sample_weight")
            if any(_set(entry, key) for entry in entries)
        ],
        weights_agree=bool(compared.weighted),
        groups=compared.groups,
        warnings=list(dict.fromkeys(warnings)),
    )


@dataclass(frozen=True)
class _ComparedRows:
    """What the paired runs are worth on their rows."""

    metrics: list[PairedMetric] = field(default_factory=list)
    rows: int = 0
    groups: DrawnGroups | None = None

    @property
    def weighted(self) -> list[PairedMetric]:
        """The metrics in which rows count by their weights."""
        return [metric for metric in self.metrics if metric.name.startswith(WEIGHTED)]


def _compare_rows(runs: Sequence[HeldOut]) -> _ComparedRows:
    """Compare the predictions of runs for the same rows, with the groups and weights of these."""
    target = runs[0].target
    groups = next((one.groups for one in runs if one.groups is not None), None)
    metrics = compare_paired(
        target,
        runs[0].true,
        [_in_order(one, target) for one in runs],
        thresholds=[thresholds_of(target, one.thresholds) for one in runs],
        groups=None if groups is None else groups.numbers,
        weights=_common_weights(runs),
    )
    return _ComparedRows(metrics, len(runs[0].rows), None if groups is None else groups.drawn)


def _check_paths(paths: Sequence[Path]) -> None:
    if len(paths) < 2:
        raise UsageError(
            "give two runs or more to compare, such as: bpnet compare runs/iris-001 runs/iris-002; "
            "`bpnet show RUN` is about one"
        )
    seen: dict[str, Path] = {}
    for path in paths:
        place = os.path.realpath(path)  # which a circle of links does not stop
        if place in seen:
            raise UsageError(f"{path}: is the same run as {seen[place]}; give it once")
        seen[place] = path


def _common_target(
    paths: Sequence[Path], entries: Sequence[RunEntry], predictions: Sequence[HeldOut | None]
) -> tuple[Task, AnyTarget | None, list[str]]:
    """Return the task and the target of all runs, and the target's names; raises RunError."""
    known: list[tuple[Path, Task | None, list[str], AnyTarget | None]] = []
    for path, entry, held_out in zip(paths, entries, predictions, strict=True):
        if held_out is not None:
            target = held_out.target
            known.append((path, _task(target), target.names, target))
        else:
            known.append((path, _configured_task(entry), _target_names(entry), None))
    first, _, names, _ = known[0]
    for path, _, others, _ in known[1:]:
        if names and others and sorted(names) != sorted(others):
            raise RunError(
                f"{path}: predicts {quoted_list(others)}, and {first} {quoted_list(names)}; runs "
                "with different targets cannot be compared"
            )
    tasks = [(path, task) for path, task, _, _ in known if task is not None]
    if not tasks:
        raise RunError(
            f"{first}: none of these runs has scores to compare; go on with: bpnet resume RUN"
        )
    for path, task in tasks[1:]:
        if task != tasks[0][1]:
            raise RunError(
                f"{path}: its task is {task}, and that of {tasks[0][0]} is {tasks[0][1]}; runs of "
                "different tasks cannot be compared"
            )
    known_target = next((one for _, _, _, one in known if one is not None), None)
    return tasks[0][1], known_target, names


def _task(target: AnyTarget) -> Task:
    if isinstance(target, Classes):
        return "classification"
    return "multilabel" if isinstance(target, Labels) else "regression"


def _configured_task(entry: RunEntry) -> Task | None:
    task = entry.config.get("task")
    return next((one for one in EVALUATION_METRICS if one == task), None)


def _target_names(entry: RunEntry) -> list[str]:
    """Return the target's names as the config has them."""
    text = entry.config.get("dataset.target")
    if not isinstance(text, str):
        return []
    return text[1:-1].split(", ") if text.startswith("[") else [text]


def _paired(predictions: Sequence[HeldOut | None]) -> list[int]:
    """Return the numbers of the runs that predict the same rows: the largest group, the first."""
    groups: list[list[int]] = []
    for k, held_out in enumerate(predictions):
        if held_out is None:
            continue
        for group in groups:
            first = predictions[group[0]]
            if first is not None and _agree(held_out, first):
                group.append(k)
                break
        else:
            groups.append([k])
    return max(groups, key=len, default=[])


def _agree(one: HeldOut, other: HeldOut) -> bool:
    """Return whether runs have predicted the same classes or targets of the same rows."""
    return (
        one.same_rows(other)
        and sorted(_columns(one.target)) == sorted(_columns(other.target))
        and np.array_equal(_true_as(one, other.target), other.true)
    )


def _columns(target: AnyTarget) -> list[str]:
    """Return what the columns of predictions are about: classes, labels or quantities."""
    return target.classes if isinstance(target, Classes) else target.names


def _in_order(held_out: HeldOut, target: AnyTarget) -> Floats:
    """Return the predictions (N, K) with their columns in the order of another target."""
    columns = _columns(held_out.target)
    return held_out.predicted[:, [columns.index(name) for name in _columns(target)]]


def _common_weights(held_out: Sequence[HeldOut]) -> Floats | None:
    """Return the weights (N,) of the rows, of mean 1; None unless all runs have the same."""
    first = None
    for one in held_out:
        if one.weights is None or not one.weights.sum() > 0:
            return None
        weights = one.weights / one.weights.mean()
        if first is not None and not np.allclose(weights, first, rtol=1e-6, atol=1e-9):
            return None
        first = weights if first is None else first
    return first if first is not None and np.ptp(first) > 0 else None


def _true_as(held_out: HeldOut, target: AnyTarget) -> np.ndarray:
    """Return the true values as another target, with the same columns, has them."""
    columns = _columns(target)
    if isinstance(target, Classes):
        numbers = np.array([columns.index(name) for name in _columns(held_out.target)])
        return np.asarray(numbers[held_out.true])
    own = _columns(held_out.target)
    return held_out.true[:, [own.index(name) for name in columns]]


def _other_rows(held_out: HeldOut, other: HeldOut | None) -> str:
    """Return why a run is not compared on the same rows as another."""
    if other is None or held_out.data_sha256 != other.data_sha256:
        return "it was trained on another table, or on another version of it"
    if held_out.same_rows(other):
        return "its classes are others"
    own, others = (
        f"{len(one.rows):,} {'test' if one.part == TEST else 'out-of-fold'} rows"
        for one in (held_out, other)
    )
    return f"its {own} are not the rows of the others ({others})"


def _scores(
    entry: RunEntry, held_out: HeldOut | None, names: Sequence[str]
) -> tuple[str | None, int | None, dict[str, float | None]]:
    """Return the part that a run's scores are of, its number of rows, and the scores."""
    if held_out is not None:
        values = metric_values(
            held_out.target,
            held_out.true,
            held_out.predicted,
            names,
            thresholds_of(held_out.target, held_out.thresholds),
        )
        return held_out.part, len(held_out.rows), values
    for part in SCORED_PARTS:
        found = {name: entry.scores.get(f"{part}.{name}") for name in names}
        if any(value is not None for value in found.values()):
            rows = entry.run.get("rows")
            count = rows.get(part) if isinstance(rows, dict) else None
            return part, count if isinstance(count, int) else None, found
    return None, None, dict.fromkeys(names)


def _scored_otherwise(path: Path) -> str:
    """Return a clause on the saved scores of a run whose model decides otherwise by now."""
    try:
        kept = read_thresholds(directory.open_run(path).model)
    except RunError:
        return ""
    return "; its saved scores are by 0.5, not by the threshold that its model keeps" * bool(kept)


def _positive(target: AnyTarget | None) -> str | None:
    if isinstance(target, Classes) and len(target.classes) == 2:
        return target.classes[target.positive_number]
    return None


def _set(entry: RunEntry, key: str) -> bool:
    """Return whether a config sets a key, or keys inside it."""
    return any(
        value is not None and (name == key or name.startswith(f"{key}."))
        for name, value in entry.config.items()
    )
